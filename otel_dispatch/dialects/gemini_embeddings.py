"""Embeddings of Google's Gemini API, and those of Vertex AI that only its general predictions make.

https://ai.google.dev/api/embeddings,
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
"""

from typing import Any

import msgspec

from ..bodies import Fields, decode, is_filled, is_given, maps_in, note_usage, request_of
from ..record import Reply, Request
from ..thinking import as_map
from ..vocabulary import WireFormat, count_of
from . import Dialect
from .gemini import model_in, read_all
from .google import hear_google_error, note_tokens


class _Embedding(Fields):
    embedding: msgspec.Raw = msgspec.Raw()
    embeddings: msgspec.Raw = msgspec.Raw()
    predictions: Any = None
    usageMetadata: Any = None  # noqa: N815
    error: Any = None


class _Instances(Fields):
    instances: msgspec.Raw = msgspec.Raw()


_embedding = msgspec.json.Decoder(_Embedding)
_instances = msgspec.json.Decoder(_Instances)

_PREDICT = ":predict"


def read_embedding_request(body: bytes, path: str) -> Request | None:
    """What a ``POST …:embedContent``, ``…:batchEmbedContents`` or, of a model that embeds, ``…:predict`` asks for."""
    model = model_in(path)
    if model is None:
        return None
    if not path.endswith(_PREDICT):
        return request_of(WireFormat.GEMINI, "embeddings", model)
    # Pictures, speech and whatever a user deploys are predictions, too.
    sent = decode(_instances, body) if "embed" in model and "/" not in model else None
    return (
        request_of(WireFormat.UNKNOWN, "embeddings", model) if sent is not None and is_filled(sent.instances) else None
    )


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
    if answer.predictions is not None:
        _read_predictions(maps_in(answer.predictions), reply)
    reply.committed |= is_filled(answer.embedding) or is_filled(answer.embeddings)
    return reply.committed


def _read_predictions(told: list[dict[str, Any]], reply: Reply) -> None:
    reply.committed |= any(told)
    counts = [count_of(as_map(as_map(one.get("embeddings")).get("statistics")).get("token_count")) for one in told]
    if counts and None not in counts:
        note_usage(reply.usage, input=sum(count for count in counts if count is not None))


EMBEDDINGS = Dialect(
    "gemini_embeddings",
    WireFormat.GEMINI,
    (":embedContent", ":batchEmbedContents", _PREDICT),
    read_embedding_request,
    read_embedding,
    read_embedding,
)
DIALECTS = (EMBEDDINGS,)
