"""What the headers of an answer prove: who answered, whether it switched the model, and what AWS says nowhere else."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from .bodies import hear_error, note_usage
from .codes import amazon_code
from .providers import is_known
from .record import Reply
from .vocabulary import Field, clean, count_of

Header = str | bytes

_TELLING: Final = frozenset({"bedrock", "litellm", "ollama"})

# Product tokens of the Server header of the servers that name themselves.
_SERVERS: Final = {
    "llama.cpp": "llamacpp",
    "litellm": "litellm",
    "ollama": "ollama",
    "sglang": "sglang",
    "text-generation-inference": "tgi",
    "vllm": "vllm",
}


def is_worth_hearing(provider: str) -> bool:
    """Whether the headers of an answer of *provider* may tell what nothing else does."""
    return provider in _TELLING or not is_known(provider)


def hear_headers(headers: Iterable[tuple[Header, Header]], reply: Reply) -> None:
    """Note what *headers*, names and values as text or as bytes, prove about who answered and how."""
    for name, value in headers:
        named: Mapping[Any, Callable[[str, Reply], None]] = _RAW if isinstance(name, bytes) else _NAMED
        told = named.get(name) or named.get(name.lower())
        if told is not None:
            told(value.decode("latin-1") if isinstance(value, bytes) else value, reply)


def _server(value: str, reply: Reply) -> None:
    product = value.partition("/")[0].partition(" ")[0].lower()
    reply.provider = _SERVERS.get(product, reply.provider)


def _proves(provider: str) -> Callable[[str, Reply], None]:
    def told(_: str, reply: Reply) -> None:
        reply.provider = provider

    return told


def _computed(_: str, reply: Reply) -> None:
    # Hugging Face's server of embeddings (TEI) says so, too, and the tokens besides.
    reply.provider = reply.provider or "tgi"


def _fallbacks(value: str, reply: Reply) -> None:
    reply.provider = "litellm"
    if value.strip().isdecimal() and int(value) > 0:
        reply.overridden.add(Field.MODEL)


def _amazon_error(value: str, reply: Reply) -> None:
    hear_error({"code": clean(amazon_code(value))}, reply)


def _amazon_tokens(name: str) -> Callable[[str, Reply], None]:
    def told(value: str, reply: Reply) -> None:
        if value.strip().isdecimal():
            note_usage(reply.usage, **{name: count_of(int(value))})

    return told


# LiteLLM's proxy, Hugging Face's TGI, Amazon Bedrock: the headers that their documentation names.
_NAMED: Final[Mapping[str, Callable[[str, Reply], None]]] = {
    "server": _server,
    "x-litellm-version": _proves("litellm"),
    "x-litellm-call-id": _proves("litellm"),
    "x-litellm-model-id": _proves("litellm"),
    "x-litellm-attempted-fallbacks": _fallbacks,
    "x-compute-characters": _computed,
    "x-compute-tokens": _proves("tei"),
    "x-amzn-errortype": _amazon_error,
    "x-amzn-bedrock-input-token-count": _amazon_tokens("input"),
    "x-amzn-bedrock-output-token-count": _amazon_tokens("output"),
    "x-amzn-bedrock-cache-read-input-token-count": _amazon_tokens("cache_read"),
    "x-amzn-bedrock-cache-write-input-token-count": _amazon_tokens("cache_write"),
}
# Apart, as Python can be told to refuse to compare text with bytes.
_RAW: Final = {name.encode(): told for name, told in _NAMED.items()}
