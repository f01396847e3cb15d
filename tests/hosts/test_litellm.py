"""LiteLLM's Router: each attempt is a call of its own, and a fallback's model is told as the fallback's choice."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import otel_dispatch
from otel_dispatch import context
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.conftest import Faults, Told
from tests.sdks.litellm_ways import HI, fresh_clients, litellm

pytestmark = pytest.mark.filterwarnings("ignore")

DOWN = wire.error("openai", 500, "server_error")
LONG = wire.error(
    "openai",
    400,
    "invalid_request_error",
    "context_length_exceeded",
    "This model's maximum context length is 10 tokens.",
)


@pytest.fixture(autouse=True)
def with_fresh_clients() -> Iterator[None]:
    with fresh_clients():
        yield


def deployment(provider: Provider, group: str, model: str, **more: Any) -> dict[str, Any]:
    params = {"model": f"openai/{model}", "api_base": f"{provider.url}/v1", "api_key": "k", "max_retries": 0, **more}
    return {"model_name": group, "litellm_params": params}


def router(provider: Provider, *deployments: dict[str, Any], **options: Any) -> Any:
    models = deployments or tuple(deployment(provider, name, f"gpt-{name}") for name in ("small", "large", "huge"))
    return litellm.Router(model_list=list(models), num_retries=0, disable_cooldowns=True, **options)


def whole(made: Any, **call: Any) -> str:
    return str(made.completion(model="small", messages=HI, **call).choices[0].message.content)


def awaited(made: Any, **call: Any) -> str:
    async def ask() -> str:
        answer = await made.acompletion(model="small", messages=HI, **call)
        return str(answer.choices[0].message.content)

    return asyncio.run(ask())


def awaited_stream(made: Any, **call: Any) -> str:
    async def ask() -> str:
        pieces = await made.acompletion(model="small", messages=HI, stream=True, **call)
        return "".join([piece.choices[0].delta.content or "" async for piece in pieces])

    return asyncio.run(ask())


MODES: dict[str, Callable[..., str]] = {"sync": whole, "async": awaited, "async stream": awaited_stream}

of_each_mode = pytest.mark.parametrize("mode", MODES)


def hello(mode: str, model: str) -> wire.Answer:
    return wire.chat_stream(["Hel", "lo."], model=model) if "stream" in mode else wire.chat("Hello.", model=model)


def calls(told: Told) -> list[tuple[Any, ...]]:
    """Of each call its model, its model's origin, and what came of it."""
    names = ("dispatch.model", "dispatch.provenance.model", "dispatch.outcome.kind")
    return [tuple((span.attributes or {})[name] for name in names) for span in told.spans()]


@of_each_mode
def test_each_attempt_is_a_call_and_the_fallbacks_model_is_an_override(
    told: Told, provider: Provider, mode: str
) -> None:
    provider.script(DOWN, hello(mode, "gpt-large"))
    made = router(provider, fallbacks=[{"small": ["large"]}])
    assert MODES[mode](made) == "Hello."
    assert calls(told) == [
        ("gpt-small", "unknown", "provider_error"),
        ("gpt-large", "escalation_override", "served"),
    ]
    first, second = (
        {name: value for name, value in (span.attributes or {}).items() if "provenance" in name}
        for span in told.spans()
    )
    assert {name for name in first if first[name] != second[name]} == {"dispatch.provenance.model"}


@of_each_mode
def test_a_chain_of_fallbacks_is_told_link_by_link(told: Told, provider: Provider, mode: str) -> None:
    provider.script(DOWN, DOWN, hello(mode, "gpt-huge"))
    made = router(provider, fallbacks=[{"small": ["large", "huge"]}])
    assert MODES[mode](made) == "Hello."
    assert calls(told) == [
        ("gpt-small", "unknown", "provider_error"),
        ("gpt-large", "escalation_override", "provider_error"),
        ("gpt-huge", "escalation_override", "served"),
    ]


