"""Amazon Bedrock's Converse and ConverseStream, as boto3 1.44 sends and reads them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import msgspec

from ..bodies import Fields, decode, hear_error, is_given, maps_in, note_usage, plain, request_of, tools_in
from ..codes import amazon_code
from ..record import UNKNOWN_THINKING, UNSENT_THINKING, Reply, Request, Thinking
from ..thinking import as_map, bedrock_thinking
from ..vocabulary import ToolFormat, WireFormat, count_of, text_of
from . import Dialect

_WIRE_FORMAT = WireFormat.BEDROCK_CONVERSE
_MODEL = re.compile(r"/model/(.+)/[\w-]+$")

# Ways to stop that say that the model failed: https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html
_FAILURES = frozenset({"malformed_model_output", "malformed_tool_use"})

# Nova's own bodies, which InvokeModel takes, call it a count.
_CACHED = (
    ("cacheReadInputTokens", "cacheReadInputTokenCount"),
    ("cacheWriteInputTokens", "cacheWriteInputTokenCount"),
)

_NOVAS = "reasoningConfig"

# What stands in an answer beside what the model says.
_SILENT = frozenset({"cachePoint", "citation", "guardContent"})


class _Request(Fields):
    inferenceConfig: Any = None  # noqa: N815 - AWS's names
    toolConfig: msgspec.Raw = msgspec.Raw()  # noqa: N815
    additionalModelRequestFields: Any = None  # noqa: N815
    outputConfig: Any = None  # noqa: N815
    reasoningConfig: Any = None  # noqa: N815 - Nova's, where InvokeModel takes the body


class _ToolConfig(Fields):
    tools: msgspec.Raw = msgspec.Raw()


class _Response(Fields):
    output: Any = None
    stopReason: Any = None  # noqa: N815
    usage: Any = None
    trace: Any = None
    error: Any = None
    code: Any = None
    fault: Any = msgspec.field(default=None, name="__type")


class _Event(Fields):
    contentBlockStart: Any = None  # noqa: N815
    contentBlockDelta: Any = None  # noqa: N815
    messageStop: Any = None  # noqa: N815
    metadata: Any = None
    error: Any = None


class _Text(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str


class _TextDelta(msgspec.Struct, gc=False):
    delta: _Text


class _TextEvent(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The event that most of a stream consists of; any other is refused and read in full."""

    contentBlockDelta: _TextDelta  # noqa: N815


_text_event = msgspec.json.Decoder(_TextEvent)
_request = msgspec.json.Decoder(_Request)
_tool_config = msgspec.json.Decoder(_ToolConfig)
_response = msgspec.json.Decoder(_Response)
_event = msgspec.json.Decoder(_Event)


@lru_cache(256)
def model_in(path: str) -> str | None:
    """The model, or the ARN of one, in the *path* of a request to Bedrock's runtime."""
    found = _MODEL.search(path)
    return text_of(unquote(found[1])) if found else None


def read_request(body: bytes, path: str) -> Request | None:
    """What a ``POST …/model/{id}/converse`` or ``…/converse-stream`` asks for."""
    model = model_in(path)
    return None if model is None else converse_request(body, model, path.endswith("-stream"))


def converse_request(body: bytes, model: str, stream: bool) -> Request:
    """What a body of Converse's asks of *model*; what it cannot be read for is unknown."""
    sent = decode(_request, body)
    # A prompt that the service keeps brings its own config, and takes none beside it.
    if sent is None or ":prompt/" in model:
        thinking, tools = UNKNOWN_THINKING, ToolFormat.UNKNOWN
    else:
        thinking, tools = _thinking_of(sent), _tools_of(sent)
    limit = count_of(as_map(sent.inferenceConfig).get("maxTokens")) if sent is not None else None
    return request_of(_WIRE_FORMAT, "chat", model, thinking, tools, stream, limit)


def _thinking_of(sent: _Request) -> Thinking:
    extra, config = as_map(sent.additionalModelRequestFields), as_map(sent.inferenceConfig)
    if not extra and sent.outputConfig is None and sent.reasoningConfig is None and _NOVAS not in config:
        return UNSENT_THINKING
    # Nova documents its own within an inference config: its own body's, or the one among the fields beside Converse's.
    places = (as_map(extra.get("inferenceConfig")).get(_NOVAS), config.get(_NOVAS), sent.reasoningConfig)
    told = next((place for place in places if place is not None), None)
    return bedrock_thinking({_NOVAS: told, **extra}, as_map(sent.outputConfig).get("effort"))


