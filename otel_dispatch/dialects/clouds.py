"""The models of many makers behind one path of a cloud's, where the body alone tells whose format it is in.

Amazon Bedrock's InvokeModel, with and without a stream
(https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html), and Vertex AI's rawPredict
(https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/use-partner-models).
"""

import re
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from ..bodies import UNREADABLE, Fields, decode, hear_error, is_filled, maps_in, note_usage, request_of
from ..record import UNKNOWN_THINKING, UNSENT_THINKING, Reply, Request
from ..thinking import as_map
from ..vocabulary import ToolFormat, WireFormat, count_of, text_of
from . import Dialect, anthropic_native, bedrock, openai_compat

_PUBLISHED: Final = re.compile(r"/publishers/([^/]+)/models/([^/]+):\w+$")
_COUNTER: Final = "count-tokens"
_METRICS: Final = "amazon-bedrock-invocationMetrics"
_NOTHING: Final = msgspec.Raw()


class _Sent(Fields):
    anthropic_version: Any = None
    messages: msgspec.Raw = msgspec.Raw()
    message: msgspec.Raw = msgspec.Raw()
    chat_history: msgspec.Raw = msgspec.Raw()
    prompt: msgspec.Raw = msgspec.Raw()
    inputText: msgspec.Raw = msgspec.Raw()  # noqa: N815 - AWS's names
    inputImage: msgspec.Raw = msgspec.Raw()  # noqa: N815
    texts: msgspec.Raw = msgspec.Raw()
    images: msgspec.Raw = msgspec.Raw()
    inputs: msgspec.Raw = msgspec.Raw()
    input_type: msgspec.Raw = msgspec.Raw()
    dimensions: msgspec.Raw = msgspec.Raw()
    normalize: msgspec.Raw = msgspec.Raw()
    embeddingTypes: msgspec.Raw = msgspec.Raw()  # noqa: N815
    embeddingConfig: msgspec.Raw = msgspec.Raw()  # noqa: N815
    schemaVersion: msgspec.Raw = msgspec.Raw()  # noqa: N815
    inferenceConfig: msgspec.Raw = msgspec.Raw()  # noqa: N815
    toolConfig: msgspec.Raw = msgspec.Raw()  # noqa: N815
    temperature: msgspec.Raw = msgspec.Raw()
    top_p: msgspec.Raw = msgspec.Raw()
    textGenerationConfig: Any = None  # noqa: N815
    max_tokens: Any = None
    max_gen_len: Any = None
    max_tokens_to_sample: Any = None


class _Whole(Fields):
    type: Any = None
    content: msgspec.Raw = msgspec.Raw()
    choices: Any = None
    output: Any = None
    error: Any = None
    fault: Any = msgspec.field(default=None, name="__type")


class _Piece(Fields):
    type: Any = None
    choices: Any = None
    messageStart: Any = None  # noqa: N815
    contentBlockStart: Any = None  # noqa: N815
    contentBlockDelta: Any = None  # noqa: N815
    contentBlockStop: Any = None  # noqa: N815
    messageStop: Any = None  # noqa: N815
    metadata: Any = None
    error: Any = None
    metrics: Any = msgspec.field(default=None, name=_METRICS)


class _Bytes(msgspec.Struct, gc=False):
    data: bytes = msgspec.field(name="bytes")


class _Chunk(msgspec.Struct, gc=False):
    """A piece of a model's own stream; msgspec undoes the base64."""

    chunk: _Bytes


_sent = msgspec.json.Decoder(_Sent)
_whole = msgspec.json.Decoder(_Whole)
_piece = msgspec.json.Decoder(_Piece)
_chunk = msgspec.json.Decoder(_Chunk)

_CONVERSE: Final = (
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
)
_LIMITS: Final = ("max_tokens", "max_gen_len", "max_tokens_to_sample")
_SAMPLING: Final = frozenset({*_LIMITS, "textGenerationConfig", "temperature", "top_p"})

# What stands in a body of no wire format of ours: the operation, and names of which each set has one there.
_SHAPES: Final = (
    ("embeddings", {"texts", "images", "inputs"}, {"input_type"}),
    ("embeddings", {"inputText", "inputImage"}, {"dimensions", "normalize", "embeddingTypes", "embeddingConfig"}),
    ("text_completion", {"inputText"}, {"textGenerationConfig"}),
    ("text_completion", {"prompt"}, _SAMPLING),
    ("chat", {"message"}, {"chat_history", *_SAMPLING}),
)


def read_invoke_request(body: bytes, path: str) -> Request | None:
    """What a ``POST …/model/{id}/invoke`` or ``…/invoke-with-response-stream`` asks for.

    None where the body has no shape that we know: an image to be made, a ranking, another application's ``/invoke``.
    """
    model, sent, stream = bedrock.model_in(path), decode(_sent, body), path.endswith("-stream")
    if model is None or sent is None:
        return None
    if text_of(sent.anthropic_version) is not None:
        return anthropic_native.request_in(body, model, stream)
    if not is_filled(sent.messages):
        return _unnamed(sent, model, stream)
    if sent.schemaVersion or sent.inferenceConfig or sent.toolConfig or "amazon.nova" in model:
        # What Nova takes itself is what Converse was made from.
        return bedrock.converse_request(body, model, stream)
    return _chat(body, path, model, stream)


