"""How the SDKs send a call in each wire format: where to, under which path, and how its body asks for thinking."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..vocabulary import WireFormat
from . import UsageError

Body = dict[str, Any]
Spelling = Callable[[Any], Body]

LEVELS: Final = ("minimal", "low", "medium", "high", "xhigh", "max")
_SAID: Final = {
    **dict.fromkeys(("off", "none", "disabled"), "off"),
    **dict.fromkeys(("on", "enabled"), "on"),
    **dict.fromkeys(("adaptive", "auto"), "adaptive"),
    **dict.fromkeys(LEVELS, "level"),
}
_WORDS: Final = {"off": "off", "on": "on", "adaptive": "adaptive", "level": ", ".join(LEVELS), "budget": "a number"}
_HI: Final = [{"role": "user", "content": "hi"}]
_GOOGLE_HI: Final = [{"role": "user", "parts": [{"text": "hi"}]}]
_BEDROCK_HI: Final = [{"role": "user", "content": [{"text": "hi"}]}]
_VERTEX: Final = "/v1/projects/p/locations/l"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to send a call: *path* and *body* as the SDK makes them, ``{model}`` in the path where it stands there.

    ``base`` is where the SDK goes unless told otherwise, "" where it cannot know, and ``variable`` what tells it so.
    """

    path: str
    body: Body
    thinking: Mapping[str, Spelling]
    base: str = ""
    variable: str = ""

    @property
    def names_model_in_body(self) -> bool:
        """Whether the body names the model."""
        return "model" in self.body


_ANTHROPIC: Final[Mapping[str, Spelling]] = {
    "off": lambda _: {"thinking": {"type": "disabled"}},
    "adaptive": lambda _: {"thinking": {"type": "adaptive"}},
    "level": lambda level: {"output_config": {"effort": level}},
    "budget": lambda tokens: {"thinking": {"type": "enabled", "budget_tokens": tokens}},
}
_EFFORT: Final[Mapping[str, Spelling]] = {
    "off": lambda _: {"reasoning_effort": "none"},
    "level": lambda level: {"reasoning_effort": level},
}
_REASONING: Final[Mapping[str, Spelling]] = {
    "off": lambda _: {"reasoning": {"effort": "none"}},
    "level": lambda level: {"reasoning": {"effort": level}},
}
_GEMINI: Final[Mapping[str, Spelling]] = {
    "off": lambda _: {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}},
    "adaptive": lambda _: {"generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}},
    "level": lambda level: {"generationConfig": {"thinkingConfig": {"thinkingLevel": level.upper()}}},
    "budget": lambda tokens: {"generationConfig": {"thinkingConfig": {"thinkingBudget": tokens}}},
}
_INTERACTIONS: Final[Mapping[str, Spelling]] = {
    "level": lambda level: {"generation_config": {"thinking_level": level}},
}
_OLLAMA: Final[Mapping[str, Spelling]] = {
    "off": lambda _: {"think": False},
    "on": lambda _: {"think": True},
    "level": lambda level: {"think": level},
}
_COHERE: Final[Mapping[str, Spelling]] = {
    "off": lambda _: {"thinking": {"type": "disabled"}},
    "on": lambda _: {"thinking": {"type": "enabled"}},
    "budget": lambda tokens: {"thinking": {"type": "enabled", "token_budget": tokens}},
}


def _beside(spell: Spelling) -> Spelling:
    return lambda value: {"additionalModelRequestFields": spell(value)}


