"""OpenAI's Completions and Embeddings APIs: https://platform.openai.com/docs/api-reference/completions.

Mistral and DeepSeek fill in the middle with the former, the one answering in the shape of chat.
"""

from typing import Any, Literal

import msgspec

from ..bodies import is_filled, note_usage, plain
from ..compat import asked_in, request_in
from ..record import Reply, Request
from ..thinking import as_map
from ..vocabulary import WireFormat, text_of
from . import Dialect
from .openai_compat import completion_in, read_event, read_reply


class _PlainChoice(msgspec.Struct, gc=False):
    text: str
    delta: None = None
    finish_reason: None = None
    error: None = None
    usage: None = None


class _PlainChunk(msgspec.Struct, gc=False):
    """The chunk that most of a stream consists of; any other is refused and read in full."""

    choices: list[_PlainChoice]
    provider: None = None
    provider_metadata: None = None
    usage: None = None
    error: None = None
    base_resp: None = None
    x_groq: None = None


class _Spent(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    prompt_tokens: Any = None
    completion_tokens: Any = None
    total_tokens: Any = None


class _PlainEmbeddings(msgspec.Struct, gc=False):
    """Most lists of embeddings: nothing beside them but what they took."""

    data: msgspec.Raw
    usage: _Spent
    object: Literal["list"]
    id: Any = None
    model: Any = None
    choices: None = None
    provider: None = None
    provider_metadata: None = None
    error: None = None
    code: None = None
    type: None = None
    error_type: None = None
    error_code: None = None
    errors: None = None
    base_resp: None = None
    x_groq: None = None


_plain_chunk = msgspec.json.Decoder(_PlainChunk)
_plain_embeddings = msgspec.json.Decoder(_PlainEmbeddings)


def read_completion_request(body: bytes, path: str) -> Request | None:
    """What a ``POST …/completions`` asks for; None where it names no model or no prompt."""
    sent = asked_in(body)
    request = request_in(sent, path, "text_completion") if sent is not None and sent.prompt else None
    return request if request is not None and request.model is not None else None


def read_completion_event(data: bytes, reply: Reply) -> None:
    """What one chunk of a streamed completion says."""
    chunk = plain(_plain_chunk, data) if reply.model is not None and reply.id is not None else None
    if chunk is None:
        read_event(data, reply)
        return
    for choice in chunk.choices:
        reply.say(choice.text)


def read_embedding_request(body: bytes, path: str) -> Request | None:
    """What a ``POST …/embeddings`` asks for; None where it names no model or nothing to embed."""
    sent = asked_in(body)
    request = request_in(sent, path, "embeddings") if sent is not None and sent.input else None
    return request if request is not None and request.model is not None else None


def read_embedding_reply(body: bytes, reply: Reply) -> None:
    """What a list of embeddings, or an error body, says; numbers are no text, yet not nothing."""
    if (told := plain(_plain_embeddings, body)) is not None:
        _hear_plain(told, reply)
        return
    answered = completion_in(body, reply)
    if answered is None or reply.failed:
        return
    reply.committed = is_filled(answered.data)
    reply.malformed = not reply.committed
    if reply.usage.input is None:
        note_usage(reply.usage, input=as_map(answered.usage).get("total_tokens"))  # Voyage's


def _hear_plain(told: _PlainEmbeddings, reply: Reply) -> None:
    reply.id = reply.id or text_of(told.id)
    reply.model = reply.model or text_of(told.model)
    reply.committed = is_filled(told.data)
    reply.malformed = not reply.committed
    spent = told.usage
    note_usage(reply.usage, spent.prompt_tokens, spent.completion_tokens)
    if reply.usage.input is None:
        note_usage(reply.usage, input=spent.total_tokens)


COMPLETIONS = Dialect(
    "openai_completions",
    WireFormat.OPENAI_COMPAT,
    ("/completions",),
    read_completion_request,
    read_reply,
    read_completion_event,
)
EMBEDDINGS = Dialect(
    "openai_embeddings",
    WireFormat.OPENAI_COMPAT,
    ("/embeddings",),
    read_embedding_request,
    read_embedding_reply,
    read_event,
)
DIALECTS = (COMPLETIONS, EMBEDDINGS)
