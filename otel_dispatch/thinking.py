"""The thinking config that a body sends, from all the ways providers spell it."""

from collections.abc import Mapping
from typing import Any

from .record import UNKNOWN_THINKING, UNSENT_THINKING, Thinking
from .vocabulary import ThinkingMode, count_of, word_of

_MODES = {
    "enabled": ThinkingMode.ENABLED,
    "disabled": ThinkingMode.OFF,
    "adaptive": ThinkingMode.ADAPTIVE,
    "auto": ThinkingMode.ADAPTIVE,
    "between_tools": ThinkingMode.BETWEEN_TOOLS,
}
_UNSAID = "thinking_level_unspecified"
_TEMPLATES = ("chat_template_kwargs", "chat_template_args")
_BEDROCK = ("thinking", "reasoning_config", "reasoningConfig")
_TEMPLATE_SWITCHES = ("enable_thinking", "thinking")
_SERVER_BUDGETS = ("reasoning_budget_tokens", "thinking_budget_tokens")


def as_map(value: object) -> Mapping[str, Any]:
    """*value* where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def anthropic_thinking(thinking: object, effort: object) -> Thinking:
    """The config of Anthropic's ``thinking`` and ``output_config.effort``: the mode of one, the level of the other.

    An effort alone does not say whether the model thinks: older models do not, newer ones do.
    """
    level = word_of(effort)
    if thinking is None:
        return Thinking(ThinkingMode.EFFORT, None, None, level) if level else UNSENT_THINKING
    told = as_map(thinking)
    mode = _mode(told.get("type"))
    return Thinking(mode, _is_on(mode), count_of(told.get("budget_tokens")), level)


def effort_thinking(effort: object) -> Thinking:
    """The config of OpenAI's effort, where ``none`` is off and absent or null is the provider's default."""
    level = word_of(effort)
    if level is None:
        return UNKNOWN_THINKING if _is_said(effort) else UNSENT_THINKING
    mode = ThinkingMode.OFF if level == "none" else ThinkingMode.EFFORT
    return Thinking(mode, _is_on(mode), None, level)


def ollama_thinking(think: object) -> Thinking:
    """The config of Ollama's ``think``: on, off, or a level as a word; absent is the model's default."""
    if isinstance(think, bool):
        mode = ThinkingMode.ENABLED if think else ThinkingMode.OFF
        return Thinking(mode, think)
    return UNSENT_THINKING if think is None else effort_thinking(think) if word_of(think) else UNKNOWN_THINKING


def cohere_thinking(thinking: object) -> Thinking:
    """The config of Cohere's ``thinking``: a type and a budget of tokens."""
    if thinking is None:
        return UNSENT_THINKING
    told = as_map(thinking)
    mode = _mode(told.get("type"))
    return Thinking(mode, _is_on(mode), count_of(told.get("token_budget")))


def gemini_thinking(config: Mapping[str, Any]) -> Thinking:
    """The config of Gemini's ``thinkingConfig``, in either spelling: a budget (0: off, -1: up to the model) or a level.

    Whether the thoughts are to be shown says nothing about whether there are any.
    """
    level = next(iter(_levels(config)), None)
    budgets = _integers(config.get("thinkingBudget"), config.get("thinking_budget"))
    budget = next((count for count in budgets if count >= 0), None)
    if 0 in budgets or level == "none":
        return Thinking(ThinkingMode.OFF, False, None, level)
    if level is not None:
        return Thinking(ThinkingMode.EFFORT, True, budget, level)
    if budget is not None:
        return Thinking(ThinkingMode.ENABLED, True, budget)
    return Thinking(ThinkingMode.ADAPTIVE, True) if budgets else UNSENT_THINKING


def bedrock_thinking(extra: Mapping[str, Any], effort: object) -> Thinking:
    """The config of Converse's own *effort* and of the model's own fields beside it, by whichever maker's name.

    Anthropic's ``thinking`` or ``reasoning_config`` and ``output_config``, Nova's ``reasoningConfig``, and what
    OpenAI-shaped models take.
    """
    told = next((extra[name] for name in _BEDROCK if extra.get(name) is not None), None)
    levels = _texts(as_map(extra.get("output_config")).get("effort"), effort, as_map(told).get("maxReasoningEffort"))
    if told is None and not levels:
        return compat_thinking(extra)
    return anthropic_thinking(told, next(iter(levels), None))


