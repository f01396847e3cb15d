"""OpenAI's Completions and Embeddings APIs: https://platform.openai.com/docs/api-reference/completions.

Mistral and DeepSeek fill in the middle with the former, the one answering in the shape of chat.
"""

from ..bodies import is_filled, note_usage
from ..compat import asked_in, request_in
from ..record import Reply, Request
from ..thinking import as_map
from ..vocabulary import WireFormat
from . import Dialect
from .openai_compat import completion_in, read_event, read_reply


def read_completion_request(body: bytes, path: str) -> Request | None:
    """What a ``POST …/completions`` asks for; None where it names no model or no prompt."""
    sent = asked_in(body)
    request = request_in(sent, path, "text_completion") if sent is not None and sent.prompt else None
    return request if request is not None and request.model is not None else None


def read_embedding_request(body: bytes, path: str) -> Request | None:
    """What a ``POST …/embeddings`` asks for; None where it names no model or nothing to embed."""
    sent = asked_in(body)
    request = request_in(sent, path, "embeddings") if sent is not None and sent.input else None
    return request if request is not None and request.model is not None else None


def read_embedding_reply(body: bytes, reply: Reply) -> None:
    """What a list of embeddings, or an error body, says; numbers are no text, yet not nothing."""
    answered = completion_in(body, reply)
    if answered is None or reply.failed:
        return
    reply.committed = is_filled(answered.data)
    reply.malformed = not reply.committed
    if reply.usage.input is None:
        note_usage(reply.usage, input=as_map(answered.usage).get("total_tokens"))  # Voyage's


COMPLETIONS = Dialect(
    "openai_completions",
    WireFormat.OPENAI_COMPAT,
    ("/completions",),
    read_completion_request,
    read_reply,
    read_event,
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
