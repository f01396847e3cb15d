"""Scopes: who would be inherited from, who chose, and what becomes of an empty attempt."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

import otel_dispatch as od
from otel_dispatch import emit
from tests.conftest import Told, eventually

HOSTS = {
    "openai": "https://api.openai.com/v1/chat/completions",
    "minimax": "https://api.minimax.io/v1/chat/completions",
}


def call(
    model: str, at: str = "openai", text: str = "hi", status: int = 200, tokens: int | None = 5, **body: Any
) -> None:
    answer: dict[str, Any] = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    if tokens is not None:
        answer["usage"] = {"completion_tokens": tokens}
    with httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(status, json=answer))) as client:
        client.post(HOSTS[at], json={"model": model, **body})


def last(told: Told) -> dict[str, Any]:
    return dict(told.spans()[-1].attributes or {})


def origins(told: Told) -> tuple[Any, Any]:
    found = last(told)
    return found["dispatch.provenance.provider"], found["dispatch.provenance.model"]


def test_inside_an_escalation_equality_that_nobody_chose_is_inheritance(told: Told) -> None:
    with od.scope("primary", provider="minimax", model="MiniMax-M2"):
        call("MiniMax-M2", "minimax")
        assert origins(told) == ("catalog_default", "unknown")
        with od.scope("escalation"):
            call("claude-opus-5-5", "minimax")
    found = last(told)
    assert found["dispatch.provenance.provider"] == "inherited_from_primary"
    assert found["dispatch.provenance.model"] == "escalation_override"
    assert found["dispatch.inherited"] is True
    assert found["dispatch.inherited_fields"] == "provider"
    assert found["dispatch.primary.provider"] == "minimax"
    assert found["dispatch.primary.model"] == "MiniMax-M2"
    call("MiniMax-M2", "minimax")
    assert "dispatch.primary.provider" not in last(told)


def test_an_inherited_field_is_counted_and_told_as_a_warning(told: Told) -> None:
    zero = told.points("dispatch.inherited")
    assert zero == {}
    with od.scope("primary", provider="minimax", model="M"), od.scope("escalation"):
        call("M", "minimax")
    points = told.points("dispatch.inherited")
    assert points[("dispatch.field", "model"), ("dispatch.kind", "llm_call")] == 1
    assert points[("dispatch.field", "provider"), ("dispatch.kind", "llm_call")] == 1
    assert points[("dispatch.field", "thinking"), ("dispatch.kind", "run_skill")] == 0
    assert len(points) == 30
    (event,) = told.events()
    assert (event.event_name, event.severity_text) == ("dispatch.resolved", "WARN")
    assert event.attributes["dispatch.inherited_fields"] == "model,provider"
    assert event.attributes["dispatch.outcome.kind"] == "served"
    assert event.span_id == told.only().get_span_context().span_id  # type: ignore[union-attr]


def test_what_resolve_chose_is_known_to_the_calls_that_use_it(told: Told) -> None:
    with od.scope("primary", provider="minimax", model="M"), od.scope("escalation"):
        model = od.resolve("model", operator_pin=None, pipeline_input="chosen", inherited_from_primary="M")
        assert model == "chosen"
        call(model)
        assert origins(told) == ("escalation_override", "pipeline_input")
        model = od.resolve("model", pipeline_input=None, escalation_override=None, inherited_from_primary="M")
        call(model)
        assert origins(told) == ("escalation_override", "inherited_from_primary")
    call("chosen")
    assert origins(told)[1] == "unknown"


def test_what_was_resolved_for_the_primary_is_inherited_in_an_escalation(told: Told) -> None:
    with od.scope("primary", provider="openai", model="M"):
        call(od.resolve("model", pipeline_input="M"))
        assert origins(told)[1] == "pipeline_input"
        with od.scope("escalation"):
            call("M")
            assert origins(told)[1] == "inherited_from_primary"


def test_a_declared_origin_comes_first_and_the_innermost_wins(told: Told) -> None:
    with od.scope("primary", provider="openai", model="M"), od.scope("escalation"):
        with od.provenance(provider="operator_pin", thinking="pipeline_input"):
            with od.provenance(thinking="catalog_default"):
                call("M")
                found = last(told)
    assert found["dispatch.provenance.provider"] == "operator_pin"
    assert found["dispatch.provenance.thinking"] == "catalog_default"
    assert found["dispatch.provenance.model"] == "inherited_from_primary"


def test_a_pin_variable_that_holds_the_value_is_an_operators_pin(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://user:key@api.minimax.io:443/v1?x=1")
    monkeypatch.setenv("MY_MODEL", "M")
    call("M", "minimax")
    assert origins(told) == ("operator_pin", "unknown")
    monkeypatch.setenv("DISPATCH_OTEL_PINS", "OTHER, MY_MODEL")
    call("M")
    assert origins(told) == ("catalog_default", "operator_pin")


@pytest.mark.parametrize(
    ("use", "sentence"),
    [
        (lambda: od.scope("smart"), "scope('smart')"),
        (lambda: od.scope("primary", colour="x"), "'colour'"),
        (lambda: od.provenance(provider="because"), "provider is not one of the fields with one of the origins"),
        (lambda: od.provenance(colour="operator_pin"), "colour is not one of the fields"),
    ],
)
def test_an_unknown_word_is_told_once_and_loses_nothing(
    told: Told, caplog: pytest.LogCaptureFixture, use: Callable[[], Any], sentence: str
) -> None:
    for _ in range(2):
        with use():
            call("m")
    said = [r.getMessage() for r in caplog.records if r.name == "otel_dispatch"]
    assert len(said) == 1
    assert sentence in said[0]
    assert len(told.spans()) == 2


def test_resolve_gives_the_value_also_under_an_unknown_origin(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    assert od.resolve("model", nonsense="m") == "m"
    assert od.resolve("colour", operator_pin=0) == 0
    assert od.resolve("model") is None
    call("m")
    assert origins(told)[1] == "unknown"
    assert len([r for r in caplog.records if r.name == "otel_dispatch"]) == 2


def test_outside_any_scope_an_empty_completion_is_terminal_at_once(told: Told) -> None:
    call("m", text=" \n", tokens=212)
    found = last(told)
    assert found["dispatch.outcome.kind"] == "empty_completion_terminal"
    assert found["dispatch.outcome.completion_tokens"] == 212
    assert found["dispatch.outcome.content_len"] == 0
    assert found["error.type"] == "empty_completion_terminal"


def kinds(told: Told) -> list[tuple[Any, Any]]:
    return [
        ((s.attributes or {})["dispatch.outcome.kind"], (s.attributes or {}).get("dispatch.outcome.empty_retries"))
        for s in told.spans()
        if s.kind.name == "CLIENT"
    ]


def test_an_identical_later_call_in_the_scope_recovers_an_empty_one(told: Told) -> None:
    with od.scope("primary", provider="openai"):
        call("m", text="")
        call("m", text="")
        assert told.spans()[-1:] == told.spans()[:1]
        call("m", text="hello")
    assert kinds(told) == [
        ("superseded", None),
        ("superseded", 1),
        ("empty_completion_transient_recovered", 2),
    ]
    first, second, third = told.spans()
    assert first.end_time is not None
    assert second.end_time is not None
    assert third.end_time is not None
    assert first.end_time < second.end_time < third.end_time


def test_a_different_call_recovers_nothing_and_the_scopes_end_is_terminal(told: Told) -> None:
    with od.scope("primary"):
        call("m", text="")
        call("m", text="hello", temperature=1)
    assert kinds(told) == [("served", None), ("empty_completion_terminal", None)]


def test_in_attempts_any_later_call_replaces_an_empty_one(told: Told) -> None:
    with od.attempts():
        call("m", text="")
        call("m", text="hello", temperature=1)
    assert kinds(told) == [("superseded", None), ("empty_completion_transient_recovered", 1)]


def test_a_retry_that_fails_supersedes_and_does_not_recover(told: Told) -> None:
    with od.attempts():
        call("m", text="")
        call("m", status=500)
    assert kinds(told)[0][0] == "superseded"
    assert kinds(told)[1][0] == "provider_error"


def test_an_empty_attempt_waits_only_so_long(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emit, "HOLD_SECONDS", 0.05)
    with od.scope("primary"):
        call("m", text="")
        eventually(lambda: len(told.spans()) == 1)
        assert kinds(told) == [("empty_completion_terminal", None)]
        call("m", text="hello")
    assert kinds(told)[1] == ("served", None)


def test_switching_off_ends_what_is_held_back(told: Told) -> None:
    with od.scope("primary"):
        call("m", text="")
        od.uninstrument()
        assert kinds(told) == [("empty_completion_terminal", None)]


def test_an_entry_is_a_scope(told: Told) -> None:
    @od.entry_point("run_skill", name="s")
    def skill() -> None:
        call("m", text="")
        call("m", text="hello")

    skill()
    assert kinds(told) == [("superseded", None), ("empty_completion_transient_recovered", 1)]
    assert last(told)["dispatch.outcome.kind"] == "served"
    assert last(told)["dispatch.rollup.empty_terminal_calls"] == 0


def test_unknown_tokens_are_not_zero_and_zero_tokens_are_no_empty_completion(told: Told) -> None:
    call("m", text="", tokens=None)
    assert last(told)["dispatch.outcome.kind"] == "empty_completion_terminal"
    assert "dispatch.outcome.completion_tokens" not in last(told)
    call("m", text="", tokens=0)
    assert last(told)["dispatch.outcome.kind"] == "served"
    assert last(told)["dispatch.outcome.content_len"] == 0


def test_a_requested_provider_that_is_not_the_hosts_is_a_mismatch(told: Told) -> None:
    @od.entry_point("run_skill", name="s")
    def skill(provider: str) -> None:
        call("m", "minimax")

    skill("openai")
    chat = dict(told.spans("chat m")[0].attributes or {})
    assert chat["dispatch.mismatch"] == "provider.host"
    assert chat["dispatch.requested.provider"] == "openai"
    assert last(told)["dispatch.mismatch"] == "provider.host"
    skill("minimax")
    assert "dispatch.mismatch" not in last(told)
    assert "dispatch.requested.provider" not in last(told)


def test_scopes_of_concurrent_tasks_do_not_mix(told: Told) -> None:
    async def step(name: str) -> None:
        with od.scope("primary", provider=name, model=name), od.scope("escalation"):
            await asyncio.sleep(0.01)
            await asyncio.to_thread(call, name)

    async def run() -> None:
        await asyncio.gather(*(step(f"m{n}") for n in range(6)))

    asyncio.run(run())
    for span in told.spans():
        found = dict(span.attributes or {})
        assert found["dispatch.primary.model"] == found["dispatch.model"]
        assert found["dispatch.provenance.model"] == "inherited_from_primary"


def test_a_scope_left_in_another_task_disturbs_nobody(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    async def inside() -> Any:
        with od.scope("primary", provider="openai"):
            yield 1
            yield 2

    async def run() -> None:
        passed = inside()
        await asyncio.create_task(anext(passed))
        await asyncio.create_task(passed.aclose())

    asyncio.run(run())
    assert caplog.records == []


def test_a_parents_environment_carries_trace_and_scope_to_a_child(told: Told) -> None:
    @od.entry_point("run_skill", name="s")
    def skill(model: str) -> dict[str, str]:
        with (
            od.scope("primary", provider="minimax", model="M"),
            od.scope("escalation"),
            od.provenance(thinking="operator_pin"),
        ):
            return od.propagation_env({"TRACEPARENT": "stale", "HOME": "/h"})

    env = skill("luna")
    context = told.only().context
    assert context is not None
    assert env["TRACEPARENT"] == f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
    assert env["HOME"] == "/h"
    from otel_dispatch import baton

    baton.receive(env)
    call("M", "minimax")
    span = told.spans()[-1]
    assert span.parent is not None
    assert span.parent.span_id == context.span_id
    found = dict(span.attributes or {})
    assert found["dispatch.provenance.provider"] == "inherited_from_primary"
    assert found["dispatch.provenance.thinking"] == "operator_pin"
    assert found["dispatch.requested.model"] == "luna"
