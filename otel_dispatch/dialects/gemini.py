"""Google's Gemini API, and the same on Vertex AI: https://ai.google.dev/api/generate-content."""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import unquote

import msgspec

from ..bodies import Fields, decode, hear_error, is_given, maps_in, plain, request_of, tools_in
from ..record import UNKNOWN_THINKING, UNSENT_THINKING, Reply, Request, Thinking
from ..thinking import as_map, gemini_thinking
from ..vocabulary import ToolFormat, WireFormat, count_of, text_of
from . import Dialect
from .google import hear_block, hear_google_error, note_tokens

# …/models/{model}, …/tunedModels/{id}, …/endpoints/{id} (Vertex): a base model's id stands for itself.
_RESOURCE = re.compile(r"/(?:models/|(?=(?:tunedModels|endpoints)/))(?P<model>.+):\w+$")

_WIRE_FORMAT = WireFormat.GEMINI

# What a part carries beside its text; all else in it is something that the model did.
_ASIDE = frozenset({"text", "thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"})

# Vertex sends it while a stream goes on.
_UNFINISHED = "FINISH_REASON_UNSPECIFIED"
_FAILURES = frozenset({"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE"})


class _Request(Fields):
    generationConfig: Any = None  # noqa: N815 - the wire's name
    generation_config: Any = None
    tools: msgspec.Raw = msgspec.Raw()
    cachedContent: Any = None  # noqa: N815
    cached_content: Any = None


class _Response(Fields):
    candidates: Any = None
    promptFeedback: Any = None  # noqa: N815
    usageMetadata: Any = None  # noqa: N815
    modelVersion: Any = None  # noqa: N815
    responseId: Any = None  # noqa: N815
    error: Any = None


