"""Where each field came from: five rules, and the first that applies."""

from dataclasses import replace
from typing import Any

import pytest

from otel_dispatch.origins import Known, origin_of, provenance_of
from otel_dispatch.record import Endpoint, Primary, Provenance, Request, Thinking
from otel_dispatch.vocabulary import Origin, ThinkingMode, ToolFormat, WireFormat

REQUEST = Request(
    WireFormat.ANTHROPIC_NATIVE,
    model="opus",
    thinking=Thinking(ThinkingMode.EFFORT, True, None, "high"),
    tool_format=ToolFormat.NATIVE,
)
GATEWAY = Endpoint("gw.example", 443, "gateway")
OWN = Endpoint("api.anthropic.com", 443, "anthropic")
# One value a field, as the fields of REQUEST at GATEWAY have them.
VALUES = {
    "provider": "gateway",
    "model": "opus",
    "wire_format": "anthropic_native",
    "thinking": "high",
    "tool_format": "native",
}
FIELDS = list(VALUES)


def origins(found: Provenance) -> dict[str, str]:
    return {name: str(getattr(found, name)) for name in FIELDS}


def unknown(**known: str) -> dict[str, str]:
    return {**dict.fromkeys(FIELDS, "unknown"), **known}


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert origins(provenance_of(REQUEST, GATEWAY, Known())) == unknown()


@pytest.mark.parametrize("origin", list(Origin))
@pytest.mark.parametrize("name", FIELDS)
def test_rule_1_what_is_declared_stands(name: str, origin: Origin) -> None:
    found = provenance_of(REQUEST, GATEWAY, Known(declared={name: origin}))
    assert origins(found) == unknown(**{name: origin})


@pytest.mark.parametrize("name", FIELDS)
def test_rule_1_what_was_resolved_to_this_very_value_stands(name: str) -> None:
    known = Known(resolved={(name, VALUES[name]): Origin.PIPELINE_INPUT})
    assert origins(provenance_of(REQUEST, GATEWAY, known)) == unknown(**{name: "pipeline_input"})
    known = Known(resolved={(name, "another"): Origin.PIPELINE_INPUT})
    assert origins(provenance_of(REQUEST, GATEWAY, known)) == unknown()


def test_rule_1_a_provider_may_be_resolved_as_its_host() -> None:
    known = Known(resolved={("provider", "gw.example"): Origin.OPERATOR_PIN})
    assert origins(provenance_of(REQUEST, GATEWAY, known)) == unknown(provider="operator_pin")


@pytest.mark.parametrize("name", FIELDS)
def test_rule_2_inside_an_escalation_the_value_of_the_primary_is_inherited(name: str) -> None:
    primary: Any = {name: VALUES[name]}
    known = Known(primary=Primary(**primary), escalating=True)
    found = provenance_of(REQUEST, GATEWAY, known)
    assert origins(found) == unknown(**{name: "inherited_from_primary"})
    assert found.inherited == (name,)


@pytest.mark.parametrize("name", FIELDS)
def test_rule_2_inside_an_escalation_another_value_is_its_own(name: str) -> None:
    primary: Any = {name: "another"}
    known = Known(primary=Primary(**primary), escalating=True)
    found = provenance_of(REQUEST, GATEWAY, known)
    assert origins(found) == unknown(**{name: "escalation_override"})
    assert found.inherited == ()


def test_rule_2_does_not_apply_outside_an_escalation_or_to_what_is_not_known() -> None:
    primary = Primary(**VALUES)
    assert origins(provenance_of(REQUEST, GATEWAY, Known(primary=primary))) == unknown()
    assert origins(provenance_of(REQUEST, GATEWAY, Known(escalating=True))) == unknown()
    assert origins(provenance_of(REQUEST, GATEWAY, Known(primary=Primary(), escalating=True))) == unknown()
    unnamed = replace(REQUEST, model=None)
    known = Known(primary=Primary(model=""), escalating=True)
    assert origins(provenance_of(unnamed, GATEWAY, known)) == unknown()


def test_rule_2_lists_what_is_inherited_sorted() -> None:
    found = provenance_of(REQUEST, GATEWAY, Known(primary=Primary(**VALUES), escalating=True))
    assert found.inherited == ("model", "provider", "thinking", "tool_format", "wire_format")


