"""The record in words: the attributes of calls, launches and entries, whole."""

from dataclasses import replace
from typing import Any

import pytest

from otel_dispatch.record import (
    Dispatch,
    Endpoint,
    Names,
    Outcome,
    Primary,
    Provenance,
    Reply,
    Request,
    Requested,
    Rollup,
    Thinking,
    Usage,
)
from otel_dispatch.vocabulary import Kind, Origin, OutcomeClass, OutcomeKind, ThinkingMode, ToolFormat, WireFormat
from otel_dispatch.wording import (
    span_name,
    words_of,
    words_of_change,
    words_of_outcome,
    words_of_reply,
    words_of_request,
    words_of_rollup,
)

CALL = Dispatch(
    Kind.LLM_CALL,
    "chat",
    "azure_openai",
    "gpt-6",
    WireFormat.OPENAI_COMPAT,
    Thinking(ThinkingMode.EFFORT, True, None, "high"),
    ToolFormat.NATIVE,
    "contoso.openai.azure.com",
    Provenance(Origin.INHERITED, Origin.ESCALATION_OVERRIDE, Origin.CATALOG_DEFAULT, Origin.INHERITED),
    Requested("openai", "smart"),
    Primary("azure_openai", "gpt-6-mini"),
    mismatch=("provider.host", "model.served"),
)
CALL_WORDS = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "azure.ai.openai",
    "peer.service": "azure_openai",
    "service.peer.name": "azure_openai",
    "dispatch.kind": "llm_call",
    "dispatch.provider": "azure_openai",
    "dispatch.model": "gpt-6",
    "dispatch.wire_format": "openai_compat",
    "dispatch.tool_format": "native",
    "dispatch.base_url_host": "contoso.openai.azure.com",
    "dispatch.thinking.mode": "effort",
    "dispatch.thinking.enabled": True,
    "dispatch.thinking.level": "high",
    "dispatch.provenance.provider": "inherited_from_primary",
    "dispatch.provenance.model": "escalation_override",
    "dispatch.provenance.wire_format": "catalog_default",
    "dispatch.provenance.thinking": "inherited_from_primary",
    "dispatch.provenance.tool_format": "unknown",
    "dispatch.inherited": True,
    "dispatch.inherited_fields": "provider,thinking",
    "dispatch.requested.provider": "openai",
    "dispatch.requested.model": "smart",
    "dispatch.primary.provider": "azure_openai",
    "dispatch.primary.model": "gpt-6-mini",
    "dispatch.mismatch": "model.served,provider.host",
}
UNKNOWN_WORDS = {
    "dispatch.provider": "unknown",
    "dispatch.model": "unknown",
    "dispatch.wire_format": "unknown",
    "dispatch.tool_format": "unknown",
    "dispatch.base_url_host": "unknown",
    "dispatch.thinking.mode": "unknown",
    "dispatch.provenance.provider": "unknown",
    "dispatch.provenance.model": "unknown",
    "dispatch.provenance.wire_format": "unknown",
    "dispatch.provenance.thinking": "unknown",
    "dispatch.provenance.tool_format": "unknown",
    "dispatch.inherited": False,
    "dispatch.inherited_fields": "",
}
ENTRY = Dispatch(
    Kind.RUN_SKILL,
    "invoke_agent",
    reported_provider="minimax",
    definition_hash="0123456789abcdef",
    names=Names("reviewer", "implement", "release", "c-1", "implement"),
)


def test_a_call_in_attributes() -> None:
    assert words_of(CALL) == CALL_WORDS


def test_an_entry_in_attributes() -> None:
    assert words_of(ENTRY) == {
        **UNKNOWN_WORDS,
        "gen_ai.operation.name": "invoke_agent",
        "dispatch.kind": "run_skill",
        "gen_ai.agent.name": "reviewer",
        "gen_ai.skill.name": "implement",
        "gen_ai.workflow.name": "release",
        "gen_ai.conversation.id": "c-1",
        "dispatch.reported.provider": "minimax",
        "dispatch.agent.definition_hash": "0123456789abcdef",
    }


def test_what_is_not_known_of_an_entry_is_unknown_or_absent() -> None:
    assert words_of(Dispatch(Kind.AGENT, "invoke_agent")) == {
        **UNKNOWN_WORDS,
        "gen_ai.operation.name": "invoke_agent",
        "dispatch.kind": "agent",
    }


def test_a_launch_is_a_client_like_a_call() -> None:
    words = words_of(Dispatch(Kind.CLI_LAUNCH, "invoke_agent", "anthropic", names=Names(agent="not told")))
    assert words == {
        **UNKNOWN_WORDS,
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "anthropic",
        "peer.service": "anthropic",
        "service.peer.name": "anthropic",
        "dispatch.kind": "cli_launch",
        "dispatch.provider": "anthropic",
    }


def test_what_was_asked_for_is_told_only_where_it_differs() -> None:
    words = words_of(replace(CALL, requested=Requested("azure_openai", "gpt-6"), primary=Primary()))
    assert [name for name in words if name.startswith(("dispatch.requested", "dispatch.primary"))] == []


