"""What the environment pins: the variables that steer the SDKs, and those that the user lists."""

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .environment import Wanted, held
from .providers import host_of, is_url

_PINS: Final = "DISPATCH_OTEL_PINS"

# The variables that the SDKs and agent programs themselves read, by what they hold.
_MODEL_PINS: Final = frozenset(
    {
        "ANTHROPIC_MODEL",
        "ANTHROPIC_DEFAULT_OPUS_MODEL",
        "ANTHROPIC_DEFAULT_SONNET_MODEL",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL",
        "ANTHROPIC_SMALL_FAST_MODEL",
        "CLAUDE_CODE_SUBAGENT_MODEL",
        "OPENAI_MODEL",
        "GEMINI_MODEL",
        "OLLAMA_MODEL",
    }
)
_URL_PINS: Final = frozenset(
    {
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_AWS_BASE_URL",
        "ANTHROPIC_BEDROCK_BASE_URL",
        "ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
        "ANTHROPIC_FOUNDRY_BASE_URL",
        "ANTHROPIC_GOOGLE_CLOUD_BASE_URL",
        "ANTHROPIC_VERTEX_BASE_URL",
        "OPENAI_BASE_URL",
        "OPENAI_API_BASE",
        "AZURE_OPENAI_ENDPOINT",
        "AWS_BEDROCK_BASE_URL",
        "OLLAMA_HOST",
        "GOOGLE_GEMINI_BASE_URL",
        "GOOGLE_VERTEX_BASE_URL",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        "CO_API_URL",
        # LiteLLM's.
        "ANTHROPIC_API_BASE",
        "AWS_BEDROCK_RUNTIME_ENDPOINT",
        "AZURE_AI_API_BASE",
        "AZURE_API_BASE",
        "GEMINI_API_BASE",
        "HOSTED_VLLM_API_BASE",
        "LITELLM_PROXY_API_BASE",
        "OLLAMA_API_BASE",
        "OPENROUTER_API_BASE",
    }
)


@dataclass(frozen=True, slots=True)
class Pins:
    """What the environment pins: model ids, hosts of base URLs, and values of variables that the user lists."""

    models: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()


def pins() -> Pins:
    """The pins of the environment as it is now."""
    present = _WATCHED.held()
    if not present:
        return _NO_PINS
    listed = _listed(held(_PINS))
    if listed:
        present = _wanted(listed).held()
    return _pins(listed, tuple((name, os.environ.get(name, "")) for name in present))


def pins_by_variable() -> dict[str, Pins]:
    """What each variable of the environment pins by itself, by the variable's name."""
    listed = _listed(held(_PINS))
    names = sorted(_MODEL_PINS | _URL_PINS | listed)
    found = {name: _pins(listed, ((name, held(name)),)) for name in names}
    return {name: pinned for name, pinned in found.items() if pinned != _NO_PINS}


def is_listed(name: str) -> bool:
    """Whether the user lists the variable *name* as a pin."""
    return name in _listed(held(_PINS))


@lru_cache(16)
def _wanted(listed: frozenset[str]) -> Wanted:
    return Wanted(*_MODEL_PINS, *_URL_PINS, *listed)


@lru_cache(16)
def _listed(names: str) -> frozenset[str]:
    return frozenset(name.strip() for name in names.split(",") if name.strip())


_NO_PINS: Final = Pins()
_WATCHED: Final = Wanted(_PINS, *_MODEL_PINS, *_URL_PINS)


@lru_cache(64)
def _pins(listed: frozenset[str], held: tuple[tuple[str, str], ...]) -> Pins:
    values = {name: value.strip() for name, value in held if value.strip()}
    hosts = {host_of(v) for n, v in values.items() if n in _URL_PINS or (n in listed and is_url(v))}
    return Pins(
        frozenset(v for n, v in values.items() if n in _MODEL_PINS),
        frozenset(hosts - {""}),
        frozenset(v for n, v in values.items() if n in listed),
    )
