"""A gateway or a provider that switched the model or the provider by itself: told wherever a dispatch is told."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

import otel_dispatch as od
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Answer, Provider
from tests.conftest import Told
from tests.wires.anthropic import fallen_back, fallen_back_stream

HI: Any = [{"role": "user", "content": "hi"}]
ASKED, OTHER = "claude-fable-5", "claude-opus-4-8"
CHAIN: Any = {"fallbacks": [{"model": OTHER}]}

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"


@dataclass(frozen=True)
class Case:
    """A request, its answer, and which fields that shows to have been switched on the way."""

    name: str
    path: str
    answer: Callable[[], Answer]
    fields: tuple[str, ...] = ()
    mismatch: str | None = None
    asks: Any = None
    lives: str = ""

    def send(self, provider: Provider) -> None:
        """Ask and read all of the answer."""
        provider.script(self.answer())
        body = {"model": ASKED, "max_tokens": 9, "messages": HI, **(self.asks or {})}
        with (
            httpx2.Client() as client,
            client.stream("POST", provider.url + self.path, json=body) as response,
        ):
            assert response.read()


def litellm(count: str, model: str = OTHER) -> Callable[[], Answer]:
    def made() -> Answer:
        answer = wire.chat(model=model)
        return replace(answer, headers={**answer.headers, "X-LiteLLM-Attempted-Fallbacks": count})

    return made


def openrouter(model: str = ASKED, upstream: str | None = None, is_stream: bool = False) -> Callable[[], Answer]:
    def told(data: bytes) -> bytes:
        return data.replace(b'"choices"', f'"provider": "{upstream}", "choices"'.encode()) if upstream else data

    def made() -> Answer:
        answer = wire.chat_stream(model=model) if is_stream else wire.chat(model=model)
        chunks = answer.chunks and [told(each) if isinstance(each, bytes) else each for each in answer.chunks]
        return replace(answer, body=told(answer.body), chunks=chunks)

    return made


def case(*given: Any, **told: Any) -> Any:
    made = Case(*given, **told)
    return pytest.param(made, id=made.name)


ANTHROPIC = [
    ("one that a model was asked before", {}),
    ("told by the usage alone", {"ran": False}),
    ("told by the block alone", {"told": False}),
]
MODELS: Any = {"models": [ASKED, OTHER]}
ORDER: Any = {"provider": {"order": ["amazon-bedrock", "deepinfra/turbo"]}}
STREAMED: Any = {"stream": True}
THERE = "127.0.0.1=openrouter"

SWITCHED = [
    *(
        case(
            f"anthropic, {name}",
            MESSAGES,
            lambda told=told: fallen_back(ASKED, OTHER, **told),
            ("model",),
            "model.served",
        )
        for name, told in ANTHROPIC
    ),
    *(
        case(
            f"anthropic streamed, {name}",
            MESSAGES,
            lambda told=told: fallen_back_stream(ASKED, OTHER, **told),
            ("model",),
            "model.served",
            STREAMED,
        )
        for name, told in ANTHROPIC
    ),
    case(
        "anthropic, by its name alone", MESSAGES, lambda: wire.messages(model=OTHER), ("model",), "model.served", CHAIN
    ),
    case("litellm", CHAT, litellm("1"), ("model",), "model.served"),
    case("litellm, twice", CHAT, litellm("2"), ("model",), "model.served"),
    case("litellm, under the name that was asked", CHAT, litellm("1", ASKED), ("model",)),
    case("openrouter, a model", CHAT, openrouter(OTHER), ("model",), "model.served", MODELS, THERE),
    case(
        "openrouter, a model, streamed",
        CHAT,
        openrouter(OTHER, is_stream=True),
        ("model",),
        "model.served",
        {**MODELS, **STREAMED},
        THERE,
    ),
    case("openrouter, a provider", CHAT, openrouter(upstream="DeepInfra"), ("provider",), None, ORDER, THERE),
    case(
        "openrouter, a provider, streamed",
        CHAT,
        openrouter(upstream="DeepInfra", is_stream=True),
        ("provider",),
        None,
        {**ORDER, **STREAMED},
        THERE,
    ),
    case(
        "openrouter, both",
        CHAT,
        openrouter(OTHER, "DeepInfra"),
        ("model", "provider"),
        "model.served",
        {**MODELS, **ORDER},
        THERE,
    ),
]
AS_ASKED = [
    case("anthropic", MESSAGES, lambda: wire.messages(model=ASKED), asks=CHAIN),
    case("anthropic, a snapshot", MESSAGES, lambda: wire.messages(model=f"{ASKED}-20260601"), asks=CHAIN),
    case("anthropic streamed", MESSAGES, lambda: wire.messages_stream(model=ASKED), asks={**CHAIN, **STREAMED}),
    case("anthropic, another that is in no list", MESSAGES, lambda: wire.messages(model=OTHER), (), "model.served"),
    case("litellm, none", CHAT, litellm("0", ASKED)),
    case("litellm, no number", CHAT, litellm("none", ASKED)),
    case("litellm, less than none", CHAT, litellm("-1", ASKED)),
    case("openrouter, the first model", CHAT, openrouter(ASKED), asks=MODELS, lives=THERE),
    case("openrouter, the first provider", CHAT, openrouter(upstream="Amazon Bedrock"), asks=ORDER, lives=THERE),
    case("openrouter, no provider named", CHAT, openrouter(), asks=ORDER, lives=THERE),
    case("openrouter, no provider asked for", CHAT, openrouter(upstream="DeepInfra"), lives=THERE),
]


@pytest.fixture(autouse=True)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is said to live at the local server."""
    if "case" in request.fixturenames and (lives := request.getfixturevalue("case").lives):
        monkeypatch.setenv("DISPATCH_OTEL_PROVIDERS", lives)


