"""The thinking config that was sent, from every way in which providers spell it."""

from typing import Any

import pytest

from otel_dispatch.record import Thinking
from otel_dispatch.thinking import anthropic_thinking, compat_thinking, effort_thinking, reasoning_thinking
from otel_dispatch.vocabulary import ThinkingMode


def thinking(mode: str, enabled: bool | None, budget: int | None = None, level: str | None = None) -> Thinking:
    return Thinking(ThinkingMode(mode), enabled, budget, level)


UNSENT = thinking("provider_default", None)
UNREAD = thinking("unknown", None)
OFF = thinking("off", False)
ON = thinking("enabled", True)

ANTHROPIC: list[tuple[Any, Any, Thinking]] = [
    (None, None, UNSENT),
    ({"type": "enabled", "budget_tokens": 2048}, None, thinking("enabled", True, 2048)),
    ({"type": "enabled", "budget_tokens": 2048, "display": "omitted"}, None, thinking("enabled", True, 2048)),
    ({"type": "disabled"}, None, OFF),
    ({"type": "adaptive", "display": "summarized"}, None, thinking("adaptive", True)),
    ({"type": "between_tools"}, None, thinking("between_tools", True)),
    *((None, level, thinking("effort", None, None, level)) for level in ("low", "medium", "high", "xhigh", "max")),
    ({"type": "adaptive"}, "max", thinking("adaptive", True, None, "max")),
    ({"type": "disabled"}, "high", thinking("off", False, None, "high")),
    ({"type": "enabled", "budget_tokens": 1}, "low", thinking("enabled", True, 1, "low")),
    ({"type": "never_heard_of"}, "low", thinking("unknown", None, None, "low")),
    ({}, None, thinking("unknown", None)),
    ({"budget_tokens": 2048}, None, thinking("unknown", None, 2048)),
    ({"type": ["enabled"]}, None, thinking("unknown", None)),
    ("enabled", None, thinking("unknown", None)),
    (True, None, thinking("unknown", None)),
    ([], "low", thinking("unknown", None, None, "low")),
    (None, 3, UNSENT),
    (None, "", UNSENT),
    ({"type": "enabled", "budget_tokens": "2048"}, None, ON),
    ({"type": "enabled", "budget_tokens": -1}, None, ON),
    ({"type": "enabled", "budget_tokens": True}, None, ON),
    ({"type": "enabled", "budget_tokens": 2**63}, None, ON),
    ({"type": "enabled", "budget_tokens": 2048.0}, None, thinking("enabled", True, 2048)),
]


@pytest.mark.parametrize(("sent", "effort", "expected"), ANTHROPIC)
def test_anthropic_says_the_mode_in_one_place_and_the_level_in_another(
    sent: Any, effort: Any, expected: Thinking
) -> None:
    assert anthropic_thinking(sent, effort) == expected


@pytest.mark.parametrize(
    ("effort", "expected"),
    [
        (None, UNSENT),
        ("none", thinking("off", False, None, "none")),
        *(
            (level, thinking("effort", True, None, level))
            for level in ("minimal", "low", "medium", "high", "xhigh", "max", "a-new-one")
        ),
        (0, UNREAD),
        (["high"], UNREAD),
        ("as hard as you can", UNREAD),
        ("", UNSENT),
    ],
)
def test_an_effort_of_none_is_off_and_no_effort_is_the_default_of_the_provider(effort: Any, expected: Thinking) -> None:
    assert effort_thinking(effort) == expected
    assert compat_thinking({"reasoning_effort": effort}) == expected


GOOGLE = {"google": {"thinking_config": {"thinking_budget": 512, "include_thoughts": True}}}

