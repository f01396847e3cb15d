"""A launch as its hosts see it: what is recognised, where each value came from, what the child gets, how it ends."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

import otel_dispatch as od
from otel_dispatch import aloft, context
from otel_dispatch.launch import Launch, begin
from tests.conftest import Told
from tests.launches import DONE, EMPTY, INIT, STREAM, TEXT, facts, launched, line, served, told_of


def test_a_launch_is_one_span_with_the_whole_record(told: Told) -> None:
    attributes = told_of(told, [*STREAM, "--model", "sonnet", "--effort", "high"])
    span = told.only()
    assert (span.name, span.kind, span.status.status_code) == ("invoke_agent claude", SpanKind.CLIENT, StatusCode.UNSET)
    assert attributes == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-5-5",
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.response.model": "claude-sonnet-5-5",
        "gen_ai.response.id": "m-1",
        "gen_ai.response.finish_reasons": ("end_turn",),
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 12,
        "gen_ai.conversation.id": "s-1",
        "peer.service": "anthropic",
        "service.peer.name": "anthropic",
        "process.executable.name": "claude",
        "process.exit.code": 0,
        "dispatch.kind": "cli_launch",
        "dispatch.provider": "anthropic",
        "dispatch.model": "claude-sonnet-5-5",
        "dispatch.requested.model": "sonnet",
        "dispatch.wire_format": "claude_cli",
        "dispatch.tool_format": "native",
        "dispatch.base_url_host": "api.anthropic.com",
        "dispatch.thinking.mode": "effort",
        "dispatch.thinking.level": "high",
        "dispatch.provenance.provider": "catalog_default",
        "dispatch.provenance.model": "unknown",
        "dispatch.provenance.wire_format": "catalog_default",
        "dispatch.provenance.thinking": "unknown",
        "dispatch.provenance.tool_format": "catalog_default",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 12,
        "dispatch.outcome.content_len": 2,
    }


def test_what_is_no_launch_gives_none(told: Told) -> None:
    assert begin(["git", "status"]) is None
    assert begin(["claude", "--version"]) is None
    token = otel.attach(otel.set_value("suppress_instrumentation", True))
    assert begin(STREAM) is None
    otel.detach(token)
    outer = launched()
    token = outer.enter()
    assert begin(STREAM) is None
    context.detach(token)
    outer.abandon()
    od.uninstrument()
    assert begin(STREAM) is None
    assert len(told.spans()) == 1


def test_pieces_may_be_cut_anywhere_and_mixed_with_noise(told: Told) -> None:
    stdout = b"npm warn x\r\n" + INIT.replace(b"\n", b"\r\n") + b"\x1b[0m{not json\n\n" + TEXT + DONE.rstrip()
    for size in (1, 7, 64, len(stdout)):
        launch = launched()
        for start in range(0, len(stdout), size):
            launch.hear(stdout[start : start + size])
        launch.exited(0)
        assert facts(told.spans()[-1])["dispatch.outcome.content_len"] == 2
        assert facts(told.spans()[-1])["gen_ai.usage.output_tokens"] == 12


def test_a_line_that_is_too_long_is_passed_over(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otel_dispatch.launch.LIMIT", 1000)
    launch = launched()
    launch.hear(INIT)
    for _ in range(50):
        launch.hear(b'{"type":"user","message":"' + b"x" * 900)
    launch.hear(b'"}\n' + TEXT + DONE)
    launch.exited(0)
    assert facts(told.only())["dispatch.outcome.content_len"] == 2


def ended(end: Callable[[Launch], Any], *heard: bytes) -> Callable[[Told], tuple[Any, ...]]:
    def run(told: Told) -> tuple[Any, ...]:
        launch = launched()
        for chunk in heard:
            launch.hear(chunk)
        end(launch)
        for again in (launch.abandon, lambda: launch.exited(1), lambda: launch.fail(ValueError("x")), launch.settle):
            again()
        attributes = facts(told.only())
        names = ("dispatch.outcome.kind", "dispatch.outcome.class", "error.type")
        return tuple(attributes.get(name) for name in names)

    return run


ENDS: list[tuple[Callable[[Told], tuple[Any, ...]], tuple[Any, ...]]] = [
    (ended(lambda one: one.exited(0), INIT, TEXT, DONE), ("served", None, None)),
    (ended(lambda one: one.exited(-9), INIT, TEXT, DONE), ("served", None, None)),
    (ended(lambda one: one.exited(0), EMPTY), ("empty_completion_terminal", None, "empty_completion_terminal")),
    (ended(lambda one: one.exited(3)), ("provider_error", "unknown", "3")),
    (ended(lambda one: one.exited(127)), ("refused", None, "127")),
    (ended(lambda one: one.exited(143)), ("cancelled", "cancelled", None)),
    (ended(lambda one: one.exited(None)), ("cancelled", "abandoned", None)),
    (ended(lambda one: one.abandon(), INIT), ("cancelled", "abandoned", None)),
    (ended(lambda one: one.abandon(), INIT, TEXT, DONE), ("served", None, None)),
    (ended(lambda one: (one.left(3), one.abandon())), ("provider_error", "unknown", "3")),
    (ended(lambda one: (one.stop(), one.exited(-9))), ("cancelled", "cancelled", None)),
    (ended(lambda one: one.fail(asyncio.CancelledError()), INIT), ("cancelled", "cancelled", None)),
    (ended(lambda one: one.fail(asyncio.CancelledError()), INIT, TEXT, DONE), ("served", None, None)),
    (ended(lambda one: one.fail(FileNotFoundError(2, "x"))), ("refused", None, "FileNotFoundError")),
    (ended(lambda one: one.fail(PermissionError(13, "x"))), ("refused", None, "PermissionError")),
    (ended(lambda one: one.fail(TimeoutError())), ("provider_error", "timeout", "TimeoutError")),
    (
        ended(lambda one: one.fail(subprocess.TimeoutExpired("x", 1))),
        ("provider_error", "timeout", "subprocess.TimeoutExpired"),
    ),
    (ended(lambda one: one.fail(ValueError("x")), INIT), ("provider_error", "unknown", "ValueError")),
]


@pytest.mark.parametrize(("run", "expected"), ENDS)
def test_it_ends_once_and_as_it_went(
    run: Callable[[Told], tuple[Any, ...]], expected: tuple[Any, ...], told: Told
) -> None:
    assert run(told) == expected
    assert aloft.count() == 0


def test_text_output_is_not_read(told: Told) -> None:
    attributes = told_of(told, ["claude", "-p", "hi"], {}, b"API Error: 429\n", DONE)
    assert attributes["dispatch.outcome.kind"] == "served"
    assert "dispatch.outcome.content_len" not in attributes


def test_an_entry_sums_up_its_launches_and_a_relaunch_recovers_an_empty_one(told: Told) -> None:
    @od.entry_point("run_skill", name="s")
    def skill() -> None:
        first = launched()
        first.hear(INIT + EMPTY)
        first.exited(0)
        second = launched()
        second.hear(INIT + TEXT + DONE)
        second.exited(0)
        other = launched(["codex", "exec", "--json", "-m", "gpt-6", "-"])
        other.exited(1)

    skill()
    kinds = [facts(span)["dispatch.outcome.kind"] for span in told.spans()]
    assert kinds == ["superseded", "empty_completion_transient_recovered", "provider_error", "served"]
    entry = facts(told.spans()[-1])
    assert entry["dispatch.rollup.calls"] == 3
    assert entry["dispatch.rollup.models"] == "claude-sonnet-5-5,gpt-6"
    assert entry["dispatch.rollup.providers"] == "anthropic,openai"
    assert told.spans()[0].parent == told.spans()[-1].context


def test_prompts_that_come_through_stdin_are_not_taken_for_the_same(told: Told) -> None:
    with od.scope("primary", model="m"):
        for chunks in ((INIT, EMPTY), (INIT, TEXT, DONE)):
            launch = launched(["claude", "-p", "--output-format", "stream-json"])
            for chunk in chunks:
                launch.hear(chunk)
            launch.exited(0)
    kinds = {facts(span)["dispatch.outcome.kind"] for span in told.spans()}
    assert kinds == {"served", "empty_completion_terminal"}


def test_what_is_counted_and_told_is_the_same_record(told: Told) -> None:
    told_of(told, STREAM, {"CLAUDE_CODE_USE_BEDROCK": "1"})
    ((labels, count),) = told.points("dispatch.calls").items()
    assert (dict(labels)["dispatch.kind"], dict(labels)["dispatch.provider"], count) == ("cli_launch", "bedrock", 1)
    assert len(told.points("gen_ai.client.operation.duration")) == 1
    (event,) = told.events()
    assert event.attributes["process.executable.name"] == "claude"


@pytest.mark.parametrize("value", ["1", "true", ""])
def test_our_settings_go_to_a_child_of_another_environment_where_that_is_asked_for(
    value: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPATCH_OTEL_CHILD", value)
    monkeypatch.setenv("DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT", "http://ours")
    monkeypatch.setenv("DISPATCH_OTEL_SCOPE", "stale")
    monkeypatch.setenv("DISPATCH_OTEL_SERVICE_NAME", "a")
    launch = launched(STREAM, {"DISPATCH_OTEL_SERVICE_NAME": "b", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"})
    launch.exited(0)
    env = dict(launch.env)
    assert env.pop("TRACEPARENT").endswith("-01")
    base = {"DISPATCH_OTEL_SERVICE_NAME": "b", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}
    more = {"DISPATCH_OTEL_CHILD": value, "DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT": "http://ours"}
    assert env == (base | more if value else base)


def test_nothing_of_the_command_line_the_environment_or_stdout_is_recorded(
    told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = tmp_path / "records.jsonl"
    monkeypatch.setenv("DISPATCH_OTEL_RECORD_FILE", str(record))
    env = {"ANTHROPIC_API_KEY": "secret-1", "ANTHROPIC_BASE_URL": "https://secret-2:secret-3@api.z.ai/secret-4"}
    argv = ["claude", "-p", "secret-5", "--output-format", "stream-json", "--append-system-prompt", "secret-6"]
    texts = line(type="result", is_error=True, result="secret-7", errors=["secret-8"], error="secret 9")
    attributes = told_of(told, argv, env, INIT, served("m"), texts)
    everything = repr((attributes, told.only().events, [event.attributes for event in told.events()]))
    assert "secret" not in everything + record.read_text()
    assert attributes["dispatch.outcome.class"] == "unknown"


def test_the_current_span_of_the_host_is_the_parent_and_stays_current(told: Told) -> None:
    tracer = told.tracer_provider.get_tracer("host")
    with tracer.start_as_current_span("host") as outer:
        launch = launched()
        assert trace.get_current_span() is outer
        token = launch.enter()
        assert trace.get_current_span() is launch.span
        context.detach(token)
        assert trace.get_current_span() is outer
        launch.exited(0)
    assert told.spans()[0].parent == outer.get_span_context()