def _tools_of(sent: _Request) -> ToolFormat:
    told = decode(_tool_config, bytes(sent.toolConfig)) if sent.toolConfig else None
    if told is not None and tools_in(told.tools) is ToolFormat.NATIVE:
        return ToolFormat.NATIVE
    # Those that Anthropic defines, a computer or an editor, Converse takes only so.
    extra = sent.additionalModelRequestFields
    return ToolFormat.NATIVE if extra is not None and is_given(as_map(extra).get("tools")) else ToolFormat.NONE


def read_reply(body: bytes, reply: Reply) -> None:
    """What a whole answer, or an error body, says."""
    response = decode(_response, body)
    if response is None:
        reply.malformed = True
    elif response.output is None and (error := _error_in(response)) is not None:
        hear_error(error, reply)
    else:
        message = as_map(as_map(response.output).get("message"))
        reply.malformed = not isinstance(message.get("content"), list)
        for block in maps_in(message.get("content")):
            _read_block(block, reply)
        reply.stop(response.stopReason)
        _read_metadata(response.usage, response.trace, reply)


def _error_in(response: _Response) -> object:
    if response.error is not None:
        return response.error
    code = response.fault or response.code
    return {"code": amazon_code(code)} if isinstance(code, str) else None


def read_event(data: bytes, reply: Reply) -> None:
    """What one event of a stream says; the usage comes after the stop, in the event that ends it."""
    if (text := plain(_text_event, data)) is not None:
        reply.say(text.contentBlockDelta.delta.text)
        return
    event = decode(_event, data)
    if event is None:
        return
    if event.contentBlockDelta is not None:
        _read_block(as_map(as_map(event.contentBlockDelta).get("delta")), reply)
    elif event.contentBlockStart is not None:
        _read_block(as_map(as_map(event.contentBlockStart).get("start")), reply)
    elif event.messageStop is not None:
        reply.stop(as_map(event.messageStop).get("stopReason"))
    elif event.metadata is not None:
        told = as_map(event.metadata)
        _read_metadata(told.get("usage"), told.get("trace"), reply)
        reply.done = True
    elif event.error is not None:
        hear_error(event.error, reply)


def _read_block(block: Any, reply: Reply) -> None:
    for name, value in block.items():
        if name == "text":
            _say(value, reply)
        elif name == "citationsContent":
            for part in maps_in(as_map(value).get("content")):
                _say(part.get("text"), reply)
        elif name == "reasoningContent":
            # Whole, the text and its signature lie one deeper than in a stream.
            told = as_map(value)
            told = as_map(told.get("reasoningText")) or told
            reply.committed |= any(is_given(told.get(part)) for part in ("text", "signature", "redactedContent"))
        elif name not in _SILENT:
            reply.committed |= is_given(value)


def _say(text: object, reply: Reply) -> None:
    if isinstance(text, str):
        reply.say(text)


def _read_metadata(usage: object, trace: object, reply: Reply) -> None:
    _read_usage(as_map(usage), reply)
    if trace is not None:
        reply.model = text_of(as_map(as_map(trace).get("promptRouter")).get("invokedModelId")) or reply.model
    for reason in reply.finish:
        if reason in _FAILURES:
            hear_error({"code": reason}, reply)
            return


def _read_usage(told: Any, reply: Reply) -> None:
    kept = reply.usage
    read, write = (told[first] if first in told else told.get(second) for first, second in _CACHED)
    note_usage(kept, None, told.get("outputTokens"), read, write)
    fresh = count_of(told.get("inputTokens"))
    if fresh is not None:
        # semconv counts cached tokens as input; Bedrock reports them beside it
        # (https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html).
        note_usage(kept, input=fresh + (kept.cache_read or 0) + (kept.cache_write or 0))


CONVERSE = Dialect(
    "bedrock_converse",
    WireFormat.BEDROCK_CONVERSE,
    ("/converse", "/converse-stream"),
    read_request,
    read_reply,
    read_event,
)
DIALECTS = (CONVERSE,)