COMPAT: list[tuple[dict[str, Any], Thinking]] = [
    ({}, UNSENT),
    # OpenRouter and Together
    ({"reasoning": {"effort": "high"}}, thinking("effort", True, None, "high")),
    ({"reasoning": {"effort": "none"}}, thinking("off", False, None, "none")),
    ({"reasoning": {"max_tokens": 2000}}, thinking("enabled", True, 2000)),
    ({"reasoning": {"enabled": True}}, ON),
    ({"reasoning": {"enabled": False}}, OFF),
    ({"reasoning": {"exclude": True}}, UNSENT),
    ({"reasoning": {}}, UNSENT),
    # Z.AI, DeepSeek and MiniMax
    ({"thinking": {"type": "enabled"}}, ON),
    ({"thinking": {"type": "disabled"}}, OFF),
    ({"thinking": {"type": "adaptive"}, "reasoning_split": True}, thinking("adaptive", True)),
    ({"thinking": {"type": "auto"}}, thinking("adaptive", True)),
    ({"thinking": {"type": "enabled", "budget_tokens": 9}}, thinking("enabled", True, 9)),
    ({"thinking": {"type": "enabled"}, "reasoning_effort": "high"}, thinking("enabled", True, None, "high")),
    ({"thinking": True}, ON),
    ({"thinking": False}, OFF),
    ({"thinking": {"type": "disabled"}, "reasoning_effort": "none"}, thinking("off", False, None, "none")),
    ({"thinking": {"type": "enabled", "clear_thinking": False}}, ON),
    # Moonshot, Volcengine
    ({"thinking": {"type": "enabled", "keep": "all"}}, ON),
    ({"thinking": {"type": "auto"}, "reasoning_effort": "low"}, thinking("adaptive", True, None, "low")),
    # Together's gpt-oss, Fireworks, xAI, Perplexity, Cerebras, DeepInfra; Groq's Qwen
    ({"reasoning_effort": "xhigh"}, thinking("effort", True, None, "xhigh")),
    ({"reasoning_effort": "default"}, thinking("effort", True, None, "default")),
    # Fireworks, and LiteLLM's proxy
    ({"reasoning_effort": False}, OFF),
    ({"reasoning_effort": True}, ON),
    ({"reasoning_effort": 1024}, thinking("enabled", True, 1024)),
    ({"reasoning_effort": -1}, UNREAD),
    ({"reasoning_effort": {"effort": "high", "summary": "detailed"}}, thinking("effort", True, None, "high")),
    ({"reasoning_effort": {"effort": "none"}}, thinking("off", False, None, "none")),
    ({"reasoning_effort": {"summary": "auto"}}, UNSENT),
    ({"reasoning_effort": {"effort": 3}}, UNREAD),
    # NVIDIA, of which 0 is not documented; SGLang
    ({"chat_template_kwargs": {"enable_thinking": True}, "reasoning_budget": 16384}, thinking("enabled", True, 16384)),
    ({"chat_template_kwargs": {"enable_thinking": True}, "reasoning_budget": 0}, ON),
    ({"chat_template_kwargs": {"enable_thinking": False}, "reasoning_budget": 16384}, OFF),
    ({"reasoning_budget": 0}, UNREAD),
    ({"reasoning_budget": -1}, UNREAD),
    ({"min_thinking_tokens": 1, "max_thinking_tokens": 9}, thinking("enabled", True, 9)),
    ({"nvext": {"max_thinking_tokens": 9}}, thinking("enabled", True, 9)),
    ({"nvext": {"annotations": []}}, UNSENT),
    ({"custom_params": {"thinking_budget": 512}}, thinking("enabled", True, 512)),
    ({"custom_params": {"thinking_budget": 512}, "reasoning_effort": "low"}, thinking("effort", True, 512, "low")),
    # Cerebras of old
    ({"disable_reasoning": True}, OFF),
    ({"disable_reasoning": False}, UNSENT),
    # DashScope
    ({"enable_thinking": True}, ON),
    ({"enable_thinking": True, "thinking_budget": 50}, thinking("enabled", True, 50)),
    ({"enable_thinking": False}, OFF),
    ({"thinking_budget": 50}, thinking("enabled", True, 50)),
    # vLLM, SGLang and llama.cpp; Baseten
    ({"chat_template_kwargs": {"enable_thinking": True, "preserve_thinking": True}}, ON),
    ({"chat_template_kwargs": {"enable_thinking": False}}, OFF),
    ({"chat_template_kwargs": {"thinking": True}}, ON),
    ({"chat_template_kwargs": {"thinking": False}}, OFF),
    ({"chat_template_kwargs": {"reasoning_effort": "low"}}, thinking("effort", True, None, "low")),
    ({"chat_template_kwargs": {"preserve_thinking": True}}, UNSENT),
    ({"chat_template_kwargs": {"thinking_budget": 50}}, thinking("enabled", True, 50)),
    ({"chat_template_kwargs": {"enable_thinking": True, "thinking_budget": 50}}, thinking("enabled", True, 50)),
    ({"chat_template_kwargs": {"thinking_budget": 0}}, OFF),
    ({"thinking_token_budget": 50}, thinking("enabled", True, 50)),
    ({"thinking_token_budget": 50, "reasoning_effort": "low"}, thinking("effort", True, 50, "low")),
    ({"reasoning_budget_tokens": 50}, thinking("enabled", True, 50)),
    ({"reasoning_budget_tokens": 0}, OFF),
    ({"reasoning_budget_tokens": -1}, UNSENT),
    ({"thinking_budget_tokens": 50, "reasoning_budget_tokens": 50}, thinking("enabled", True, 50)),
    ({"thinking_budget_tokens": 0}, OFF),
    ({"thinking_budget_tokens": -1}, UNSENT),
    ({"chat_template_args": {"enable_thinking": True}}, ON),
    ({"chat_template_args": {"enable_thinking": False}}, OFF),
    # Groq and MiniMax: what is shown, not what is done
    ({"include_reasoning": False, "reasoning_format": "hidden", "reasoning_split": True}, UNSENT),
    ({"reasoning_format": "parsed", "reasoning_effort": "none"}, thinking("off", False, None, "none")),
    ({"google": {"thinking_config": {"include_thoughts": True}}}, UNSENT),
    # Mistral
    ({"prompt_mode": "reasoning"}, ON),
    ({"prompt_mode": None}, UNSENT),
    # Gemini's compatible endpoint
    (GOOGLE, thinking("enabled", True, 512)),
    ({"extra_body": GOOGLE}, thinking("enabled", True, 512)),
    ({"google": {"thinking_config": {"thinking_level": "LOW"}}}, thinking("effort", True, None, "low")),
    ({"google": {"thinkingConfig": {"thinkingLevel": "High"}}}, thinking("effort", True, None, "high")),
    ({"google": {"thinking_config": {"thinking_budget": 0}}}, OFF),
    ({"google": {"thinkingConfig": {"thinkingBudget": -1}}}, thinking("adaptive", True)),
    ({"google": {"thinking_config": {"thinking_budget": None, "thinkingBudget": 7}}}, thinking("enabled", True, 7)),
    ({"google": {"thinking_config": {"thinking_level": "THINKING_LEVEL_UNSPECIFIED"}}}, UNSENT),
]


