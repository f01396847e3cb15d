"""What is measured: one wire of each dialect, with what is asked there and its canned answers, whole and streamed."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from otel_dispatch.demo.provider import (
    Answer,
    chat,
    chat_stream,
    messages,
    messages_stream,
    responses,
    responses_stream,
)
from tests.wires import bedrock, cohere, gemini, mistral, ollama, openai

from .wire import Json, Wire

TEXT: Final = "The step is done: 14 files were read, 2 were changed, and every test of the module passes now. " * 4
USAGE: Final = (911, 96)

_ROLES: Final = ("user", "assistant")


def _said(turns: Sequence[str], key: str = "content", roles: Sequence[str] = _ROLES) -> list[Json]:
    return [{"role": roles[n % 2], key: turn} for n, turn in enumerate(turns)]


def _in_parts(turns: Sequence[str], key: str, roles: Sequence[str] = _ROLES) -> list[Json]:
    return [{"role": roles[n % 2], key: [{"text": turn}]} for n, turn in enumerate(turns)]


def _model(name: str, key: str = "messages", **more: Any) -> Callable[[Sequence[str]], Json]:
    return lambda turns: {"model": name, key: _said(turns), **more}


def _texts(name: str, key: str, **more: Any) -> Callable[[Sequence[str]], Json]:
    return lambda turns: {"model": name, key: list(turns), **more}


def _prompt(name: str, key: str = "prompt", **more: Any) -> Callable[[Sequence[str]], Json]:
    return lambda turns: {"model": name, key: "".join(turns), **more}


def _claude(version: str) -> Callable[[Sequence[str]], Json]:
    return lambda turns: {"anthropic_version": version, "max_tokens": 1024, "messages": _said(turns)}


def _claude_stream(texts: Sequence[str]) -> Answer:
    return messages_stream(texts, model=_CLAUDE, usage=USAGE)


def _claude_at_bedrock(texts: Sequence[str]) -> Answer:
    return bedrock.invoke_stream(bedrock.unwrapped(_claude_stream(texts)))


_GPT: Final = "gpt-5.2"
_CLAUDE: Final = "claude-opus-4-5"
_GEMINI: Final = "gemini-3-pro-preview"
_MISTRAL: Final = "mistral-large-latest"
_COMMAND: Final = "command-a-03-2025"
_LLAMA: Final = "llama4"
_LUNA: Final = "gpt-6-luna"
_NIMBLE: Final = "nimble"
_GOOGLE: Final = "generativelanguage.googleapis.com"
_AWS: Final = "bedrock-runtime.eu-central-1.amazonaws.com"
_VERTEX: Final = "/v1/projects/p/locations/europe-west1/publishers/anthropic/models/claude-opus-4-5"

CHAT: Final = Wire(
    "chat",
    "api.openai.com",
    "/v1/chat/completions",
    _model(_GPT),
    chat(TEXT, model=_GPT, usage=USAGE),
    lambda texts: chat_stream(texts, model=_GPT, usage=USAGE),
)
RESPONSES: Final = Wire(
    "responses",
    "api.openai.com",
    "/v1/responses",
    _model(_GPT, "input"),
    responses(TEXT, model=_GPT, usage=USAGE),
    lambda texts: responses_stream(texts, model=_GPT, usage=USAGE),
)
MESSAGES: Final = Wire(
    "messages",
    "api.anthropic.com",
    "/v1/messages",
    _model(_CLAUDE, max_tokens=1024),
    messages(TEXT, model=_CLAUDE, usage=USAGE),
    _claude_stream,
)
WIRES: Final = (
    CHAT,
    RESPONSES,
    MESSAGES,
    Wire(
        "completions",
        "api.openai.com",
        "/v1/completions",
        _prompt(_GPT),
        openai.completion(TEXT, model=_GPT, usage=USAGE),
        lambda texts: openai.completion_stream(texts, model=_GPT, usage=USAGE),
    ),
    Wire(
        "embeddings",
        "api.openai.com",
        "/v1/embeddings",
        _texts("text-embedding-3-small", "input"),
        openai.embeddings(model="text-embedding-3-small", vectors=[[0.25] * 256]),
    ),
    Wire(
        "gemini",
        _GOOGLE,
        f"/v1beta/models/{_GEMINI}:generateContent",
        lambda turns: {"contents": _in_parts(turns, "parts", ("user", "model"))},
        gemini.whole(gemini.content(TEXT, model=_GEMINI, usage=USAGE)),
        lambda texts: gemini.streamed(*gemini.contents(texts, model=_GEMINI, usage=USAGE)),
        f"/v1beta/models/{_GEMINI}:streamGenerateContent",
    ),
    Wire(
        "gemini embeddings",
        _GOOGLE,
        "/v1beta/models/gemini-embedding-001:embedContent",
        lambda turns: {"content": {"parts": [{"text": turn} for turn in turns]}},
        gemini.whole(gemini.embeddings()),
    ),
    Wire(
        "interactions",
        _GOOGLE,
        "/v1beta/interactions",
        _prompt(_GEMINI, "input"),
        gemini.whole(gemini.interaction(TEXT, model=_GEMINI, usage=USAGE)),
        lambda texts: gemini.streamed(
            *gemini.interactions(texts or ["A"], model=_GEMINI, usage=USAGE), name="event_type"
        ),
    ),
    Wire(
        "ollama chat",
        "ollama.com",
        "/api/chat",
        _model(_LLAMA),
        ollama.ollama_chat(TEXT, model=_LLAMA),
        lambda texts: ollama.ollama_chat_stream(texts, model=_LLAMA),
    ),
    Wire(
        "ollama generate",
        "ollama.com",
        "/api/generate",
        _prompt(_LLAMA),
        ollama.ollama_generate(TEXT, model=_LLAMA),
        lambda texts: ollama.ollama_generate_stream(texts, model=_LLAMA),
    ),
    Wire("ollama embed", "ollama.com", "/api/embed", _texts(_LLAMA, "input"), ollama.ollama_embed(_LLAMA)),
    Wire(
        "decisions",
        "api.openai.com",
        "/v1/decisions",
        _model(_LUNA, "input", questions=[{"type": "predicate", "name": "done", "instructions": "The step is done."}]),
        openai.decision(model=_LUNA, usage=USAGE),
    ),
    Wire(
        "system one",
        "ollama.com",
        "/v1/systemone",
        _prompt(_NIMBLE, "state", questions={"done": {"type": "noul", "instructions": "The step is done."}}),
        ollama.systemone(model=_NIMBLE, usage=USAGE),
    ),
    Wire(
        "converse",
        _AWS,
        "/model/amazon.nova-pro-v1%3A0/converse",
        lambda turns: {"messages": _in_parts(turns, "content")},
        bedrock.converse(TEXT, usage=USAGE),
        lambda texts: bedrock.converse_stream(texts, usage=USAGE),
        "/model/amazon.nova-pro-v1%3A0/converse-stream",
    ),
    Wire(
        "invoke",
        _AWS,
        "/model/anthropic.claude-opus-4-5-20251101-v1%3A0/invoke",
        _claude("bedrock-2023-05-31"),
        messages(TEXT, model=_CLAUDE, usage=USAGE),
        _claude_at_bedrock,
        "/model/anthropic.claude-opus-4-5-20251101-v1%3A0/invoke-with-response-stream",
    ),
    Wire(
        "raw predict",
        "europe-west1-aiplatform.googleapis.com",
        f"{_VERTEX}:rawPredict",
        _claude("vertex-2023-10-16"),
        messages(TEXT, model=_CLAUDE, usage=USAGE),
        _claude_stream,
        f"{_VERTEX}:streamRawPredict",
    ),
    Wire(
        "cohere",
        "api.cohere.com",
        "/v2/chat",
        _model(_COMMAND),
        cohere.cohere_chat(TEXT, usage=USAGE),
        lambda texts: cohere.cohere_chat_stream(texts, usage=USAGE),
    ),
    Wire(
        "cohere v1",
        "api.cohere.com",
        "/v1/chat",
        _prompt(_COMMAND, "message", stream=False),
        cohere.cohere_first_chat(TEXT, usage=USAGE),
        lambda texts: cohere.cohere_first_chat_stream(texts, usage=USAGE),
    ),
    Wire(
        "cohere embed",
        "api.cohere.com",
        "/v2/embed",
        _texts("embed-v4.0", "texts", input_type="search_query"),
        cohere.cohere_embed(),
    ),
    Wire(
        "conversations",
        "api.mistral.ai",
        "/v1/conversations",
        _prompt(_MISTRAL, "inputs"),
        mistral.mistral_turn(TEXT, model=_MISTRAL, usage=USAGE),
        lambda texts: mistral.mistral_turn_stream(texts, model=_MISTRAL),
    ),
    Wire(
        "fim",
        "api.mistral.ai",
        "/v1/fim/completions",
        _prompt("codestral-latest"),
        mistral.mistral_chat(TEXT, model="codestral-latest"),
        lambda texts: mistral.mistral_chat_stream(texts, model="codestral-latest"),
    ),
    Wire(
        "mistral agents",
        "api.mistral.ai",
        "/v1/agents/completions",
        lambda turns: {"agent_id": "ag:1", "messages": _said(turns)},
        mistral.mistral_chat(TEXT, model=_MISTRAL),
        lambda texts: mistral.mistral_chat_stream(texts, model=_MISTRAL),
    ),
)
"""One of every dialect in the package."""

STREAMED: Final = tuple(wire for wire in WIRES if wire.streamed is not None)
"""Those whose answers may come as a stream."""