@of_each_mode
@pytest.mark.parametrize("fallback", ["large", {"model": "large", "temperature": 0.5}])
def test_a_fallback_that_the_call_itself_names_is_one_too(
    told: Told, provider: Provider, mode: str, fallback: Any
) -> None:
    provider.script(DOWN, hello(mode, "gpt-large"))
    assert MODES[mode](router(provider), fallbacks=[fallback]) == "Hello."
    assert [call[:2] for call in calls(told)] == [("gpt-small", "unknown"), ("gpt-large", "escalation_override")]


@of_each_mode
def test_a_longer_context_that_is_fallen_back_to_is_one_too(told: Told, provider: Provider, mode: str) -> None:
    provider.script(LONG, hello(mode, "gpt-large"))
    made = router(provider, context_window_fallbacks=[{"small": ["large"]}])
    assert MODES[mode](made) == "Hello."
    assert [call[:2] for call in calls(told)] == [("gpt-small", "unknown"), ("gpt-large", "escalation_override")]


@of_each_mode
def test_another_deployment_of_the_same_model_is_no_override(told: Told, provider: Provider, mode: str) -> None:
    provider.script(DOWN, hello(mode, "gpt-second"))
    made = router(
        provider,
        deployment(provider, "small", "gpt-first", order=1),
        deployment(provider, "small", "gpt-second", order=2),
    )
    assert MODES[mode](made) == "Hello."
    assert [call[:2] for call in calls(told)] == [("gpt-first", "unknown"), ("gpt-second", "unknown")]


@of_each_mode
def test_a_call_that_needs_no_fallback_is_as_without_a_router(told: Told, provider: Provider, mode: str) -> None:
    provider.script(hello(mode, "gpt-small"), hello(mode, "gpt-small"))
    made = router(provider, fallbacks=[{"small": ["large"]}])
    for _ in range(2):
        assert MODES[mode](made) == "Hello."
    assert calls(told) == [("gpt-small", "unknown", "served")] * 2


@of_each_mode
def test_after_a_fallback_the_next_call_is_the_programs_own_again(told: Told, provider: Provider, mode: str) -> None:
    provider.script(DOWN, hello(mode, "gpt-large"), hello(mode, "gpt-small"))
    made = router(provider, fallbacks=[{"small": ["large"]}])
    for _ in range(2):
        assert MODES[mode](made) == "Hello."
    assert calls(told)[2] == ("gpt-small", "unknown", "served")


def test_a_fallback_within_an_escalation_is_the_fallbacks_and_not_inherited(told: Told, provider: Provider) -> None:
    provider.script(DOWN, hello("async", "gpt-large"))
    made = router(provider, fallbacks=[{"small": ["large"]}])
    with otel_dispatch.scope("primary", model="gpt-large"), otel_dispatch.scope("escalation"):
        awaited(made)
    assert [call[:2] for call in calls(told)] == [
        ("gpt-small", "escalation_override"),
        ("gpt-large", "escalation_override"),
    ]


@of_each_mode
def test_an_error_that_no_fallback_mends_reaches_the_host(told: Told, provider: Provider, mode: str) -> None:
    provider.script(DOWN, DOWN)
    made = router(provider, fallbacks=[{"small": ["large"]}])
    with pytest.raises(litellm.InternalServerError):
        MODES[mode](made)
    assert [call[2] for call in calls(told)] == ["provider_error"] * 2


@of_each_mode
@pytest.mark.parametrize("name", ["provenance", "with_frame"])
def test_a_fault_of_ours_leaves_a_fallback_as_it_was(
    told: Told, provider: Provider, mode: str, name: str, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    def boom(*_: Any) -> Any:
        raise ZeroDivisionError("ours")

    faults.expect()
    provider.script(DOWN, hello(mode, "gpt-large"))
    made = router(provider, fallbacks=[{"small": ["large"]}])
    monkeypatch.setattr(context, name, boom)
    assert MODES[mode](made) == "Hello."
    assert {type(error) for _, error in faults.seen} == {ZeroDivisionError}


def test_uninstrumenting_puts_the_method_back(make_told: Callable[[], Told]) -> None:
    before = vars(litellm.Router)["async_function_with_fallbacks"]
    make_told()
    assert vars(litellm.Router)["async_function_with_fallbacks"].__wrapped__ is before
    otel_dispatch.uninstrument()
    assert vars(litellm.Router)["async_function_with_fallbacks"] is before
