"""Entry points: every kind of callable, what is read of its arguments, the roll-up over what happens below."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import httpx2
import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

import otel_dispatch as od
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told

URL = "https://api.openai.com/v1/chat/completions"


def call(model: str = "m", tokens: int = 3, text: str = "hi") -> None:
    """One model call, answered in memory."""
    answer = {
        "model": model,
        "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": tokens},
    }
    with httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json=answer))) as client:
        client.post(URL, json={"model": model})


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_an_entry_span_carries_the_record_that_its_calls_agree_on(told: Told) -> None:
    @od.entry_point("run_skill", name="implement")
    def implement(model: str, step_name: str, prompt: str) -> str:
        call("gpt-6-luna", 3)
        call("gpt-6-luna", 4)
        return "done"

    assert implement("luna", step_name="plan", prompt="a long secret") == "done"
    span = told.spans()[-1]
    assert (span.name, span.kind, span.parent) == ("invoke_agent implement", SpanKind.INTERNAL, None)
    assert attributes_of(span) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "plan",
        "gen_ai.skill.name": "implement",
        "dispatch.kind": "run_skill",
        "dispatch.provider": "openai",
        "dispatch.model": "gpt-6-luna",
        "dispatch.wire_format": "openai_compat",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "api.openai.com",
        "dispatch.thinking.mode": "provider_default",
        "dispatch.provenance.provider": "catalog_default",
        "dispatch.provenance.model": "unknown",
        "dispatch.provenance.wire_format": "catalog_default",
        "dispatch.provenance.thinking": "catalog_default",
        "dispatch.provenance.tool_format": "unknown",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.requested.model": "luna",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 7,
        "dispatch.rollup.calls": 2,
        "dispatch.rollup.models": "gpt-6-luna",
        "dispatch.rollup.providers": "openai",
        "dispatch.rollup.inherited_calls": 0,
        "dispatch.rollup.empty_terminal_calls": 0,
        "dispatch.rollup.output_tokens": 7,
    }
    context = span.context
    assert context is not None
    for below in told.spans("chat gpt-6-luna"):
        assert below.parent is not None
        assert below.parent.span_id == context.span_id
        assert attributes_of(below)["dispatch.requested.model"] == "luna"


def test_where_the_calls_differ_the_entry_says_unknown_and_the_rollup_names_them(told: Told) -> None:
    @od.entry_point("fleet_dispatch")
    def dispatch(recipe: str) -> None:
        call("a")
        call("b")

    dispatch("nightly")
    span = told.spans()[-1]
    attributes = attributes_of(span)
    assert span.name == "invoke_workflow nightly"
    assert attributes["gen_ai.workflow.name"] == "nightly"
    assert attributes["dispatch.model"] == "unknown"
    assert attributes["dispatch.provider"] == "openai"
    assert attributes["dispatch.rollup.models"] == "a,b"


def test_an_entry_without_calls_knows_nothing_and_says_so(told: Told) -> None:
    od.entry_point("report_bug")(lambda: None)()
    attributes = attributes_of(told.only())
    assert attributes["dispatch.provider"] == attributes["dispatch.model"] == "unknown"
    assert attributes["dispatch.thinking.mode"] == attributes["dispatch.tool_format"] == "unknown"
    assert attributes["dispatch.rollup.calls"] == 0
    assert "dispatch.rollup.output_tokens" not in attributes


def test_nested_entries_each_sum_up_all_that_is_below(told: Told) -> None:
    inner = od.entry_point("run_skill", name="inner")(lambda: call("a"))

    @od.entry_point("fleet_dispatch", name="outer")
    def outer() -> None:
        inner()
        call("b")

    outer()
    sums = {s.name: attributes_of(s)["dispatch.rollup.models"] for s in told.spans() if s.kind is SpanKind.INTERNAL}
    assert sums == {"invoke_agent inner": "a", "invoke_workflow outer": "a,b"}


@pytest.mark.parametrize("error", [ValueError("secret"), KeyboardInterrupt(), asyncio.CancelledError()])
def test_an_exception_arrives_as_the_same_object(told: Told, error: BaseException) -> None:
    @od.entry_point("run_skill", name="s")
    def failing() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        failing()
    assert caught.value is error
    span = told.only()
    attributes = attributes_of(span)
    if isinstance(error, ValueError):
        assert attributes["dispatch.outcome.kind"] == "provider_error"
        assert attributes["dispatch.outcome.class"] == "unknown"
        assert attributes["error.type"] == "ValueError"
        assert span.status.status_code is StatusCode.ERROR
    else:
        assert attributes["dispatch.outcome.kind"] == "cancelled"
        assert span.status.status_code is StatusCode.UNSET
    assert "secret" not in repr(attributes)
    assert span.events == ()


def test_an_sdks_exception_decides_the_entrys_outcome(told: Told, provider: Provider) -> None:
    provider.script(wire.error("openai", 429, "insufficient_quota", "insufficient_quota"))

    @od.entry_point("run_skill", name="s")
    def limited() -> None:
        with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0) as client:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])

    with pytest.raises(openai.RateLimitError):
        limited()
    attributes = attributes_of(told.spans()[-1])
    assert attributes["dispatch.outcome.kind"] == "usage_limit"
    assert attributes["dispatch.outcome.class"] == "quota"


def test_a_method_a_classmethod_and_a_staticmethod_are_entry_points(told: Told) -> None:
    class Host:
        @od.entry_point("run_skill")
        def method(self, skill: str) -> tuple[Any, str]:
            return self, skill

        @od.entry_point("run_skill")
        @classmethod
        def of_class(cls, skill: str) -> tuple[Any, str]:
            return cls, skill

        @od.entry_point("run_skill")
        @staticmethod
        def of_none(skill: str) -> str:
            return skill

    host = Host()
    assert host.method("a") == (host, "a")
    assert Host.of_class("b") == (Host, "b")
    assert Host.of_none("c") == host.of_none("c") == "c"
    assert [s.name for s in told.spans()] == [f"invoke_agent {n}" for n in "abcc"]


def test_an_async_entry_is_still_a_coroutine_function_and_runs_when_awaited(told: Told) -> None:
    @od.entry_point("run_skill", name="s")
    async def skill(x: int) -> int:
        await asyncio.sleep(0)
        call("a")
        return x + 1

    assert inspect.iscoroutinefunction(skill)
    assert str(inspect.signature(skill)) == "(x: int) -> int"
    pending = skill(1)
    assert told.spans() == []
    assert asyncio.run(_awaited(pending)) == 2
    assert [s.name for s in told.spans()] == ["chat a", "invoke_agent s"]


async def _awaited(pending: Any) -> Any:
    return await pending


def test_concurrent_entries_do_not_mix(told: Told) -> None:
    @od.entry_point("run_skill")
    async def skill(skill: str) -> None:
        await asyncio.sleep(0.01)
        await asyncio.to_thread(call, skill)

    async def run() -> None:
        await asyncio.gather(*(skill(f"s{n}") for n in range(8)))

    asyncio.run(run())
    sums = {s.name: attributes_of(s)["dispatch.rollup.models"] for s in told.spans() if s.kind is SpanKind.INTERNAL}
    assert sums == {f"invoke_agent s{n}": f"s{n}" for n in range(8)}


def test_a_thread_pool_that_copies_the_context_stays_inside(told: Told) -> None:
    import contextvars
    from concurrent.futures import ThreadPoolExecutor

    @od.entry_point("fleet_dispatch", name="f")
    def fleet() -> None:
        with ThreadPoolExecutor(4) as pool:
            for n in range(4):
                pool.submit(contextvars.copy_context().run, call, f"m{n}").result()

    fleet()
    assert attributes_of(told.spans()[-1])["dispatch.rollup.calls"] == 4
    assert {s.context.trace_id for s in told.spans() if s.context} == {told.spans()[-1].context.trace_id}  # type: ignore[union-attr]


def test_a_generator_entry_lasts_until_it_is_exhausted_and_leaves_the_readers_context_alone(told: Told) -> None:
    @od.entry_point("agent", name="g")
    def steps(count: int) -> Iterator[int]:
        for n in range(count):
            call(f"m{n}")
            got = yield n
            assert got is None
        return "end"

    assert inspect.isgeneratorfunction(steps)
    passed = steps(2)
    assert told.spans() == []
    assert next(passed) == 0
    assert not trace.get_current_span().get_span_context().is_valid
    assert next(passed) == 1
    with pytest.raises(StopIteration) as stop:
        next(passed)
    assert stop.value.value == "end"
    assert [s.name for s in told.spans()] == ["chat m0", "chat m1", "invoke_agent g"]
    assert attributes_of(told.spans()[-1])["dispatch.rollup.calls"] == 2
    assert attributes_of(told.spans()[-1])["gen_ai.agent.name"] == "g"


def test_what_is_sent_and_thrown_into_a_generator_reaches_it(told: Told) -> None:
    @od.entry_point("agent", name="g")
    def echo() -> Iterator[Any]:
        got: Any = None
        while True:
            try:
                got = yield got
            except KeyError as error:
                got = error

    passed: Any = echo()
    next(passed)
    error = KeyError("x")
    assert passed.send(5) == 5
    assert passed.throw(error) is error
    passed.close()
    span = told.only()
    assert attributes_of(span)["dispatch.outcome.kind"] == "cancelled"


def test_a_generator_that_is_never_consumed_leaves_no_span(told: Told) -> None:
    @od.entry_point("agent", name="g")
    def steps() -> Iterator[int]:
        yield 1

    del steps
    assert told.spans() == []


def test_an_async_generator_entry_is_driven_and_closed_as_one(told: Told) -> None:
    closed = []

    @od.entry_point("agent", name="g")
    async def steps() -> AsyncIterator[int]:
        try:
            for n in range(3):
                got: Any = yield n
                assert got in (None, "sent")
        finally:
            closed.append(True)

    assert inspect.isasyncgenfunction(steps)

    async def run() -> None:
        assert [n async for n in steps()] == [0, 1, 2]
        passed: Any = steps()
        assert await anext(passed) == 0
        assert await passed.asend("sent") == 1
        await passed.aclose()

    asyncio.run(run())
    assert closed == [True, True]
    assert [attributes_of(s)["dispatch.outcome.kind"] for s in told.spans()] == ["served", "cancelled"]


def test_a_plain_function_that_returns_a_coroutine_is_followed_into_it(told: Told) -> None:
    async def inner() -> int:
        call("a")
        return 7

    @od.entry_point("run_skill", name="s")
    def outer() -> Any:
        return inner()

    assert asyncio.run(_awaited(outer())) == 7
    assert [s.name for s in told.spans()] == ["chat a", "invoke_agent s"]


def test_a_wrong_kind_is_told_once_and_leaves_the_function_as_it_is(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    def function() -> None: ...

    assert od.entry_point("run_skil")(function) is function
    assert od.entry_point("run_skil")(function) is function
    kinds = "agent, fleet_dispatch, report_bug, run_skill"
    sentence = f"entry_point('run_skil') on {function.__qualname__}: the kind is not one of {kinds}."
    assert [r.getMessage() for r in caplog.records if r.name == "otel_dispatch"] == [sentence]


def test_a_wrong_kind_names_what_has_no_name_by_its_type(caplog: pytest.LogCaptureFixture) -> None:
    class Planner:
        def __call__(self) -> None: ...

    planner, prepared = Planner(), partial(print)
    assert od.entry_point("run_plan")(planner) is planner
    assert od.entry_point("run_plan")(prepared) is prepared
    told = [r.getMessage().partition(":")[0] for r in caplog.records if r.name == "otel_dispatch"]
    assert told == [f"entry_point('run_plan') on {name}" for name in (Planner.__qualname__, "partial")]


def test_switched_off_a_decorated_function_is_only_called() -> None:
    @od.entry_point("run_skill", name="s")
    def function(x: int) -> int:
        return x

    assert function(3) == 3
    with od.scope("primary", provider="p"), od.provenance(provider="x"), od.attempts():
        assert od.resolve("model", operator_pin=None, pipeline_input="m") == "m"
    assert od.propagation_env({"A": "b", "TRACEPARENT": "t"}) == {"A": "b", "TRACEPARENT": "t"}


def test_a_prompt_behind_a_known_name_is_not_read(told: Told) -> None:
    @od.entry_point("run_skill")
    def run_skill(skill: str, model: Any = None, **rest: Any) -> None: ...

    run_skill("write\nthe secret", model=7, provider="p")
    run_skill("x" * 500)
    for span in told.spans():
        assert span.name == "invoke_agent run_skill"
        assert "gen_ai.skill.name" not in attributes_of(span)


def test_a_call_that_does_not_fit_fails_as_it_would_without_us(told: Told) -> None:
    @od.entry_point("run_skill")
    def run_skill(skill: str) -> None: ...

    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        run_skill()  # type: ignore[call-arg]


def test_all_calls_below_failing_alike_is_the_entrys_outcome(told: Told) -> None:
    @od.entry_point("run_skill", name="s")
    def empty() -> str:
        call("m", tokens=5, text="")
        return ""

    empty()
    span = told.spans()[-1]
    assert attributes_of(span)["dispatch.outcome.kind"] == "empty_completion_terminal"
    assert attributes_of(span)["dispatch.rollup.empty_terminal_calls"] == 1
    assert span.status.status_code is StatusCode.ERROR


def test_a_model_that_another_one_served_shows_on_the_call_and_on_the_entry(told: Told, provider: Provider) -> None:
    provider.script(wire.chat(model="gpt-6-mini"), wire.chat(model="gpt-6-luna-2026-01-02"))

    @od.entry_point("run_skill", name="s")
    def skill() -> None:
        with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k") as client:
            client.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": "hi"}])

    skill()
    assert [attributes_of(s)["dispatch.mismatch"] for s in told.spans()] == ["model.served"] * 2
    skill()
    assert ["dispatch.mismatch" in attributes_of(s) for s in told.spans()[2:]] == [False] * 2
