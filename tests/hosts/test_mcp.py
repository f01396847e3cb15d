"""MCP servers in a process that another one started: whose trace a request's span continues."""

from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import Tracer
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

import otel_dispatch
from otel_dispatch import context
from tests.conftest import Faults, Told
from tests.faulty import boom

OF_PROCESS = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
OF_REQUEST = SpanContext(0x11, 0x22, True, TraceFlags(1))


@pytest.fixture
def told(make_told: Callable[[], Told], monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setenv("TRACEPARENT", OF_PROCESS)
    return make_told()


def parent_of(told: Told, scope: str, *args: object, **kwargs: object) -> str | None:
    with told.tracer_provider.get_tracer(scope).start_as_current_span("tools/call x", *args, **kwargs):  # type: ignore[arg-type]
        pass
    parent = told.spans()[-1].parent
    return parent and f"{parent.span_id:016x}"


@pytest.mark.parametrize("scope", ["mcp-python-sdk", "fastmcp"])
def test_a_requests_span_without_a_parent_gets_the_processs(scope: str, told: Told) -> None:
    given = set_span_in_context(NonRecordingSpan(OF_REQUEST))
    assert parent_of(told, scope) == OF_PROCESS[36:52]
    assert parent_of(told, scope, context=None) == OF_PROCESS[36:52]
    assert parent_of(told, scope, context=given) == parent_of(told, scope, given) == f"{0x22:016x}"


def test_a_span_of_anybody_else_stays_as_it_was(told: Told) -> None:
    assert parent_of(told, "their.own") is None


def test_a_fault_of_ours_leaves_the_span_as_it_was(told: Told, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    faults.expect()
    monkeypatch.setattr(context, "parent_context", boom)
    assert parent_of(told, "fastmcp") is None
    assert faults.seen


def test_without_a_parent_nothing_is_put_in_and_uninstrumenting_takes_it_out(
    make_told: Callable[[], Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = vars(Tracer)["start_span"]
    make_told()
    assert vars(Tracer)["start_span"] is before
    otel_dispatch.uninstrument()
    monkeypatch.setenv("TRACEPARENT", OF_PROCESS)
    make_told()
    assert vars(Tracer)["start_span"] is not before
    otel_dispatch.uninstrument()
    assert vars(Tracer)["start_span"] is before