def compat_thinking(body: Mapping[str, Any]) -> Thinking:
    """The config of an OpenAI-shaped body with the providers' own extras; an explicit off wins over all others.

    What was sent and cannot be read is unknown, and not the provider's default.

    Sources: OpenAI ``reasoning_effort`` (Fireworks: also a switch or a budget, LiteLLM: also an object); OpenRouter,
    Together and Vercel ``reasoning``; Z.AI, DeepSeek, MiniMax, Moonshot and Volcengine ``thinking``; DashScope
    ``enable_thinking`` and ``thinking_budget``; vLLM, SGLang and llama.cpp ``chat_template_kwargs`` (Baseten
    ``chat_template_args``); vLLM ``thinking_token_budget``; llama.cpp ``reasoning_budget_tokens`` and
    ``thinking_budget_tokens``; NVIDIA ``reasoning_budget``, ``max_thinking_tokens`` and ``nvext``; SGLang
    ``custom_params``; Cerebras ``disable_reasoning``; Mistral ``prompt_mode``; Gemini's compatible endpoint
    ``google.thinking_config``.
    """
    switches, efforts, counts, limits = _switches(body), _efforts(body), _counts(body), _limits(body)
    levels, thinking = _texts(*efforts), as_map(body.get("thinking"))
    budgets = _integers(*counts, *(count_of(limit) or None for limit in limits))
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
    if mode is not None:
        return Thinking(mode, _is_on(mode), budget, level)
    others = body.get("reasoning"), body.get("prompt_mode"), body.get("disable_reasoning") or None
    is_unread = any(map(_is_said, (*switches, *efforts, *counts, *limits, *others)))
    return UNKNOWN_THINKING if is_unread else UNSENT_THINKING


def reasoning_thinking(reasoning: object) -> Thinking:
    """The config of the Responses API's ``reasoning``: an effort, and what OpenRouter takes beside it."""
    if isinstance(reasoning, dict) and "enabled" not in reasoning and "max_tokens" not in reasoning:
        return effort_thinking(reasoning.get("effort"))
    return UNSENT_THINKING if reasoning is None else compat_thinking({"reasoning": reasoning})


def _switches(body: Mapping[str, Any]) -> list[object]:
    return [
        body.get("reasoning_effort"),
        body.get("enable_thinking"),
        body.get("thinking"),
        as_map(body.get("reasoning")).get("enabled"),
        *(template.get(name) for template in _templates(body) for name in _TEMPLATE_SWITCHES),
        False if body.get("disable_reasoning") is True else None,
    ]


def _efforts(body: Mapping[str, Any]) -> list[object]:
    effort = body.get("reasoning_effort")
    return [
        effort.get("effort") if isinstance(effort, dict) else effort,
        as_map(body.get("reasoning")).get("effort"),
        *(template.get("reasoning_effort") for template in _templates(body)),
        *_levels(_google(body)),
    ]


def _counts(body: Mapping[str, Any]) -> list[object]:
    """Budgets of which 0 is off, and -1 as much as the model likes."""
    google = _google(body)
    return [
        as_map(body.get("thinking")).get("budget_tokens"),
        as_map(body.get("reasoning")).get("max_tokens"),
        body.get("thinking_budget"),
        body.get("thinking_token_budget"),
        # Where -1 is whatever the server was started with.
        *(count if (count := body.get(name)) != -1 else None for name in _SERVER_BUDGETS),
        *(template.get("thinking_budget") for template in _templates(body)),
        google.get("thinking_budget"),
        google.get("thinkingBudget"),
    ]


def _limits(body: Mapping[str, Any]) -> list[object]:
    """Budgets of which 0 says nothing that is documented."""
    return [
        body.get("reasoning_effort") if type(body.get("reasoning_effort")) is int else None,
        body.get("reasoning_budget"),
        body.get("max_thinking_tokens"),
        as_map(body.get("nvext")).get("max_thinking_tokens"),
        as_map(body.get("custom_params")).get("thinking_budget"),
    ]


def _templates(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [as_map(body.get(name)) for name in _TEMPLATES]


def _is_said(value: object) -> bool:
    return value is not None and value != "" and not isinstance(value, dict)


def _mode(word: object) -> ThinkingMode:
    return _MODES.get(word, ThinkingMode.UNKNOWN) if isinstance(word, str) else ThinkingMode.UNKNOWN


def _is_on(mode: ThinkingMode) -> bool | None:
    return None if mode is ThinkingMode.UNKNOWN else mode is not ThinkingMode.OFF


def _texts(*values: object) -> list[str]:
    return [text for value in values if (text := word_of(value)) is not None]


def _integers(*values: object) -> list[int]:
    # -1 is Gemini's "as many as you like".
    counts = (-1 if value == -1 else count_of(value) for value in values)
    return [count for count in counts if count is not None]


def _google(body: Mapping[str, Any]) -> Mapping[str, Any]:
    google = as_map(body.get("google")) or as_map(as_map(body.get("extra_body")).get("google"))
    return as_map(google.get("thinking_config")) or as_map(google.get("thinkingConfig"))


def _levels(google: Mapping[str, Any]) -> list[str]:
    words = (word.lower() for word in _texts(google.get("thinking_level"), google.get("thinkingLevel")))
    return [word for word in words if word != _UNSAID]
