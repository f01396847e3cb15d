"""The record as the JSON line that harn writes."""

import json
from typing import Any

import msgspec
import pytest

from otel_dispatch.record import Dispatch, Names, Outcome, Primary, Provenance, Requested, Rollup, Thinking
from otel_dispatch.vocabulary import Kind, Origin, OutcomeClass, OutcomeKind, ThinkingMode, ToolFormat, WireFormat
from otel_dispatch.wording import line_of

RECOVERED = Outcome(OutcomeKind.EMPTY_RECOVERED, None, 212, 904, 1)
CALL = Dispatch(
    Kind.LLM_CALL,
    "chat",
    "azure_openai",
    "gpt-6",
    WireFormat.OPENAI_COMPAT,
    Thinking(ThinkingMode.ENABLED, True, 2048),
    ToolFormat.NATIVE,
    "contoso.openai.azure.com",
    Provenance(Origin.INHERITED, Origin.ESCALATION_OVERRIDE, Origin.CATALOG_DEFAULT, Origin.INHERITED),
    Requested("openai", "smart"),
    Primary("azure_openai", "gpt-6-mini"),
    mismatch=("provider.host", "model.served"),
    outcome=RECOVERED,
)


def written(dispatch: Dispatch, **extra: Any) -> Any:
    line = line_of(dispatch, call_id="0199", end_ns=1_789_000_000_042_999_999, extra=extra)
    return json.loads(msgspec.json.encode(line))


def test_the_json_line_has_the_shape_that_harn_writes() -> None:
    assert written(CALL, trace_id="abc") == {
        "type": "resolved_dispatch",
        "iteration": 0,
        "call_id": "0199",
        "span_id": None,
        "timestamp": "1789000000.042",
        "provider": "azure_openai",
        "model": "gpt-6",
        "wire_format": "openai_compat",
        "thinking": {"mode": "enabled", "enabled": True, "budget_tokens": 2048},
        "tool_format": "native",
        "base_url_host": "contoso.openai.azure.com",
        "provenance": {
            "provider": "inherited_from_primary",
            "model": "escalation_override",
            "wire_format": "catalog_default",
            "thinking": "inherited_from_primary",
            "tool_format": "unknown",
        },
        "outcome": {
            "kind": "empty_completion_transient_recovered",
            "completion_tokens": 212,
            "content_len": 904,
            "empty_retries": 1,
        },
        "outcome_kind": "empty_completion_transient_recovered",
        "kind": "llm_call",
        "inherited_fields": ["provider", "thinking"],
        "mismatch": ["provider.host", "model.served"],
        "requested": {"provider": "openai", "model": "smart"},
        "primary": {
            "provider": "azure_openai",
            "model": "gpt-6-mini",
            "wire_format": None,
            "thinking": None,
            "tool_format": None,
        },
        "names": {"agent": None, "skill": None, "workflow": None, "conversation": None, "label": None},
        "rollup": None,
        "trace_id": "abc",
    }


def test_an_entry_has_its_names_and_sums() -> None:
    names, rollup = Names("reviewer", "implement", None, "c-1", "implement"), Rollup(2, ("a", "b"), ("p",), 1, 0, 30)
    line = written(Dispatch(Kind.RUN_SKILL, "invoke_agent", names=names, rollup=rollup))
    assert line["provenance"] == dict.fromkeys(
        ("provider", "model", "wire_format", "thinking", "tool_format"), "unknown"
    )
    assert line["thinking"] == {"mode": "unknown", "enabled": None}
    assert line["outcome"] == {"kind": "served", "completion_tokens": None, "content_len": None}
    assert line["names"] == {
        "agent": "reviewer",
        "skill": "implement",
        "workflow": None,
        "conversation": "c-1",
        "label": "implement",
    }
    assert line["rollup"] == {
        "calls": 2,
        "models": ["a", "b"],
        "providers": ["p"],
        "inherited_calls": 1,
        "empty_terminal_calls": 0,
        "output_tokens": 30,
    }


@pytest.mark.parametrize(
    ("thinking", "told"),
    [
        (Thinking(), {"mode": "provider_default", "enabled": None}),
        (Thinking(ThinkingMode.OFF, False), {"mode": "off", "enabled": False}),
        (Thinking(ThinkingMode.ADAPTIVE, True), {"mode": "adaptive", "enabled": True}),
        (Thinking(ThinkingMode.EFFORT, True, None, "high"), {"mode": "effort", "enabled": True, "level": "high"}),
    ],
)
def test_a_thinking_config_in_the_line(thinking: Thinking, told: dict[str, Any]) -> None:
    assert written(Dispatch(Kind.LLM_CALL, "chat", thinking=thinking))["thinking"] == told


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Outcome(OutcomeKind.SERVED, None, 0, 5), {"completion_tokens": 0, "content_len": 5}),
        (Outcome(OutcomeKind.EMPTY_TERMINAL, None, None, 0), {"completion_tokens": None, "content_len": 0}),
        (Outcome(OutcomeKind.USAGE_LIMIT, OutcomeClass.QUOTA), {"class": "quota"}),
        (Outcome(OutcomeKind.CANCELLED, OutcomeClass.ABANDONED, 3, 9), {"class": "abandoned"}),
    ],
)
def test_an_outcome_in_the_line(outcome: Outcome, told: dict[str, Any]) -> None:
    line = written(Dispatch(Kind.LLM_CALL, "chat", outcome=outcome))
    assert (line["outcome_kind"], line["outcome"]) == (str(outcome.kind), {"kind": str(outcome.kind), **told})
