"""Embeddings of Ollama's own API: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from typing import Any

import msgspec

from ..bodies import Fields, decode, hear_error, is_filled, is_given, note_usage, request_of
from ..record import Reply, Request
from ..vocabulary import WireFormat, text_of
from . import Dialect
from .ollama import is_said


class _Inputs(Fields):
    model: Any = None
    input: msgspec.Raw = msgspec.Raw()
    prompt: msgspec.Raw = msgspec.Raw()


class _Vectors(Fields):
    model: Any = None
    embeddings: msgspec.Raw = msgspec.Raw()
    embedding: msgspec.Raw = msgspec.Raw()
    prompt_eval_count: Any = None
    error: Any = None


_inputs = msgspec.json.Decoder(_Inputs)
_vectors = msgspec.json.Decoder(_Vectors)


def read_inputs(body: bytes, _: str) -> Request | None:
    """What a ``POST /api/embed`` or ``/api/embeddings`` asks for."""
    sent = decode(_inputs, body)
    model = text_of(sent.model) if sent is not None else None
    if sent is None or model is None or not (is_said(sent.input) or is_filled(sent.input) or is_said(sent.prompt)):
        return None
    return request_of(WireFormat.OLLAMA, "embeddings", model)


def read_vectors(body: bytes, reply: Reply) -> None:
    """What an answer with embeddings, or an error body, says; the older endpoint names no model."""
    told = decode(_vectors, body)
    if told is None:
        reply.malformed = True
    elif is_given(told.error):
        hear_error(told.error, reply)
    else:
        reply.committed = is_filled(told.embeddings) or is_filled(told.embedding)
        reply.malformed = not (told.embeddings or told.embedding)
        reply.model = text_of(told.model)
        note_usage(reply.usage, input=told.prompt_eval_count)


EMBED = Dialect(
    "ollama_embed",
    WireFormat.OLLAMA,
    ("/api/embed", "/api/embeddings"),
    read_inputs,
    read_vectors,
    read_vectors,
    "ollama",
)
DIALECTS = (EMBED,)
