"""What AutoSkillit may rely on, on each of its version lines: it never notices us, whatever becomes of us."""

import asyncio
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import wrapt
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk import trace as sdk_trace

import otel_dispatch
from otel_dispatch import _boot, aloft, autoskillit_layers, autoskillit_words, entry, launch, patch
from otel_dispatch.hosts import autoskillit as host
from tests.conftest import Faults, Told
from tests.hosts import autoskillit_double as double
from tests.hosts.autoskillit_double import calls, parts
from tests.hosts.autoskillit_double.calls import CALLS, LINES, call, facts, loaded, raising

fakes = calls.fakes

FLEETS = "DefaultHeadlessExecutor.dispatch_food_truck"


def seams(line: str) -> list[Any]:
    """The seams that there are on *line*."""
    return [seam for seam in host.seams() if line != "A" or seam.path != FLEETS]


def place(seam: Any) -> tuple[Any, str]:
    """The object that holds what *seam* names, and the name."""
    parent, attribute, _ = wrapt.resolve_path(seam.module, seam.path)
    return parent, attribute


def held(seam: Any) -> Any:
    parent, attribute = place(seam)
    return vars(parent).get(attribute)


@pytest.mark.parametrize("line", LINES)
def test_every_seam_is_there_on_every_line_but_the_fleet_on_the_first(line: str) -> None:
    double.load(line)
    for seam in host.seams():
        module = importlib.import_module(seam.module)
        assert patch.resolves(seam, module) is (seam in seams(line))


@pytest.mark.parametrize("is_early", [True, False])
@pytest.mark.parametrize("line", LINES)
def test_both_orders_of_import_wrap_once_and_leave_nothing_behind(
    line: str, is_early: bool, make_told: Callable[[], Told]
) -> None:
    if is_early:
        make_told()
    loaded(line)
    make_told()
    make_told()
    for seam in seams(line):
        wrapper = held(seam)
        assert isinstance(wrapper, wrapt.FunctionWrapper)
        assert not isinstance(wrapper.__wrapped__, wrapt.FunctionWrapper)
    otel_dispatch.uninstrument()
    for seam in seams(line):
        assert not isinstance(held(seam), wrapt.ObjectProxy)


@pytest.mark.parametrize("line", LINES)
def test_signatures_and_coroutines_stay_what_they_are(line: str, told: Told) -> None:
    server = loaded(line)
    watched = [server.mcp.call_tool, server.ctx.executor.run, type(server.ctx.runner).__call__]
    with_us = [(inspect.signature(one), inspect.iscoroutinefunction(one)) for one in watched]
    otel_dispatch.uninstrument()
    watched = [server.mcp.call_tool, server.ctx.executor.run, type(server.ctx.runner).__call__]
    assert with_us == [(inspect.signature(one), inspect.iscoroutinefunction(one)) for one in watched]


@pytest.mark.parametrize("mode", ["success", "empty", "429", "killed"])
@pytest.mark.parametrize(("line", "tool"), CALLS)
def test_a_tool_answers_the_same_with_us_and_without(
    line: str, tool: str, mode: str, make_told: Callable[[], Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODE", mode)
    server = loaded(line, default_provider="minimax")
    without = call(server, tool)
    told = make_told()
    assert call(server, tool) == without
    assert len(told.spans()) == 2


FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "finding the program": raising(host, "program_in"),
    "a tool's arguments": raising(autoskillit_words, "names_of_tool"),
    "a session's arguments": raising(autoskillit_words, "asked_of"),
    "the layers": raising(host, "session_of"),
    "the layers at a launch": raising(autoskillit_layers.Session, "origins"),
    "the ids": raising(autoskillit_words, "words_of_session"),
    "the context": raising(autoskillit_words, "requested_in"),
    "the result": raising(autoskillit_words, "words_of_result"),
    "the record at the end": raising(autoskillit_words, "with_result"),
    "the parent": raising(host, "_caller"),
    "the launch": raising(launch, "_begin"),
    "the child's environment": raising(host, "_handed_on"),
    "the landing": raising(host, "_land"),
    "the entry": raising(entry, "Run"),
    "the entry's end": raising(entry, "words_of_rollup"),
    "span start": raising(sdk_trace.Tracer, "start_span"),
    "span attributes": raising(sdk_trace.Span, "set_attributes"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("line", ["A", "E"])
def test_a_fault_of_ours_leaves_every_tool_as_it_was(
    line: str, fault: str, make_told: Callable[[], Told], faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.expect()
    server = loaded(line)
    tools = [tool for other, tool in CALLS if other == line]
    without = [call(server, tool) for tool in tools]
    make_told()
    with monkeypatch.context() as patcher:
        FAULTS[fault](patcher)
        assert [call(server, tool) for tool in tools] == without
    assert faults.seen, "the fault was not provoked"
    assert aloft.count() == 0, "a span is left open"


def test_an_answer_that_cannot_be_read_is_a_refusal_that_nobody_notices(
    told: Told, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "gate_error", lambda: "no JSON")
    server = loaded("B")
    server.ctx.is_open = False
    answer = asyncio.run(server.mcp.call_tool("run_skill", calls.SKILL))
    assert answer.content[0].text == "no JSON"
    assert facts(told.only())["dispatch.outcome.kind"] == "refused"
    assert not faults.seen


@pytest.mark.parametrize("line", LINES)
def test_while_spans_are_suppressed_a_tool_is_called_and_nothing_told(line: str, told: Told) -> None:
    server = loaded(line)
    with suppress_instrumentation():
        assert call(server, "run_skill")["success"] is True
    assert told.spans() == []


def test_importing_autoskillit_is_what_starts_us() -> None:
    trigger = _boot.Trigger(_boot._libraries(), frozenset())
    assert trigger.is_meant("autoskillit")
    assert trigger.is_meant("autoskillit.server")
    assert not trigger.is_meant("autoskillit_plugin")