def test_every_value_is_one_that_a_backend_takes() -> None:
    for words in (words_of(CALL), words_of(ENTRY), words_of_outcome(Outcome(cls=OutcomeClass.AUTH))):
        assert {type(value) for value in words.values()} <= {str, bool, int}


NAMED = [
    (CALL, "chat gpt-6"),
    (replace(CALL, model="unknown"), "chat"),
    (ENTRY, "invoke_agent implement"),
    (replace(ENTRY, names=Names(skill="implement")), "invoke_agent"),
    (Dispatch(Kind.FLEET_DISPATCH, "invoke_workflow", model="gpt-6"), "invoke_workflow"),
    (Dispatch(Kind.CLI_LAUNCH, "invoke_agent", model="m", names=Names(label="claude")), "invoke_agent claude"),
]


@pytest.mark.parametrize(("dispatch", "name"), NAMED)
def test_a_span_is_named_after_its_operation_and_subject(dispatch: Dispatch, name: str) -> None:
    assert span_name(dispatch) == name


def test_a_request_in_attributes() -> None:
    thinking = Thinking(ThinkingMode.EFFORT, True, None, "high")
    request = Request(WireFormat.OPENAI_COMPAT, "chat", "m", thinking, ToolFormat.NATIVE, True, 50, "chat_completions")
    assert words_of_request(request, Endpoint("h.example", 443, "mine"), 2) == {
        "gen_ai.request.model": "m",
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.reasoning.level": "high",
        "server.address": "h.example",
        "server.port": 443,
        "http.request.resend_count": 2,
        "openai.api.type": "chat_completions",
    }
    assert words_of_request(Request(WireFormat.COHERE), Endpoint(), 0) == {"gen_ai.request.stream": False}


def test_an_answer_in_attributes() -> None:
    reply = Reply("m-1", "id-1", ["stop", "length"], Usage(1, 0, 2, 3, 4), upstream="Up")
    assert words_of_reply(reply) == {
        "gen_ai.response.model": "m-1",
        "gen_ai.response.id": "id-1",
        "gen_ai.response.finish_reasons": ("stop", "length"),
        "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.output_tokens": 0,
        "gen_ai.usage.cache_read.input_tokens": 2,
        "gen_ai.usage.cache_write.input_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 4,
        "dispatch.served.provider": "Up",
    }
    assert words_of_reply(Reply()) == {}


def test_what_an_answer_changes_in_attributes() -> None:
    before = Dispatch(Kind.LLM_CALL, "chat", "local", "m", WireFormat.OPENAI_COMPAT, mismatch=())
    after = replace(
        before,
        provider="vllm",
        thinking=Thinking(ThinkingMode.OFF, False, None, "none"),
        mismatch=("model.served",),
        provenance=Provenance(model=Origin.ESCALATION_OVERRIDE),
    )
    assert words_of_change(before, after) == {
        "dispatch.provider": "vllm",
        "gen_ai.provider.name": "vllm",
        "peer.service": "vllm",
        "service.peer.name": "vllm",
        "dispatch.thinking.mode": "off",
        "dispatch.thinking.enabled": False,
        "dispatch.thinking.level": "none",
        "dispatch.mismatch": "model.served",
        "dispatch.provenance.model": "escalation_override",
    }
    assert words_of_change(before, before) == {}


OUTCOMES = [
    (Outcome(OutcomeKind.SERVED, None, 0, 5), {"completion_tokens": 0, "content_len": 5}),
    (Outcome(OutcomeKind.SERVED), {}),
    (
        Outcome(OutcomeKind.EMPTY_RECOVERED, None, 7, 5, 2),
        {"completion_tokens": 7, "content_len": 5, "empty_retries": 2},
    ),
    (Outcome(OutcomeKind.EMPTY_TERMINAL, None, 7, 0), {"completion_tokens": 7, "content_len": 0}),
    (Outcome(OutcomeKind.USAGE_LIMIT, OutcomeClass.QUOTA), {"class": "quota"}),
    (
        Outcome(OutcomeKind.CANCELLED, OutcomeClass.ABANDONED, 3, 9),
        {"class": "abandoned", "completion_tokens": 3, "content_len": 9},
    ),
]


@pytest.mark.parametrize(("outcome", "words"), OUTCOMES)
def test_an_outcome_in_attributes(outcome: Outcome, words: dict[str, Any]) -> None:
    told = {"kind": str(outcome.kind), **words}
    assert words_of_outcome(outcome) == {f"dispatch.outcome.{name}": value for name, value in told.items()}


def test_a_roll_up_in_attributes() -> None:
    assert words_of_rollup(Rollup(3, ("a", "b"), ("p",), 1, 2, 30)) == {
        "dispatch.rollup.calls": 3,
        "dispatch.rollup.models": "a,b",
        "dispatch.rollup.providers": "p",
        "dispatch.rollup.inherited_calls": 1,
        "dispatch.rollup.empty_terminal_calls": 2,
        "dispatch.rollup.output_tokens": 30,
    }
    words = words_of_rollup(Rollup(models=tuple(f"model-{n:03}" for n in range(99))))
    assert len(words["dispatch.rollup.models"]) == 256
    assert "dispatch.rollup.output_tokens" not in words