class _TextPart(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str


class _TextContent(msgspec.Struct, gc=False):
    parts: list[_TextPart]


class _TextCandidate(msgspec.Struct, gc=False):
    content: _TextContent
    finishReason: Literal["STOP"] | None = None  # noqa: N815


class _Tokens(msgspec.Struct, gc=False):
    promptTokenCount: Any = None  # noqa: N815
    toolUsePromptTokenCount: Any = None  # noqa: N815
    candidatesTokenCount: Any = None  # noqa: N815
    thoughtsTokenCount: Any = None  # noqa: N815
    cachedContentTokenCount: Any = None  # noqa: N815


class _Text(msgspec.Struct, gc=False):
    """What most responses and chunks are, text and figures; any other is refused and read in full."""

    candidates: list[_TextCandidate]
    usageMetadata: _Tokens | None = None  # noqa: N815
    modelVersion: Any = None  # noqa: N815
    responseId: Any = None  # noqa: N815
    promptFeedback: None = None  # noqa: N815
    error: None = None


class _Array(Fields):
    chunks: Any = None


_request = msgspec.json.Decoder(_Request)
_text = msgspec.json.Decoder(_Text)
_response = msgspec.json.Decoder(_Response)
_array = msgspec.json.Decoder(_Array)


def read_request(body: bytes, path: str) -> Request | None:
    """What a ``POST …:generateContent`` or ``…:streamGenerateContent`` asks for; the model is told by the path."""
    model = model_in(path)
    if model is None:
        return None
    stream = path.endswith(":streamGenerateContent")
    sent = decode(_request, body)
    if sent is None:
        return Request(
            WireFormat.GEMINI, "generate_content", model, UNKNOWN_THINKING, ToolFormat.UNKNOWN, stream=stream
        )
    # Protobuf's JSON takes a field under either name, and the SDK sends what its caller mixes.
    config = {**as_map(sent.generation_config), **as_map(sent.generationConfig)}
    return request_of(
        _WIRE_FORMAT,
        "generate_content",
        model,
        _thinking_of(config),
        _tools_of(sent),
        stream,
        count_of(config.get("maxOutputTokens", config.get("max_output_tokens"))),
    )


def _thinking_of(config: Mapping[str, Any]) -> Thinking:
    told = {**as_map(config.get("thinking_config")), **as_map(config.get("thinkingConfig"))}
    return gemini_thinking(told) if told else UNSENT_THINKING


@lru_cache(256)
def model_in(path: str) -> str | None:
    """The model in the *path* of a request, or None."""
    found = _RESOURCE.search(path)
    return None if found is None else text_of(unquote(found["model"]))


def _tools_of(sent: _Request) -> ToolFormat:
    offered = tools_in(sent.tools)
    # What is cached may hold the tools, which the request then may not repeat.
    is_cached = offered is ToolFormat.NONE and is_given(sent.cachedContent or sent.cached_content)
    return ToolFormat.UNKNOWN if is_cached else offered


def read_reply(body: bytes, reply: Reply) -> None:
    """What a whole response, an error body, or the array of chunks says that a stream without ``alt=sse`` is."""
    reply.malformed = not read_all(_read, body, reply)


def read_event(data: bytes, reply: Reply) -> None:
    """What one chunk of a stream says. Nothing marks the end: some models send a finish reason with each chunk."""
    _read(data, reply)


def read_all(read: Callable[[bytes, Reply], bool], body: bytes, reply: Reply) -> bool:
    """Have *read* read *body*, or each part of it where it is an array; whether each was what *read* reads."""
    if body.lstrip()[:1] != b"[":
        return read(body, reply)
    chunks = _chunks_of(body)
    return bool(chunks) and all(read(chunk, reply) for chunk in chunks)


def _chunks_of(body: bytes) -> list[bytes]:
    # As the field of an object, since only that is decoded leniently.
    array = decode(_array, b'{"chunks":%b}' % body)
    try:
        return (
            [json.dumps(chunk).encode() for chunk in array.chunks] if array and isinstance(array.chunks, list) else []
        )
    except RecursionError:
        return []


def _read(body: bytes, reply: Reply) -> bool:
    """Read one response or chunk; whether it is one. Protobuf's JSON leaves out what is empty, also the candidates."""
    if (text := plain(_text, body)) is not None:
        _read_text(text, reply)
        return True
    response = decode(_response, body)
    if response is None:
        return False
    if is_given(response.error):
        hear_google_error(response.error, reply)
        return True
    reply.id, reply.model = text_of(response.responseId) or reply.id, text_of(response.modelVersion) or reply.model
    for candidate in maps_in(response.candidates):
        _read_candidate(candidate, reply)
    hear_block(as_map(response.promptFeedback).get("blockReason"), reply)
    usage = as_map(response.usageMetadata)
    note_tokens(
        reply.usage,
        input=usage.get("promptTokenCount"),
        tools=usage.get("toolUsePromptTokenCount"),
        output=usage.get("candidatesTokenCount"),
        thoughts=usage.get("thoughtsTokenCount"),
        cached=usage.get("cachedContentTokenCount"),
    )
    if response.candidates is not None:
        return isinstance(response.candidates, list)
    return response != _Response()


def _read_text(response: _Text, reply: Reply) -> None:
    if response.responseId != reply.id:
        reply.id = text_of(response.responseId) or reply.id
    if response.modelVersion != reply.model:
        reply.model = text_of(response.modelVersion) or reply.model
    for candidate in response.candidates:
        for part in candidate.content.parts:
            reply.say(part.text)
        if candidate.finishReason is not None:
            reply.stop(candidate.finishReason)
    if (usage := response.usageMetadata) is not None:
        note_tokens(
            reply.usage,
            input=usage.promptTokenCount,
            tools=usage.toolUsePromptTokenCount,
            output=usage.candidatesTokenCount,
            thoughts=usage.thoughtsTokenCount,
            cached=usage.cachedContentTokenCount,
        )


def _read_candidate(candidate: Any, reply: Reply) -> None:
    for part in maps_in(as_map(candidate.get("content")).get("parts")):
        text = part.get("text")
        if part.get("thought") is True:
            reply.committed |= is_given(text)
        elif isinstance(text, str):
            reply.say(text)
        if len(part) > 1 or text is None:
            # A signature alone says that there was thinking.
            reply.committed |= is_given(part.get("thoughtSignature"))
            reply.committed |= any(is_given(part[name]) for name in part.keys() - _ASIDE)
    reason = candidate.get("finishReason")
    if reason != _UNFINISHED:
        reply.stop(reason)
    if isinstance(reason, str) and reason in _FAILURES:
        hear_error({"code": reason}, reply)


CONTENT = Dialect(
    "gemini_content",
    WireFormat.GEMINI,
    (":generateContent", ":streamGenerateContent"),
    read_request,
    read_reply,
    read_event,
)
DIALECTS = (CONTENT,)