@pytest.mark.parametrize(("body", "expected"), COMPAT)
def test_an_openai_shaped_body_is_read_in_the_spelling_of_each_provider(
    body: dict[str, Any], expected: Thinking
) -> None:
    assert compat_thinking(body) == expected


ON_SWITCHES: list[dict[str, Any]] = [
    {"reasoning_effort": "high"},
    {"reasoning": {"enabled": True, "effort": "high", "max_tokens": 5}},
    {"thinking": {"type": "enabled", "budget_tokens": 5}},
    {"enable_thinking": True, "thinking_budget": 5},
    {"chat_template_kwargs": {"enable_thinking": True, "thinking": True, "reasoning_effort": "high"}},
    {"prompt_mode": "reasoning"},
    {"thinking_token_budget": 5},
    {"reasoning_budget_tokens": 5},
    {"google": {"thinking_config": {"thinking_budget": 5}}},
]
OFF_SWITCHES: list[dict[str, Any]] = [
    {"reasoning_effort": "none"},
    {"reasoning": {"enabled": False}},
    {"reasoning": {"effort": "none"}},
    {"thinking": {"type": "disabled"}},
    {"thinking": False},
    {"enable_thinking": False},
    {"thinking_budget": 0},
    {"disable_reasoning": True},
    {"chat_template_args": {"thinking_budget": 0}},
    {"chat_template_kwargs": {"enable_thinking": False}},
    {"chat_template_args": {"thinking": False}},
    {"google": {"thinking_config": {"thinking_budget": 0}}},
]