def facts(told: Told, name: str | None = None) -> dict[str, Any]:
    (span,) = told.spans(name)
    return dict(span.attributes or {})


def overridden(attributes: dict[str, Any]) -> tuple[str, ...]:
    """The fields that are said to have been switched."""
    prefix = "dispatch.provenance."
    named = [name.removeprefix(prefix) for name, origin in attributes.items() if origin == "escalation_override"]
    return tuple(sorted(named))


@pytest.mark.parametrize("case", [*SWITCHED, *AS_ASKED])
def test_on_a_span_of_ours(told: Told, provider: Provider, case: Case) -> None:
    case.send(provider)
    found = facts(told)
    assert (overridden(found), found.get("dispatch.mismatch")) == (case.fields, case.mismatch)
    assert (found["dispatch.model"], found["gen_ai.request.model"]) == (ASKED, ASKED)
    assert (found["dispatch.inherited"], found["dispatch.outcome.kind"]) == (False, "served")


@pytest.mark.parametrize("case", [*SWITCHED, *AS_ASKED])
def test_on_somebodys_span(told: Told, provider: Provider, case: Case) -> None:
    tracer = told.tracer_provider.get_tracer("somebody")
    with tracer.start_as_current_span("theirs", attributes={"gen_ai.operation.name": "chat"}):
        case.send(provider)
    found = facts(told)
    assert (overridden(found), found.get("dispatch.mismatch")) == (case.fields, case.mismatch)