def read_raw_request(body: bytes, path: str) -> Request | None:
    """What a ``POST …/publishers/{publisher}/models/{id}:rawPredict`` or ``:streamRawPredict`` asks for.

    None where tokens are only counted, and for an endpoint of the user's own, which may be anything.
    """
    found, sent = _PUBLISHED.search(path), decode(_sent, body)
    model = text_of(unquote(found[2])) if found else None
    if found is None or sent is None or model in (None, _COUNTER):
        return None
    stream = path.endswith(":streamRawPredict")
    if found[1] == "anthropic" or text_of(sent.anthropic_version) is not None:
        return anthropic_native.request_in(body, model, stream)
    return _chat(body, path, model, stream) if is_filled(sent.messages) else None


def _chat(body: bytes, path: str, model: str | None, stream: bool) -> Request | None:
    asked = openai_compat.read_request(body, path)
    if asked is None:
        return None
    how = asked.thinking, asked.tool_format, stream or asked.stream, asked.max_tokens
    return request_of(asked.wire_format, asked.operation, model, *how)


def _unnamed(sent: _Sent, model: str, stream: bool) -> Request | None:
    names = {name for name in sent.__struct_fields__ if getattr(sent, name) not in (None, _NOTHING)}
    operation = next((told for told, *sets in _SHAPES if all(names & each for each in sets)), None)
    if operation is None and "embed" in model.lower() and names:
        operation = "embeddings"  # Titan's oldest takes a text and nothing else.
    if operation is None:
        return None
    if operation == "embeddings":
        return request_of(WireFormat.UNKNOWN, operation, model, UNSENT_THINKING, ToolFormat.NONE)
    limits = [getattr(sent, name) for name in _LIMITS] + [as_map(sent.textGenerationConfig).get("maxTokenCount")]
    limit = next((count for each in limits if (count := count_of(each)) is not None), None)
    return request_of(WireFormat.UNKNOWN, operation, model, UNKNOWN_THINKING, ToolFormat.UNKNOWN, stream, limit)


def read_whole(body: bytes, reply: Reply) -> None:
    """What a whole answer, or an error body, says; of a shape that we do not know, only what its headers do."""
    whole = decode(_whole, body)
    if whole is None or _is_chat(whole.choices):
        openai_compat.read_reply(body, reply)
    elif whole.type in ("message", "error") or is_filled(whole.content):
        anthropic_native.read_reply(body, reply)
    elif "message" in as_map(whole.output) or whole.error is not None or whole.fault is not None:
        bedrock.read_reply(body, reply)
    else:
        reply.unread = True


def read_wrapped(data: bytes, reply: Reply) -> None:
    """What one event of InvokeModelWithResponseStream says: a piece of the model's own stream, or an error."""
    try:
        piece = _chunk.decode(data).chunk.data
    except UNREADABLE:
        bedrock.read_event(data, reply)
    else:
        read_piece(piece, reply)


def read_piece(data: bytes, reply: Reply) -> None:
    """What one event of a model's own stream says."""
    if data.startswith(b'{"type":'):
        anthropic_native.read_event(data, reply)
    else:
        _read_other(data, reply)
    if _METRICS.encode() in data:
        piece = decode(_piece, data)
        _read_metrics(as_map(piece.metrics if piece is not None else None), reply)


def _read_other(data: bytes, reply: Reply) -> None:
    piece = decode(_piece, data)
    if piece is None or _is_chat(piece.choices):
        openai_compat.read_event(data, reply)
    elif isinstance(piece.type, str):
        anthropic_native.read_event(data, reply)
    elif any(getattr(piece, name) is not None for name in _CONVERSE):
        bedrock.read_event(data, reply)
    elif piece.error is not None:
        hear_error(piece.error, reply)
    elif piece.metrics is None:
        reply.unread = True


def _is_chat(choices: object) -> bool:
    # A completion's choices (DeepSeek's R1) have a text, where those of a chat have a message or a delta.
    return isinstance(choices, list) and not any("text" in choice for choice in maps_in(choices))


def _read_metrics(told: Any, reply: Reply) -> None:
    kept = reply.usage
    fresh, read, write = (
        count_of(told.get(f"{name}InputTokenCount" if name else "inputTokenCount"))
        for name in ("", "cacheRead", "cacheWrite")
    )
    if kept.output is None:
        note_usage(kept, output=told.get("outputTokenCount"))
    if kept.input is None and fresh is not None:
        note_usage(kept, input=fresh + (read or 0) + (write or 0), cache_read=read, cache_write=write)


INVOKE = Dialect(
    "bedrock_invoke",
    WireFormat.ANTHROPIC_NATIVE,
    ("/invoke", "/invoke-with-response-stream"),
    read_invoke_request,
    read_whole,
    read_wrapped,
)
RAW_PREDICT = Dialect(
    "vertex_raw_predict",
    WireFormat.ANTHROPIC_NATIVE,
    (":rawPredict", ":streamRawPredict"),
    read_raw_request,
    read_whole,
    read_piece,
)
DIALECTS = (INVOKE, RAW_PREDICT)