_CONVERSE: Final[Mapping[str, Spelling]] = {
    "level": lambda level: {"outputConfig": {"effort": level}},
    **{name: _beside(_ANTHROPIC[name]) for name in ("off", "adaptive", "budget")},
}
_MESSAGES: Final = {"max_tokens": 1024, "messages": _HI}
_CHAT: Final = {"model": "", "messages": _HI}
_CONTENT: Final = {"contents": _GOOGLE_HI}
_WAYS: Final = {
    WireFormat.ANTHROPIC_NATIVE: Way(
        "/v1/messages",
        {"model": "", **_MESSAGES},
        _ANTHROPIC,
        "https://api.anthropic.com",
        "ANTHROPIC_BASE_URL",
    ),
    WireFormat.OPENAI_COMPAT: Way("/chat/completions", _CHAT, _EFFORT, "https://api.openai.com/v1", "OPENAI_BASE_URL"),
    WireFormat.OPENAI_RESPONSES: Way(
        "/responses", {"model": "", "input": "hi"}, _REASONING, "https://api.openai.com/v1", "OPENAI_BASE_URL"
    ),
    WireFormat.GEMINI: Way(
        "/v1beta/models/{model}:generateContent",
        _CONTENT,
        _GEMINI,
        "https://generativelanguage.googleapis.com",
        "GOOGLE_GEMINI_BASE_URL",
    ),
    WireFormat.GEMINI_INTERACTIONS: Way(
        "/v1beta/interactions",
        {"model": "", "input": "hi"},
        _INTERACTIONS,
        "https://generativelanguage.googleapis.com",
        "GOOGLE_GEMINI_BASE_URL",
    ),
    WireFormat.OLLAMA: Way("/api/chat", {**_CHAT, "stream": False}, _OLLAMA, "http://127.0.0.1:11434", "OLLAMA_HOST"),
    WireFormat.COHERE: Way("/v2/chat", _CHAT, _COHERE, "https://api.cohere.com", "CO_API_URL"),
    WireFormat.BEDROCK_CONVERSE: Way(
        "/model/{model}/converse", {"messages": _BEDROCK_HI}, _CONVERSE, "", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"
    ),
}
# The clouds send some formats under paths of their own.
_CLOUDS: Final = {
    ("azure_openai", WireFormat.OPENAI_COMPAT): Way(
        "/openai/deployments/{model}/chat/completions", _CHAT, _EFFORT, "", "AZURE_OPENAI_ENDPOINT"
    ),
    ("bedrock", WireFormat.ANTHROPIC_NATIVE): Way(
        "/model/{model}/invoke",
        {"anthropic_version": "bedrock-2023-05-31", **_MESSAGES},
        _ANTHROPIC,
    ),
    ("vertex", WireFormat.ANTHROPIC_NATIVE): Way(
        f"{_VERTEX}/publishers/anthropic/models/{{model}}:rawPredict",
        {"anthropic_version": "vertex-2023-10-16", **_MESSAGES},
        _ANTHROPIC,
    ),
    ("vertex", WireFormat.GEMINI): Way(
        f"{_VERTEX}/publishers/google/models/{{model}}:generateContent", _CONTENT, _GEMINI
    ),
    ("vertex", WireFormat.OPENAI_COMPAT): Way(f"{_VERTEX}/endpoints/openapi/chat/completions", _CHAT, _EFFORT),
}
FORMATS: Final = tuple(map(str, _WAYS))
"""The wire formats in which a call can be explained."""


def way_of(wire_format: WireFormat, provider: str | None = None) -> Way:
    """How a call in *wire_format* is sent to *provider*."""
    return _CLOUDS.get((provider or "", wire_format)) or _WAYS[wire_format]


def thinking_as(word: str, wire_format: WireFormat, way: Way) -> Body:
    """The part of a body that asks for the thinking *word* in *wire_format*.

    Raises `UsageError` for a word that says nothing, and for one that the format cannot say.
    """
    said = "budget" if word.isascii() and word.isdecimal() else _SAID.get(word)
    if said is None:
        raise UsageError(f"--thinking takes {', '.join(_WORDS.values())} of tokens, and not {word!r}.")
    if said not in way.thinking:
        known = ", ".join(told for name, told in _WORDS.items() if name in way.thinking)
        raise UsageError(f"{wire_format} cannot say thinking {word}, but {known}; --body takes another spelling.")
    return way.thinking[said](int(word) if said == "budget" else word)