@pytest.mark.parametrize("case", [*SWITCHED, *AS_ASKED])
def test_in_the_event_and_the_record_file(
    told: Told, provider: Provider, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "records.jsonl"
    monkeypatch.setenv("DISPATCH_OTEL_RECORD_FILE", str(path))
    case.send(provider)
    line = json.loads(path.read_text())
    assert (line["model"], line["mismatch"]) == (ASKED, [case.mismatch] if case.mismatch else [])
    assert (
        tuple(sorted(f for f, origin in line["provenance"].items() if origin == "escalation_override")) == case.fields
    )
    (event,) = told.events()
    assert (overridden(event.attributes), event.attributes.get("dispatch.mismatch")) == (case.fields, case.mismatch)


@pytest.mark.parametrize("case", [*SWITCHED, *AS_ASKED])
def test_in_the_sums_of_an_entry(told: Told, provider: Provider, case: Case) -> None:
    @od.entry_point("run_skill", name="s")
    def skill() -> None:
        case.send(provider)

    skill()
    found = facts(told, "invoke_agent s")
    assert (overridden(found), found.get("dispatch.mismatch")) == (case.fields, case.mismatch)
    assert (found["dispatch.rollup.models"], found["dispatch.rollup.inherited_calls"]) == (ASKED, 0)


@pytest.mark.parametrize("case", SWITCHED)
@pytest.mark.parametrize("is_theirs", [False, True])
def test_what_nobody_chose_stays_an_alarm(told: Told, provider: Provider, case: Case, is_theirs: bool) -> None:
    place = case.lives.partition("=")[2] or "local"
    marks = {"gen_ai.operation.name": "chat" if is_theirs else "invoke_agent"}
    with od.scope("primary", provider=place, model=ASKED), od.scope("escalation"):
        with told.tracer_provider.get_tracer("somebody").start_as_current_span("theirs", attributes=marks):
            case.send(provider)
    found = facts(told, "theirs" if is_theirs else f"chat {ASKED}")
    assert (found["dispatch.inherited"], found["dispatch.inherited_fields"]) == (True, "model,provider")
    assert (overridden(found), found.get("dispatch.mismatch")) == ((), case.mismatch)
    assert told.points("dispatch.inherited")[("dispatch.field", "model"), ("dispatch.kind", "llm_call")] == 1


def test_one_switched_call_among_others_makes_the_entrys_origin_unknown(told: Told, provider: Provider) -> None:
    @od.entry_point("run_skill", name="s")
    def skill() -> None:
        SWITCHED[0].values[0].send(provider)  # type: ignore[union-attr]
        with od.provenance(model="operator_pin"):
            AS_ASKED[0].values[0].send(provider)  # type: ignore[union-attr]

    skill()
    found = facts(told, "invoke_agent s")
    assert found["dispatch.provenance.model"] == "unknown"
    assert found["dispatch.mismatch"] == "model.served"


@pytest.mark.parametrize("is_native", [False, True])
@pytest.mark.parametrize("is_stream", [False, True])
def test_anthropics_sdk_hands_on_what_a_fallback_served(
    told: Told, provider: Provider, is_stream: bool, is_native: bool
) -> None:
    provider.script((fallen_back_stream if is_stream else fallen_back)(ASKED, OTHER))
    native: Any = {"tracer_provider": told.tracer_provider} if is_native else False
    asked: Any = {
        "model": ASKED,
        "max_tokens": 9,
        "messages": HI,
        "betas": ["server-side-fallback-2026-07-01"],
        **CHAIN,
    }
    with anthropic.Anthropic(base_url=provider.url, api_key="k", open_telemetry=native) as client:
        if is_stream:
            with client.beta.messages.stream(**asked) as stream:
                message = stream.get_final_message()
        else:
            message = client.beta.messages.create(**asked)
    assert (message.model, message.content[-1].type) == (OTHER, "text")
    found = facts(told)
    assert {name: value for name, value in found.items() if name.startswith("dispatch.")} == {
        "dispatch.kind": "llm_call",
        "dispatch.provider": "local",
        "dispatch.model": ASKED,
        "dispatch.wire_format": "anthropic_native",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "provider_default",
        "dispatch.provenance.provider": "unknown",
        "dispatch.provenance.model": "escalation_override",
        "dispatch.provenance.wire_format": "unknown",
        "dispatch.provenance.thinking": "catalog_default",
        "dispatch.provenance.tool_format": "unknown",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.mismatch": "model.served",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 12,
        "dispatch.outcome.content_len": 5,
    }
    if not is_native:
        assert found["gen_ai.response.model"] == OTHER


def test_each_hop_of_the_sdks_own_fallback_is_a_call(told: Told, provider: Provider) -> None:
    provider.script(wire.messages("", model=ASKED, stop="refusal", usage=(9, 0)), wire.messages(model=OTHER))
    hops = [anthropic.BetaRefusalFallbackMiddleware([{"model": OTHER}])]
    with anthropic.Anthropic(base_url=provider.url, api_key="k", open_telemetry=False, middleware=hops) as client:
        with anthropic.BetaFallbackState():
            message = client.beta.messages.create(model=ASKED, max_tokens=9, messages=HI)
    assert message.model == OTHER
    found = [dict(span.attributes or {}) for span in told.spans()]
    assert [each["dispatch.model"] for each in found] == [ASKED, OTHER]
    assert [each["gen_ai.response.finish_reasons"] for each in found] == [("refusal",), ("end_turn",)]
    # The program itself asked for the other one: nobody overrode it.
    assert [(overridden(each), each.get("dispatch.mismatch")) for each in found] == [((), None)] * 2


def test_on_the_sdks_own_span_the_hop_that_answered_stands(told: Told, provider: Provider) -> None:
    refused = wire.messages("", model=ASKED, stop="refusal", usage=(9, 0))
    provider.script(refused, refused, wire.messages("Hello", model="claude-third", usage=(7, 12)))
    hops = [anthropic.BetaRefusalFallbackMiddleware([{"model": OTHER}, {"model": "claude-third"}])]
    native: Any = {"tracer_provider": told.tracer_provider}
    with anthropic.Anthropic(base_url=provider.url, api_key="k", open_telemetry=native, middleware=hops) as client:
        with anthropic.BetaFallbackState():
            client.beta.messages.create(model=ASKED, max_tokens=9, messages=HI)
    found = dict(told.only().attributes or {})
    # Its owner tells the last answer, too; facts of another answer beside it would contradict it.
    assert (found["gen_ai.response.model"], found["gen_ai.usage.output_tokens"]) == ("claude-third", 12)
    assert (found["dispatch.model"], found["dispatch.outcome.completion_tokens"]) == ("claude-third", 12)
    assert (found["gen_ai.response.finish_reasons"], found["dispatch.outcome.content_len"]) == (("end_turn",), 5)
    assert sum(told.points("dispatch.calls").values()) == 3
    assert [each.attributes["dispatch.model"] for each in told.events()] == [ASKED, OTHER, "claude-third"]
