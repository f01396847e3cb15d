"""Google's Gemini API, and the same on Vertex AI: https://ai.google.dev/api/generate-content, ``…/embeddings``."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec

from ..bodies import Fields, decode, hear_error, is_filled, is_given, maps_in, note_usage, request_of
from ..codes import is_code
from ..record import UNKNOWN_THINKING, Reply, Request, Usage
from ..thinking import as_map, gemini_thinking
from ..vocabulary import ToolFormat, WireFormat, count_of, text_of
from . import Dialect

# …/models/{model}, …/tunedModels/{id}, …/endpoints/{id} (Vertex): a base model's id stands for itself.
_RESOURCE = re.compile(r"/(?:models/|(?=(?:tunedModels|endpoints)/))(?P<model>.+):\w+$")

# What a part carries beside its text; all else in it is something that the model did.
_ASIDE = frozenset({"text", "thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"})

# Vertex sends it while a stream goes on.
_UNFINISHED = "FINISH_REASON_UNSPECIFIED"
_FAILURES = frozenset({"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE"})

# Of a 400 or 403, why (google.rpc.ErrorInfo): a wrong key is an "invalid argument" to Gemini.
_REASONS = frozenset({"API_KEY_INVALID", "BILLING_DISABLED"})


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


class _Embedding(Fields):
    embedding: msgspec.Raw = msgspec.Raw()
    embeddings: msgspec.Raw = msgspec.Raw()
    usageMetadata: Any = None  # noqa: N815
    error: Any = None


class _Array(Fields):
    chunks: Any = None


_request = msgspec.json.Decoder(_Request)
_response = msgspec.json.Decoder(_Response)
_embedding = msgspec.json.Decoder(_Embedding)
_array = msgspec.json.Decoder(_Array)


def read_request(body: bytes, path: str) -> Request | None:
    """What a ``POST …:generateContent`` or ``…:streamGenerateContent`` asks for; the model is told by the path."""
    model = _model_of(path)
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
        WireFormat.GEMINI,
        "generate_content",
        model,
        gemini_thinking({**as_map(config.get("thinking_config")), **as_map(config.get("thinkingConfig"))}),
        _tools_of(sent),
        stream,
        count_of(config.get("maxOutputTokens", config.get("max_output_tokens"))),
    )


def read_embedding_request(_: bytes, path: str) -> Request | None:
    """What a ``POST …:embedContent`` or ``…:batchEmbedContents`` asks for."""
    model = _model_of(path)
    return None if model is None else request_of(WireFormat.GEMINI, "embeddings", model)


def _model_of(path: str) -> str | None:
    found = _RESOURCE.search(path)
    return None if found is None else text_of(unquote(found["model"]))


def _tools_of(sent: _Request) -> ToolFormat:
    if is_filled(sent.tools):
        return ToolFormat.NATIVE
    # What is cached may hold the tools, which the request then may not repeat.
    return ToolFormat.UNKNOWN if is_given(sent.cachedContent or sent.cached_content) else ToolFormat.NONE


def read_reply(body: bytes, reply: Reply) -> None:
    """What a whole response, an error body, or the array of chunks says that a stream without ``alt=sse`` is."""
    reply.malformed = not _read_all(_read, body, reply)


def read_event(data: bytes, reply: Reply) -> None:
    """What one chunk of a stream says. Nothing marks the end: some models send a finish reason with each chunk."""
    _read(data, reply)


def read_embedding(body: bytes, reply: Reply) -> None:
    """What an answer with embeddings, or an error body, says."""
    reply.malformed = not _read_all(_read_embedding, body, reply)


def _read_all(read: Callable[[bytes, Reply], bool], body: bytes, reply: Reply) -> bool:
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


def _read_embedding(body: bytes, reply: Reply) -> bool:
    answer = decode(_embedding, body)
    if answer is None:
        return False
    if is_given(answer.error):
        hear_google_error(answer.error, reply)
        return True
    note_tokens(reply.usage, input=as_map(answer.usageMetadata).get("promptTokenCount"))
    reply.committed |= is_filled(answer.embedding) or is_filled(answer.embeddings)
    return reply.committed


def _read(body: bytes, reply: Reply) -> bool:
    """Read one response or chunk; whether it is one. Protobuf's JSON leaves out what is empty, also the candidates."""
    response = decode(_response, body)
    if response is None:
        return False
    if is_given(response.error):
        hear_google_error(response.error, reply)
        return True
    reply.id, reply.model = text_of(response.responseId) or reply.id, text_of(response.modelVersion) or reply.model
    for candidate in maps_in(response.candidates):
        _read_candidate(candidate, reply)
    blocked = as_map(response.promptFeedback).get("blockReason")
    if is_given(blocked):
        hear_error({"code": blocked if isinstance(blocked, str) and is_code(blocked) else "content_filter"}, reply)
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


def note_tokens(
    kept: Usage,
    *,
    input: object = None,  # noqa: A002 - as the record names it
    tools: object = None,
    output: object = None,
    thoughts: object = None,
    cached: object = None,
) -> None:
    """Keep the tokens that Google counts apart from one another in the sums that semconv knows.

    The prompt and what tools put into it are the input, cached or not; the answer and the thoughts are the output.
    """
    prompt, used = count_of(input), count_of(tools)
    if prompt is not None:
        note_usage(kept, input=prompt + (used or 0))
    visible, thought = count_of(output), count_of(thoughts)
    if visible is None and kept.output is not None:
        # A chunk may repeat but one of the two.
        visible = kept.output - (kept.reasoning or 0)
    note_usage(kept, reasoning=thought, cache_read=cached)
    if visible is not None or thought is not None:
        note_usage(kept, output=(visible or 0) + (kept.reasoning or 0))


def hear_google_error(error: object, reply: Reply) -> None:
    """Note the failure that Google's error body or event reports (https://google.aip.dev/193)."""
    hear_error(error, reply)
    reasons = [detail.get("reason") for detail in maps_in(as_map(error).get("details"))]
    reply.code = next((reason for reason in reasons if isinstance(reason, str) and reason in _REASONS), reply.code)


CONTENT = Dialect(
    "gemini_content",
    WireFormat.GEMINI,
    (":generateContent", ":streamGenerateContent"),
    read_request,
    read_reply,
    read_event,
)
EMBEDDINGS = Dialect(
    "gemini_embeddings",
    WireFormat.GEMINI,
    (":embedContent", ":batchEmbedContents"),
    read_embedding_request,
    read_embedding,
    read_embedding,
)
DIALECTS = (CONTENT, EMBEDDINGS)
