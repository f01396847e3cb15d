"""What crosses into a child process: the trace's parent and the scope; what comes in is not trusted."""

import json
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from otel_dispatch import context
from otel_dispatch.baton import hand_on, receive
from otel_dispatch.context import Frame
from otel_dispatch.origins import Known
from otel_dispatch.record import Primary, Requested
from otel_dispatch.vocabulary import Origin

TRACE, SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0x00F067AA0BA902B7
PARENT = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"


def span_context(flags: int = 1, state: TraceState | None = None) -> SpanContext:
    return SpanContext(TRACE, SPAN, False, TraceFlags(flags), state)


def inside(*managers: Any) -> ExitStack:
    stack = ExitStack()
    for manager in managers:
        stack.enter_context(manager)
    return stack


def spanned(flags: int = 1, state: TraceState | None = None) -> Any:
    return trace.use_span(NonRecordingSpan(span_context(flags, state)))


@pytest.mark.parametrize("flags", [0, 1, 2, 3, 255])
def test_the_flags_are_masked_to_what_version_00_has(flags: int) -> None:
    with spanned(flags):
        env = hand_on({"PATH": "/bin"})
    assert env == {"PATH": "/bin", "TRACEPARENT": f"{PARENT[:-2]}{flags & 1:02x}"}


def test_the_trace_state_goes_along() -> None:
    with spanned(state=TraceState([("a", "1"), ("b", "2")])):
        assert hand_on({}) == {"TRACEPARENT": PARENT, "TRACESTATE": "a=1,b=2"}


def test_what_is_stale_is_removed_and_the_rest_is_kept() -> None:
    stale = {"TRACEPARENT": PARENT, "TRACESTATE": "a=1", "DISPATCH_OTEL_SCOPE": "{}", "HOME": "/root"}
    before = dict(stale)
    assert hand_on(stale) == {"HOME": "/root"}
    assert stale == before


def told_in(env: Mapping[str, str]) -> Any:
    return json.loads(env["DISPATCH_OTEL_SCOPE"])


def test_the_scope_is_written_as_json() -> None:
    with inside(
        context.scope("primary", {"provider": "minimax", "model": "MiniMax-M2"}),
        context.scope("escalation", {"model": "opus"}),
        context.provenance({"thinking": "operator_pin"}),
    ):
        context.note("provider", {"pipeline_input": "anthropic"})
        env = hand_on({})
    assert told_in(env) == {
        "role": "escalation",
        "primary": {"provider": "minimax", "model": "MiniMax-M2"},
        "provenance": {"thinking": "operator_pin"},
        "resolved": [["model", "opus", "escalation_override"], ["provider", "anthropic", "pipeline_input"]],
    }


FRAMES = [
    Frame(),
    Frame(requested=Requested("anthropic", "sonnet")),
    Frame(requested=Requested(None, "sonnet")),
    Frame(Known(primary=Primary("p", "m", "openai_compat", "high", "native"))),
    Frame(Known(primary=Primary(model="m"), escalating=True)),
    Frame(Known(declared={"provider": Origin.OPERATOR_PIN, "tool_format": Origin.INHERITED})),
    Frame(Known(resolved={("model", 'a "quoted" é\n'): Origin.PIPELINE_INPUT, ("provider", "p"): Origin.UNKNOWN})),
    Frame(
        Known({"model": Origin.UNKNOWN}, {("model", "m"): Origin.CATALOG_DEFAULT}, Primary(provider="p"), True),
        Requested("a", "b"),
    ),
]


@pytest.mark.parametrize("frame", FRAMES)
def test_a_child_is_where_its_parent_was(frame: Frame) -> None:
    with inside(spanned()):
        token = context.attach(context.with_frame(frame))
        env = hand_on({})
        context.detach(token)
    receive(env)
    assert context.current() == frame
    parent = trace.get_current_span(context.parent_context()).get_span_context()
    assert (parent.trace_id, parent.span_id, parent.is_remote) == (TRACE, SPAN, True)
    assert hand_on({}) == env


def test_a_span_of_the_childs_own_wins_over_the_parents() -> None:
    receive({"TRACEPARENT": PARENT.replace("00f067aa", "11111111")})
    with spanned():
        assert hand_on({}) == {"TRACEPARENT": PARENT}


@pytest.mark.parametrize("size", [10, 3000, 100_000])
def test_what_is_handed_on_stays_small_and_can_be_read(caplog: pytest.LogCaptureFixture, size: int) -> None:
    with inside(context.scope("primary", {"model": "m"}), context.scope("escalation", {})):
        for n in range(20):
            context.note("model", {"pipeline_input": f"{n}" + "x" * size})
        env = hand_on({})
    assert len(env["DISPATCH_OTEL_SCOPE"]) <= 4096
    told = told_in(env)
    assert (told["role"], told["primary"], "resolved" in told) == ("escalation", {"model": "m"}, size == 10)
    receive(env)
    assert context.current().known.escalating
    assert caplog.records == []