PINNED = [
    ({"ANTHROPIC_MODEL": "opus"}, {"model": "operator_pin"}),
    ({"ANTHROPIC_DEFAULT_OPUS_MODEL": "opus"}, {"model": "operator_pin"}),
    ({"ANTHROPIC_MODEL": "opus-2"}, {}),
    ({"ANTHROPIC_BASE_URL": "https://key@GW.example:443/v1"}, {"provider": "operator_pin"}),
    ({"OLLAMA_HOST": "gw.example"}, {"provider": "operator_pin"}),
    *(
        ({name: "https://gw.example/v1"}, {"provider": "operator_pin"})
        for name in ("ANTHROPIC_GOOGLE_CLOUD_BASE_URL", "AWS_BEDROCK_BASE_URL", "LITELLM_PROXY_API_BASE")
    ),
    ({"ANTHROPIC_BASE_URL": "https://other.example"}, {}),
    ({"SMART": "opus"}, {}),
    *(
        ({"DISPATCH_OTEL_PINS": "X,SMART", "SMART": value}, {name: "operator_pin"})
        for name, value in VALUES.items()
    ),
    ({"DISPATCH_OTEL_PINS": "SMART", "SMART": "https://gw.example/"}, {"provider": "operator_pin"}),
    ({"DISPATCH_OTEL_PINS": "SMART", "SMART": "gw.example"}, {}),
    ({"DISPATCH_OTEL_PINS": "SMART", "SMART": ""}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("environ", "expected"), PINNED)
def test_rule_3_a_pin_that_holds_this_very_value_is_the_operators(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: dict[str, str]
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert origins(provenance_of(REQUEST, GATEWAY, Known())) == unknown(**expected)


DEFAULTS = [
    (REQUEST, OWN, {"provider": "catalog_default", "wire_format": "catalog_default"}),
    (replace(REQUEST, thinking=Thinking()), GATEWAY, {"thinking": "catalog_default"}),
    (replace(REQUEST, thinking=Thinking(ThinkingMode.OFF, False)), GATEWAY, {}),
    (replace(REQUEST, thinking=Thinking(ThinkingMode.UNKNOWN)), GATEWAY, {}),
    (replace(REQUEST, wire_format=WireFormat.OPENAI_COMPAT), OWN, {"provider": "catalog_default"}),
    (REQUEST, Endpoint("gpu1", 80, "anthropic"), {"wire_format": "catalog_default"}),
    (REQUEST, Endpoint("127.0.0.1", 80, "local"), {}),
    (REQUEST, Endpoint(), {}),
]


@pytest.mark.parametrize(("request_", "endpoint", "expected"), DEFAULTS)
def test_rule_4_what_the_provider_itself_does_is_its_default(
    request_: Request, endpoint: Endpoint, expected: dict[str, str]
) -> None:
    assert origins(provenance_of(request_, endpoint, Known())) == unknown(**expected)


def test_the_rules_apply_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    known = Known(
        declared={"provider": Origin.PIPELINE_INPUT},
        resolved={("provider", "anthropic"): Origin.ESCALATION_OVERRIDE},
        primary=Primary(provider="anthropic"),
        escalating=True,
    )
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://api.anthropic.com")
    for change in ({}, {"resolved": {}}, {"declared": {}}, {"escalating": False}):
        known = replace(known, **change)
        seen.append(provenance_of(REQUEST, OWN, known).provider)
    monkeypatch.delenv("ANTHROPIC_BASE_URL")
    seen.append(provenance_of(REQUEST, OWN, known).provider)
    seen.append(provenance_of(REQUEST, GATEWAY, known).provider)
    assert [str(origin) for origin in seen] == [
        "escalation_override",
        "pipeline_input",
        "inherited_from_primary",
        "operator_pin",
        "catalog_default",
        "unknown",
    ]


def test_no_other_word_is_an_origin() -> None:
    words = [*Origin, "Operator_pin", "", "catalog", "OPERATOR_PIN"]
    assert [origin_of(word) for word in words] == [*Origin, None, None, None, None]
