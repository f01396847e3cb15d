"""What a host file is written with: each kind of function as a run, and readers that may do what they like."""

import asyncio
import inspect
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import wrapt
from opentelemetry.trace import StatusCode

import otel_dispatch as od
from otel_dispatch import aloft
from otel_dispatch.demo.provider import Provider
from otel_dispatch.hosts import Beginning, Ending, entry_at, heard_at
from tests.conftest import Faults, Told
from tests.launches import facts


def agent(_: Any, given: Any) -> Beginning:
    return Beginning("agent", given["name"])


def observed(function: Callable[..., Any], begun: Any = agent, ended: Any = None) -> Any:
    return wrapt.FunctionWrapper(function, entry_at("m", "f", begun, ended).wrapper)


def plain(name: str) -> str:
    return name.upper()


async def coroutine(name: str) -> str:
    return name.upper()


def later(name: str) -> Any:
    return coroutine(name)


def generator(name: str) -> Any:
    yield name.upper()


async def async_generator(name: str) -> Any:
    yield name.upper()


def generators(name: str) -> Any:
    return generator(name)


async def listed(items: Any) -> list[str]:
    return [item async for item in items]


KINDS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "plain": (plain, lambda made: made),
    "coroutine": (coroutine, asyncio.run),
    "a function that makes a coroutine": (later, asyncio.run),
    "generator": (generator, lambda made: next(iter(list(made)))),
    "a function that makes a generator": (generators, lambda made: next(iter(list(made)))),
    "async generator": (async_generator, lambda made: asyncio.run(listed(made))[0]),
}
HEARD = ("plain", "coroutine", "a function that makes a coroutine")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_function_is_one_run_and_stays_what_it_is(kind: str, told: Told) -> None:
    function, use = KINDS[kind]
    heard: list[Any] = []
    wrapped = observed(function, ended=heard.append)
    for is_kind in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
        assert is_kind(wrapped) == is_kind(function)
    made = wrapped("x")
    assert getattr(made, "__name__", None) in (None, function.__name__, "coroutine", "generator")
    assert use(made) == "X"
    assert told.only().name == "invoke_agent x"
    assert heard == (["X"] if kind in HEARD else [])


@pytest.mark.parametrize("kind", ["coroutine", "generator", "async generator"])
def test_what_is_never_used_never_begins(kind: str, told: Told) -> None:
    made = observed(KINDS[kind][0])("x")
    if kind == "coroutine":
        made.close()
    del made
    assert aloft.count() == 0
    assert told.spans() == []


def test_the_exception_arrives_as_it_was(told: Told) -> None:
    error = KeyError("theirs")

    def failing(name: str) -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        observed(failing)("x")
    assert caught.value is error
    assert facts(told.only())["dispatch.outcome.kind"] == "provider_error"


def test_all_that_a_host_says_is_on_the_span(told: Told, tmp_path: Path) -> None:
    definition = tmp_path / "agent.md"
    definition.write_text("x")

    def begun(_: Any, given: Any) -> Beginning:
        own = {"mine.id": 3, "mine.text": "a\nb" + "x" * 999, "mine.nan": float("nan"), "mine.huge": 1 << 70}
        own |= {"dispatch.kind": "x", "gen_ai.x": "y", "otel.z": 1}
        return Beginning("run_skill", "s", "a", "c-1", "fast", "sonnet", definition, own)

    def ended(_: Any) -> Ending:
        return Ending("usage_limit", "quota", "acme", {"mine.end": True})

    observed(plain, begun, ended)("x")
    found = facts(told.only())
    assert told.only().status.status_code is StatusCode.ERROR
    expected = {
        "dispatch.kind": "run_skill",
        "gen_ai.skill.name": "s",
        "gen_ai.agent.name": "a",
        "gen_ai.conversation.id": "c-1",
        "dispatch.requested.provider": "fast",
        "dispatch.requested.model": "sonnet",
        "dispatch.outcome.kind": "usage_limit",
        "dispatch.outcome.class": "quota",
        "dispatch.reported.provider": "acme",
        "mine.id": 3,
        "mine.text": "a b" + "x" * 253,
        "mine.end": True,
    }
    assert found | expected == found
    assert len(found["dispatch.agent.definition_hash"]) == 16
    assert not {"mine.nan", "mine.huge", "gen_ai.x", "otel.z"} & found.keys()


