"""lionagi used as a library: the truth about the calls that fail without a sound, wait, or are lost sight of."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import context as otel
from opentelemetry.context import Context

import otel_dispatch as od
from otel_dispatch import aloft
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.answer import Answer
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told, eventually
from tests.hosts.lionagi.library import (
    MESSAGES,
    Branch,
    attributes,
    calls,
    id_of,
    iModel,
    made,
    parent_of,
    run,
    steps,
)

pytestmark = pytest.mark.filterwarnings("ignore")


REFUSALS: dict[str, Callable[[Provider], Any]] = {
    "no key": lambda server: iModel(provider="openai", model="m", base_url=server.url + "/v1", api_key=None),
    "an address that is not let through": lambda server: iModel(
        provider="openai", model="m", base_url=server.url + "/v1", api_key="k"
    ),
}


@pytest.mark.parametrize("way", REFUSALS)
def test_a_call_that_lionagi_refuses_to_send_makes_its_step_a_refusal(
    told: Told, provider: Provider, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> None:
        with pytest.raises(Exception) as caught:
            await Branch(chat_model=REFUSALS[way](provider)).chat("hi")
        assert caught.value is not None

    run(ask)
    (step,) = steps(told)
    assert (provider.seen, calls(told)) == ([], [])
    assert attributes(step)["dispatch.outcome.kind"] == "refused"


def test_a_failure_that_raises_nothing_fails_the_step(told: Told, provider: Provider) -> None:
    provider.script(wire.error("openai", 400, "invalid_request_error", "context_length_exceeded", "secret words"))

    async def ask() -> Any:
        branch = Branch(chat_model=made(provider))
        return await asyncio.gather(branch.communicate("hi"), return_exceptions=True)

    run(ask)
    found = attributes(steps(told)[0])
    assert (found["dispatch.outcome.kind"], found["dispatch.outcome.class"]) == ("provider_error", "context_overflow")
    assert "secret" not in repr(told.spans())


def test_a_call_that_was_kept_back_belongs_to_whom_it_was_made_for(told: Told, provider: Provider) -> None:
    async def ask() -> None:
        model = made(provider, limit_requests=1, capacity_refresh_time=0.2, interval=0.2)

        async def step(name: str) -> None:
            with od.provenance(model="pipeline_input" if name == "b" else "operator_pin"):
                await Branch(name=name, chat_model=model).chat("hi")

        await asyncio.gather(*(step(name) for name in ("a", "b", "c")))
        await model.close()

    run(ask)
    assert len(calls(told)) == len(steps(told)) == 3
    by_step = {parent_of(call): attributes(call)["dispatch.provenance.model"] for call in calls(told)}
    expected = {"a": "operator_pin", "b": "pipeline_input", "c": "operator_pin"}
    assert by_step == {id_of(step): expected[attributes(step)["gen_ai.agent.name"]] for step in steps(told)}


def test_a_call_that_nobody_waits_for_any_longer_is_abandoned(
    told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> None:
        model = made(provider, limit_requests=1, capacity_refresh_time=2.0, interval=2.0)
        await Branch(name="first", chat_model=model).chat("hi")
        with monkeypatch.context() as patcher:
            wait_for = asyncio.wait_for
            patcher.setattr(asyncio, "wait_for", lambda awaited, timeout: wait_for(awaited, min(timeout, 0.05)))
            await asyncio.gather(Branch(name="second", chat_model=model).chat("hi"), return_exceptions=True)
        while len(calls(told)) < 2:
            await asyncio.sleep(0.01)
        await model.close()

    run(ask)
    step = next(step for step in steps(told) if step.name == "invoke_agent second")
    found = attributes(step)
    assert (found["dispatch.outcome.kind"], found["dispatch.outcome.class"]) == ("cancelled", "abandoned")
    # It was sent all the same, and its span is where it was asked for.
    assert [parent_of(call) == id_of(step) for call in calls(told)] == [False, True]


def test_a_stream_is_asked_for_where_it_is_read_and_leaves_its_readers_context_alone(
    told: Told, provider: Provider
) -> None:
    provider.script(wire.chat_stream(["Hel", "lo."], model="gpt-4.1-mini"))

    async def ask() -> list[Context]:
        before = otel.get_current()
        pieces = made(provider).stream(messages=MESSAGES)
        return [before, *[otel.get_current() async for _ in pieces]]

    assert len(set(map(id, run(ask)))) == 1
    assert len(calls(told)) == 1


def test_a_stream_that_another_task_closes_ends_once(told: Told, provider: Provider) -> None:
    chunks = wire.chat_stream(["a", "b"], model="m").chunks
    assert chunks is not None
    provider.script(Answer(headers={"content-type": "text/event-stream"}, chunks=[*chunks[:2], 5.0, *chunks[2:]]))

    async def ask() -> None:
        pieces = made(provider).stream(messages=MESSAGES)
        await anext(pieces)
        await asyncio.create_task(pieces.aclose())

    run(ask)
    eventually(lambda: len(told.spans()) == 1)
    assert attributes(told.only())["dispatch.outcome.kind"] == "cancelled"


def test_a_generator_of_a_branch_that_is_never_read_tells_nothing(told: Told, provider: Provider) -> None:
    async def ask() -> None:
        await made(provider).stream(messages=MESSAGES).aclose()
        await Branch(chat_model=made(provider)).ReActStream({"instruction": "hi"}).aclose()

    run(ask)
    assert (told.spans(), aloft.count()) == ([], 0)


def test_an_error_inside_a_success_is_one_although_lionagi_completes_the_call(told: Told, provider: Provider) -> None:
    error = {"error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "secret words"}}
    provider.script(Answer(body=json.dumps(error).encode(), headers={"content-type": "application/json"}))
    call = run(lambda: made(provider, endpoint="responses").invoke(input="hi"))
    assert call.status.value == "completed"
    found = attributes(calls(told)[0])
    assert (found["http.response.status_code"], found["dispatch.outcome.kind"]) == (200, "usage_limit")
    assert "secret" not in repr(told.spans())


def test_a_stream_that_stops_without_saying_so_is_a_failure_although_lionagi_completes_it(
    told: Told, provider: Provider
) -> None:
    chunks = wire.chat_stream(["Hel", "lo."], model="gpt-4.1-mini").chunks
    assert chunks is not None
    provider.script(Answer(headers={"content-type": "text/event-stream"}, chunks=chunks[:2]))

    async def ask() -> list[Any]:
        return [chunk async for chunk in made(provider).stream(messages=MESSAGES)]

    assert run(ask)
    found = attributes(calls(told)[0])
    assert (found["dispatch.outcome.kind"], found.get("dispatch.outcome.class")) == (
        "provider_error",
        "malformed_response",
    )
