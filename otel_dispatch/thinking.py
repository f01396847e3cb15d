"""The thinking config that a body sends, from all the ways providers spell it."""

from collections.abc import Mapping
from typing import Any

from .record import UNSENT_THINKING, Thinking
from .vocabulary import ThinkingMode, count_of, text_of

_MODES = {
    "enabled": ThinkingMode.ENABLED,
    "disabled": ThinkingMode.OFF,
    "adaptive": ThinkingMode.ADAPTIVE,
    "auto": ThinkingMode.ADAPTIVE,
    "between_tools": ThinkingMode.BETWEEN_TOOLS,
}
_TEMPLATES = ("chat_template_kwargs", "chat_template_args")
_TEMPLATE_SWITCHES = ("enable_thinking", "thinking")


def as_map(value: object) -> Mapping[str, Any]:
    """*value* where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def anthropic_thinking(thinking: object, effort: object) -> Thinking:
    """The config of Anthropic's ``thinking`` and ``output_config.effort``: the mode of one, the level of the other.

    An effort alone does not say whether the model thinks: older models do not, newer ones do.
    """
    level = text_of(effort)
    if thinking is None:
        return Thinking(ThinkingMode.EFFORT, None, None, level) if level else UNSENT_THINKING
    told = as_map(thinking)
    mode = _mode(told.get("type"))
    return Thinking(mode, _is_on(mode), count_of(told.get("budget_tokens")), level)


def effort_thinking(effort: object) -> Thinking:
    """The config of OpenAI's effort, where ``none`` is off and absent or null is the provider's default."""
    level = text_of(effort)
    if level is None:
        return UNSENT_THINKING
    mode = ThinkingMode.OFF if level == "none" else ThinkingMode.EFFORT
    return Thinking(mode, _is_on(mode), None, level)


def compat_thinking(body: Mapping[str, Any]) -> Thinking:
    """The config of an OpenAI-shaped body with the providers' own extras; an explicit off wins over all others.

    Sources: OpenAI ``reasoning_effort``; OpenRouter and Together ``reasoning``; Z.AI, DeepSeek and MiniMax
    ``thinking``; DashScope ``enable_thinking`` and ``thinking_budget``; vLLM, SGLang and llama.cpp
    ``chat_template_kwargs`` (Baseten ``chat_template_args``); Mistral ``prompt_mode``; Gemini's compatible endpoint
    ``google.thinking_config``.
    """
    reasoning, thinking = as_map(body.get("reasoning")), as_map(body.get("thinking"))
    templates, google = [as_map(body.get(name)) for name in _TEMPLATES], _google(body)
    switches = [body.get("enable_thinking"), body.get("thinking"), reasoning.get("enabled")]
    switches += [template.get(name) for template in templates for name in _TEMPLATE_SWITCHES]
    levels = _texts(
        body.get("reasoning_effort"),
        reasoning.get("effort"),
        *(template.get("reasoning_effort") for template in templates),
        *_levels(google),
    )
    budgets = _integers(
        thinking.get("budget_tokens"),
        reasoning.get("max_tokens"),
        body.get("thinking_budget"),
        google.get("thinking_budget"),
        google.get("thinkingBudget"),
    )
    level, auto, budget = next(iter(levels), None), -1 in budgets, next((b for b in budgets if b >= 0), None)
    mode = _mode(thinking["type"]) if "type" in thinking else None
    if mode is ThinkingMode.OFF or any(s is False for s in switches) or "none" in levels or 0 in budgets:
        return Thinking(ThinkingMode.OFF, False, None, level)
    if mode is None and any(s is True for s in switches):
        mode = ThinkingMode.ENABLED
    if mode is None and level is not None:
        mode = ThinkingMode.EFFORT
    if mode is None and auto:
        mode = ThinkingMode.ADAPTIVE
    if mode is None and (budget is not None or body.get("prompt_mode") == "reasoning"):
        mode = ThinkingMode.ENABLED
    return UNSENT_THINKING if mode is None else Thinking(mode, _is_on(mode), budget, level)


def _mode(word: object) -> ThinkingMode:
    return _MODES.get(word, ThinkingMode.UNKNOWN) if isinstance(word, str) else ThinkingMode.UNKNOWN


def _is_on(mode: ThinkingMode) -> bool | None:
    return None if mode is ThinkingMode.UNKNOWN else mode is not ThinkingMode.OFF


def _texts(*values: object) -> list[str]:
    return [text for value in values if (text := text_of(value)) is not None]


def _integers(*values: object) -> list[int]:
    # -1 is Gemini's "as many as you like".
    counts = (-1 if value == -1 else count_of(value) for value in values)
    return [count for count in counts if count is not None]


def _google(body: Mapping[str, Any]) -> Mapping[str, Any]:
    google = as_map(body.get("google")) or as_map(as_map(body.get("extra_body")).get("google"))
    return as_map(google.get("thinking_config")) or as_map(google.get("thinkingConfig"))


def _levels(google: Mapping[str, Any]) -> list[str]:
    return [level.lower() for level in _texts(google.get("thinking_level"), google.get("thinkingLevel"))]