@pytest.mark.parametrize(("reported", "mismatch"), [("acme", None), ("globex", "provider.reported"), ("", None)])
def test_who_the_host_says_has_served_is_compared_with_who_has(
    reported: str, mismatch: str | None, told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPATCH_OTEL_PROVIDERS", f"127.0.0.1:{provider.port}=acme")

    def call(name: str) -> None:
        body = {"model": "m", "messages": []}
        httpx.post(f"{provider.url}/v1/chat/completions", json=body)

    observed(call, ended=lambda _: Ending(reported_provider=reported or None))("x")
    assert facts(told.spans()[-1]).get("dispatch.mismatch") == mismatch
    assert facts(told.spans()[0]).get("dispatch.mismatch") is None


SAID: list[tuple[Any, Any, list[str]]] = [
    (lambda *_: None, None, []),
    (lambda *_: Beginning("agen"), None, ["kind that is not one of agent, fleet_dispatch, report_bug, run_skill."]),
    (agent, lambda _: Ending("it broke: secret"), ["outcome that is not one of served, "]),
    (agent, lambda _: Ending("provider_error", "secret"), ["or a class that is none."]),
    (lambda *_: Beginning("agent", attributes={"otel.x": "secret"}), None, ["left out: otel.x."]),
]


@pytest.mark.parametrize(("begun", "ended", "sentences"), SAID)
def test_a_wrong_word_is_told_once_without_what_it_may_quote(
    begun: Any, ended: Any, sentences: list[str], told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "otel_dispatch"):
        for _ in range(2):
            assert observed(plain, begun, ended)("x") == "X"
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == len(sentences)
    assert all(sentence in text for sentence, text in zip(sentences, said, strict=True))
    assert "secret" not in repr(said)


def boom(*_: Any) -> Any:
    raise ZeroDivisionError("ours")


@pytest.mark.parametrize(("begun", "ended"), [(boom, None), (agent, boom), (lambda *_: "no", None), (agent, len)])
@pytest.mark.parametrize("kind", HEARD)
def test_a_reader_that_fails_costs_its_own_words_alone(
    begun: Any, ended: Any, kind: str, told: Told, faults: Faults
) -> None:
    faults.expect()
    function, use = KINDS[kind]
    assert use(observed(function, begun, ended)("x")) == "X"
    assert {place for place, _ in faults.seen} == {"m:f"}
    assert [span.name for span in told.spans()] == (["invoke_agent x"] if begun is agent else [])


def test_a_call_that_does_not_fit_says_so_itself(told: Told) -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        observed(plain)()
    with pytest.raises(TypeError, match="unexpected keyword"):
        observed(plain)("x", odd=1)
    assert told.spans() == []


class Resolver:
    """Gives a model."""

    def resolve(self, asked: str | None, default: str = "d") -> str:
        return asked or default

    async def resolve_later(self, asked: str | None, default: str = "d") -> str:
        return asked or default


def noted(resolver: Any, given: Any, result: str) -> None:
    assert isinstance(resolver, Resolver)
    assert od.resolve("model", pipeline_input=given["asked"], catalog_default=given["default"]) == result


@pytest.mark.parametrize(("asked", "origin"), [("m", "pipeline_input"), (None, "catalog_default")])
@pytest.mark.parametrize("name", ["resolve", "resolve_later"])
def test_what_a_resolver_decided_counts_for_the_calls_that_follow(
    name: str, asked: str | None, origin: str, told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapper = heard_at("m", f"Resolver.{name}", noted).wrapper
    monkeypatch.setattr(Resolver, name, wrapt.FunctionWrapper(vars(Resolver)[name], wrapper))

    async def run(name: str) -> None:
        found = Resolver().resolve(asked) if name == "resolve" else await Resolver().resolve_later(asked)
        body = {"model": found, "messages": []}
        async with httpx.AsyncClient() as client:
            await client.post(f"{provider.url}/v1/chat/completions", json=body)

    asyncio.run(observed(run)(name))
    call, entry = map(facts, told.spans())
    assert call["dispatch.provenance.model"] == entry["dispatch.provenance.model"] == origin


def test_a_hearer_that_fails_changes_nothing(told: Told, faults: Faults) -> None:
    faults.expect()
    wrapped = wrapt.FunctionWrapper(plain, heard_at("m", "g", boom).wrapper)
    assert wrapped("x") == "X"
    assert [place for place, _ in faults.seen] == ["m:g"]
    od.uninstrument()
    assert wrapped("x") == "X"
    assert len(faults.seen) == 1


def test_where_nothing_is_set_up_nobody_is_asked(faults: Faults) -> None:
    assert observed(plain, boom, boom)("x") == "X"
    assert faults.seen == []
