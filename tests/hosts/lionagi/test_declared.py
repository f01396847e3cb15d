"""What of lionagi's choice is asked for, and what is declared of the call that comes of it."""

from types import SimpleNamespace
from typing import Any

import pytest

from otel_dispatch.lionagi_layers import Command, declared_of, requested_of
from otel_dispatch.record import Requested

PIN, CATALOG, INHERITED = "operator_pin", "catalog_default", "inherited_from_primary"

REQUESTED = [
    ("claude/opus-high", True, Requested(None, "opus-high")),
    ("openai/gpt-4.1", False, Requested("openai", "gpt-4.1")),
    ("claude", True, Requested(None, "claude")),
    ("gpt-4.1", False, Requested(None, "gpt-4.1")),
    (None, False, Requested()),
]


@pytest.mark.parametrize(("spec", "is_cli", "expected"), REQUESTED)
def test_what_is_asked_for(spec: str | None, is_cli: bool, expected: Requested) -> None:
    assert requested_of(spec, is_cli) == expected


def model(provider: str, **settings: Any) -> Any:
    config = SimpleNamespace(provider=provider, kwargs=settings)
    return SimpleNamespace(is_cli=provider != "openai", endpoint=SimpleNamespace(config=config))


OF_DEEP: dict[str, Any] = {"model": "gpt-5.6-sol", "config_overrides": {"model_reasoning_effort": "high"}}
DECLARED: dict[str, tuple[str, Any, Any]] = {
    "an effort of claude": (
        "claude/opus",
        model("claude", model="opus", effort="low"),
        {"model": PIN, "thinking": PIN},
    ),
    "none": ("claude/opus", model("claude", model="opus", effort=None), {"model": PIN}),
    "one that codex does not know": ("codex/m-low", model("codex", model="m", reasoning_effort="low"), {"model": PIN}),
    "a profile of codex": ("codex/deep", model("codex", **OF_DEEP), {"model": CATALOG, "thinking": CATALOG}),
    "one under another name of codex": (
        "openai-codex/deep-low",
        model("openai-codex", **OF_DEEP, reasoning_effort="low"),
        {"model": CATALOG, "thinking": CATALOG},
    ),
    "one without an effort": ("codex/deep", model("codex", model="gpt-5.6-sol"), {"model": CATALOG}),
    "an API's, not sent": ("openai/gpt-4.1", model("openai", model="gpt-4.1"), {"model": PIN, "provider": PIN}),
    "an API's": (
        "openai/gpt-4.1",
        model("openai", model="gpt-4.1", reasoning_effort="low"),
        {"model": PIN, "provider": PIN, "thinking": PIN},
    ),
}


@pytest.mark.parametrize("case", DECLARED)
def test_an_effort_is_declared_where_it_is_sent_and_a_provider_where_it_was_named(case: str) -> None:
    spec, asked, expected = DECLARED[case]
    chosen = Command("agent", {"model_str": spec, "effort": "low"}).chosen()
    assert declared_of(chosen, asked) == expected


def test_what_fell_through_to_a_profile_of_codex_is_inherited() -> None:
    chosen = Command("agent", {"model_str": "codex/deep"}).chosen().inherited()
    assert declared_of(chosen, model("codex", **OF_DEEP)) == {"model": INHERITED, "thinking": INHERITED}