def test_a_scope_that_is_too_large_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    values = dict.fromkeys(("provider", "model", "thinking"), "一" * 100_000)
    with caplog.at_level(logging.WARNING, "otel_dispatch"), context.scope("primary", values):
        assert hand_on({"DISPATCH_OTEL_SCOPE": "stale"}) == {}
    assert [record.getMessage() for record in caplog.records] == [
        "The scope is too large for DISPATCH_OTEL_SCOPE; the child process starts without it."
    ]


NO_PARENT = [
    "",
    "x",
    "\x00\x01",
    "é",
    PARENT.replace("-", "_"),
    PARENT[:-1],
    PARENT.upper(),
    f"ff{PARENT[2:]}",
    f"{PARENT}-more",
    f"00-{'0' * 32}-00f067aa0ba902b7-01",
    f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
    "00-" + "a" * 100_000,
    "-" * 100_000,
]


@pytest.mark.parametrize("value", NO_PARENT)
def test_a_parent_that_is_none_is_left_out(value: str) -> None:
    receive({"TRACEPARENT": value, "TRACESTATE": "a=1"})
    assert not trace.get_current_span(context.parent_context()).get_span_context().is_valid
    assert hand_on({}) == {}


@pytest.mark.parametrize("state", ["", "=", "a", ",,,", "a=1," * 999, "\x00=\x01", "é=é", "a=1,a=2", "x" * 100_000])
def test_a_bad_trace_state_does_not_cost_the_parent(state: str) -> None:
    receive({"TRACEPARENT": PARENT, "TRACESTATE": state})
    parent = trace.get_current_span(context.parent_context()).get_span_context()
    assert (parent.trace_id, parent.span_id) == (TRACE, SPAN)
    assert hand_on({})["TRACEPARENT"] == PARENT


@pytest.mark.parametrize(
    "text", ["x", "[]", "3", "null", '"x"', "{", "[" * 4000, '{"a":1}x', " " * 5000, "\udcff", "NaN"]
)
def test_a_scope_that_is_no_object_is_one_warning(caplog: pytest.LogCaptureFixture, text: str) -> None:
    with caplog.at_level(logging.WARNING, "otel_dispatch"):
        receive({"DISPATCH_OTEL_SCOPE": text})
        receive({"DISPATCH_OTEL_SCOPE": text})
    assert context.current() == Frame()
    assert [record.getMessage() for record in caplog.records] == [
        "DISPATCH_OTEL_SCOPE is not the JSON object that propagation_env() writes and is left out."
    ]


HOSTILE: list[tuple[Any, Frame]] = [
    ({}, Frame()),
    ({"role": ["escalation"], "primary": [], "provenance": 3, "resolved": {}, "requested": "x", "odd": 1}, Frame()),
    ({"role": "primary"}, Frame()),
    ({"primary": {"model": 3, "provider": "", "odd": "x"}}, Frame()),
    ({"primary": {"model": "m\x00\ud800" + "x" * 999}}, Frame(Known(primary=Primary(model="m  " + "x" * 253)))),
    ({"requested": {"model": ["m"], "provider": "p\r\nq", "tool_format": "x"}}, Frame(requested=Requested("p  q"))),
    ({"resolved": [["model", "m", "catalog_default"], ["model", "m"], ["model", 3, "unknown"], ["a", "b", "c"], 4]},
     Frame(Known(resolved={("model", "m"): Origin.CATALOG_DEFAULT}))),
    ({"resolved": [["model", str(n), "unknown"] for n in range(99)]},
     Frame(Known(resolved={("model", str(n)): Origin.UNKNOWN for n in range(16)}))),
]  # fmt: skip


@pytest.mark.parametrize(("told", "frame"), HOSTILE)
def test_of_a_hostile_scope_only_what_fits_is_taken(told: Any, frame: Frame) -> None:
    receive({"DISPATCH_OTEL_SCOPE": json.dumps(told)})
    assert context.current() == frame


def test_an_origin_of_no_vocabulary_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    told = {"provenance": {"provider": "operator_pin", "model": "guessed", "odd": "unknown"}}
    with caplog.at_level(logging.WARNING, "otel_dispatch"):
        receive({"DISPATCH_OTEL_SCOPE": json.dumps(told)})
    assert context.current() == Frame(Known(declared={"provider": Origin.OPERATOR_PIN}))
    assert len(caplog.records) == 1
