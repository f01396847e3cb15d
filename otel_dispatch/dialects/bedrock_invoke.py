"""Amazon Bedrock's InvokeModel, with and without a stream, where the body alone tells whose format it is in.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""

from typing import Any, Final

import msgspec

from .. import compat
from ..bodies import decode, is_filled, request_of
from ..record import UNKNOWN_THINKING, UNSENT_THINKING, Reply, Request
from ..thinking import as_map
from ..vocabulary import ToolFormat, WireFormat, count_of, text_of
from . import Dialect, anthropic_native, bedrock
from .clouds import chat_at, read_piece, read_whole

_NOTHING: Final = msgspec.Raw()


class _Sent(anthropic_native.Asked):
    """What a body of any maker's says: Anthropic's own fields, and those by which the others are told apart."""

    anthropic_version: Any = None
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
    singleEmbeddingParams: msgspec.Raw = msgspec.Raw()  # noqa: N815
    inputPrompt: msgspec.Raw = msgspec.Raw()  # noqa: N815
    mediaSource: msgspec.Raw = msgspec.Raw()  # noqa: N815
    temperature: msgspec.Raw = msgspec.Raw()
    top_p: msgspec.Raw = msgspec.Raw()
    textGenerationConfig: Any = None  # noqa: N815
    max_gen_len: Any = None
    max_tokens_to_sample: Any = None


class _Bytes(msgspec.Struct, gc=False):
    data: bytes = msgspec.field(name="bytes")


class _Chunk(msgspec.Struct, gc=False):
    """A piece of a model's own stream; msgspec undoes the base64."""

    chunk: _Bytes


_sent = msgspec.json.Decoder(_Sent)
_chunk = msgspec.json.Decoder(_Chunk)

_TELLING: Final = ("messages", "max_tokens", *_Sent.__struct_fields__[len(anthropic_native.Asked.__struct_fields__) :])
_LIMITS: Final = ("max_tokens", "max_gen_len", "max_tokens_to_sample")
# Whose models make nothing but text, so that what is to be gone on with may stand there alone.
_WRITERS: Final = ("meta.llama", "mistral.", "amazon.titan-text", "cohere.command", "deepseek.", "ai21.")
_WRITER: Final = "a writer's"
_SAMPLING: Final = frozenset({*_LIMITS, "textGenerationConfig", "temperature", "top_p", _WRITER})

# What stands in a body of no wire format of ours: the operation, and names of which each set has one there.
_SHAPES: Final = (
    ("embeddings", {"texts", "images", "inputs"}, {"input_type"}),
    ("embeddings", {"inputText", "inputImage"}, {"dimensions", "normalize", "embeddingTypes", "embeddingConfig"}),
    ("embeddings", {"singleEmbeddingParams"}),
    ("text_completion", {"inputPrompt"}, {"mediaSource"}),
    ("text_completion", {"inputText"}, {"textGenerationConfig", _WRITER}),
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
        return anthropic_native.request_in(sent, model, stream)
    if not is_filled(sent.messages):
        return _unnamed(sent, model, stream)
    if sent.schemaVersion or sent.inferenceConfig or sent.toolConfig or "amazon.nova" in model:
        # What Nova takes itself is what Converse was made from.
        return bedrock.converse_request(body, model, stream)
    if "cohere." in model:
        return _other("chat", sent, model, stream)  # its own second version, whose messages look like OpenAI's
    asked = compat.asked_in(body)
    return None if asked is None else chat_at(asked, path, model, stream)


def _unnamed(sent: _Sent, model: str, stream: bool) -> Request | None:
    names = {name for name in _TELLING if getattr(sent, name) not in (None, _NOTHING)}
    if any(writer in model for writer in _WRITERS):
        names.add(_WRITER)
    operation = next((told for told, *sets in _SHAPES if all(names & each for each in sets)), None)
    if operation is None and "embed" in model.lower() and names:
        operation = "embeddings"  # Titan's oldest takes a text and nothing else.
    if operation is None:
        return None
    if operation == "embeddings":
        return request_of(WireFormat.UNKNOWN, operation, model, UNSENT_THINKING, ToolFormat.NONE)
    return _other(operation, sent, model, stream)


def _other(operation: str, sent: _Sent, model: str, stream: bool) -> Request:
    limits = [getattr(sent, name) for name in _LIMITS] + [as_map(sent.textGenerationConfig).get("maxTokenCount")]
    limit = next((count for each in limits if (count := count_of(each)) is not None), None)
    return request_of(WireFormat.UNKNOWN, operation, model, UNKNOWN_THINKING, ToolFormat.UNKNOWN, stream, limit)


def read_wrapped(data: bytes, reply: Reply) -> None:
    """What one event of InvokeModelWithResponseStream says: a piece of the model's own stream, or an error."""
    wrapped = decode(_chunk, data)
    if wrapped is None:
        bedrock.read_event(data, reply)
    else:
        read_piece(wrapped.chunk.data, reply)


INVOKE = Dialect(
    "bedrock_invoke",
    WireFormat.ANTHROPIC_NATIVE,
    ("/invoke", "/invoke-with-response-stream"),
    read_invoke_request,
    read_whole,
    read_wrapped,
)
DIALECTS = (INVOKE,)