@pytest.mark.parametrize("on", ON_SWITCHES)
@pytest.mark.parametrize("off", OFF_SWITCHES)
def test_an_explicit_off_wins_over_everything_else(on: dict[str, Any], off: dict[str, Any]) -> None:
    found = compat_thinking({**on, **off})
    assert (found.mode, found.enabled, found.budget_tokens) == ("off", False, None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"enable_thinking": True, "reasoning_effort": "low"}, thinking("enabled", True, None, "low")),
        ({"reasoning_effort": "low", "thinking_budget": 5}, thinking("effort", True, 5, "low")),
        ({"reasoning_effort": "low", "reasoning": {"effort": "high"}}, thinking("effort", True, None, "low")),
        ({"thinking": {"type": "adaptive"}, "enable_thinking": True}, thinking("adaptive", True)),
        ({"thinking": {"type": "odd"}, "enable_thinking": True}, thinking("unknown", None)),
        (
            {"chat_template_args": {"thinking": False}, "chat_template_kwargs": {"thinking": True}},
            OFF,
        ),
    ],
)
def test_a_switch_wins_over_an_effort_and_a_type_over_a_switch(body: dict[str, Any], expected: Thinking) -> None:
    assert compat_thinking(body) == expected


SWITCHED = ["reasoning", "thinking", "enable_thinking", "prompt_mode", "disable_reasoning"]
COUNTED = ["thinking_budget", "thinking_token_budget", "reasoning_budget_tokens", "reasoning_budget"]
HOLDING = ["chat_template_kwargs", "chat_template_args", "google", "extra_body", "nvext", "custom_params"]


@pytest.mark.parametrize("wrong", [1.5, ["x"], float("nan"), "two words", -2, 2**70])
@pytest.mark.parametrize("name", ["reasoning_effort", *SWITCHED, *COUNTED])
def test_what_was_sent_and_cannot_be_read_is_unknown(name: str, wrong: object) -> None:
    assert compat_thinking({name: wrong}) == UNREAD


@pytest.mark.parametrize(
    "body",
    [
        {"reasoning": {"effort": 3}},
        {"reasoning": {"enabled": "yes"}},
        {"reasoning": {"max_tokens": "2000"}},
        {"chat_template_kwargs": {"enable_thinking": "false"}},
        {"chat_template_kwargs": {"thinking": "off"}},
        {"thinking": {"budget_tokens": "many"}},
    ],
)
def test_what_cannot_be_read_within_an_object_is_unknown(body: dict[str, Any]) -> None:
    assert compat_thinking(body) == UNREAD
    assert compat_thinking({**body, "reasoning_effort": "low"}) == thinking("effort", True, None, "low")


@pytest.mark.parametrize("empty", [None, "", {}, {"x": {}}])
@pytest.mark.parametrize("name", ["reasoning_effort", *SWITCHED, *COUNTED, *HOLDING])
def test_what_says_nothing_of_thinking_is_as_if_it_were_not_sent(name: str, empty: object) -> None:
    assert compat_thinking({name: empty}) == UNSENT


@pytest.mark.parametrize("wrong", [0, 1.5, "on", [], [1]])
@pytest.mark.parametrize("name", HOLDING)
def test_what_holds_other_things_too_and_is_no_object_says_nothing(name: str, wrong: object) -> None:
    assert compat_thinking({name: wrong}) == UNSENT


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        (None, UNSENT),
        ({}, UNSENT),
        ({"summary": "auto"}, UNSENT),
        ({"effort": "high", "summary": None}, thinking("effort", True, None, "high")),
        ({"effort": "none"}, thinking("off", False, None, "none")),
        ({"effort": 3}, UNREAD),
        ("high", UNREAD),
        # OpenRouter
        ({"max_tokens": 2000}, thinking("enabled", True, 2000)),
        ({"enabled": True, "effort": "low"}, thinking("enabled", True, None, "low")),
        ({"enabled": False}, OFF),
    ],
)
def test_the_responses_api_says_it_in_one_object(reasoning: object, expected: Thinking) -> None:
    assert reasoning_thinking(reasoning) == expected


@pytest.mark.parametrize(
    ("sent", "label"),
    [
        (thinking("effort", True, None, "high"), "high"),
        (thinking("effort", True), "effort"),
        (thinking("enabled", True, 5, "high"), "enabled"),
        (OFF, "off"),
        (UNSENT, "provider_default"),
    ],
)
def test_the_label_is_the_level_of_an_effort_else_the_mode(sent: Thinking, label: str) -> None:
    assert sent.label == label
