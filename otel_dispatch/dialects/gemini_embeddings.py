"""Embeddings of Google's Gemini API: https://ai.google.dev/api/embeddings."""

from typing import Any

import msgspec

from ..bodies import Fields, decode, is_filled, is_given, request_of
from ..record import Reply, Request
from ..thinking import as_map
from ..vocabulary import WireFormat
from . import Dialect
from .gemini import model_in, read_all
from .google import hear_google_error, note_tokens


class _Embedding(Fields):
    embedding: msgspec.Raw = msgspec.Raw()
    embeddings: msgspec.Raw = msgspec.Raw()
    usageMetadata: Any = None  # noqa: N815
    error: Any = None


_embedding = msgspec.json.Decoder(_Embedding)


def read_embedding_request(_: bytes, path: str) -> Request | None:
    """What a ``POST …:embedContent`` or ``…:batchEmbedContents`` asks for."""
    model = model_in(path)
    return None if model is None else request_of(WireFormat.GEMINI, "embeddings", model)


def read_embedding(body: bytes, reply: Reply) -> None:
    """What an answer with embeddings, or an error body, says."""
    reply.malformed = not read_all(_read_embedding, body, reply)


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


EMBEDDINGS = Dialect(
    "gemini_embeddings",
    WireFormat.GEMINI,
    (":embedContent", ":batchEmbedContents"),
    read_embedding_request,
    read_embedding,
    read_embedding,
)
DIALECTS = (EMBEDDINGS,)
