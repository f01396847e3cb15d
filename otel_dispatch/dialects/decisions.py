"""Decisions: typed questions about one input, answered with probabilities and no text, in three kindred APIs.

OpenAI's: https://developers.openai.com/api/docs/guides/decisions; Google's:
https://aistudio.google.com/docs/decisions-api; System One, TypeSafe's, which Ollama and several gateways serve, too:
https://docs.typesafe.ai/api, https://docs.ollama.com/api/systemone.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec

from ..bodies import Fields, decode, is_given, note_usage, request_of
from ..compat import Asked, request_in
from ..record import Reply, Request
from ..routes import models_of, upstreams_of
from ..thinking import as_map
from ..vocabulary import WireFormat, text_of
from . import Dialect
from .google import hear_block, hear_google_error, note_tokens


class _Asked(Asked):
    state: msgspec.Raw = msgspec.Raw()
    questions: Any = None


class _Decided(Fields):
    id: Any = None
    model: Any = None
    answers: Any = None
    prompt_feedback: Any = None
    usage: Any = None
    error: Any = None


_asked = msgspec.json.Decoder(_Asked)
_decided = msgspec.json.Decoder(_Decided)

_OPERATION: Final = "decisions"
# Rules and people decide, too; they are asked otherwise.
_KINDS: Final = frozenset({"predicate", "choice", "score"})
_NAMED_KINDS: Final = frozenset({"noul", "choice", "score"})


def read_request(body: bytes, path: str) -> Request | None:
    """What is asked for; None where no model is named, nothing to decide about, or no question of a known kind.

    The paths do not tell the three apart: OpenAI has its questions in order, the others under names of the caller's,
    Google about an input, System One about a state, which OpenRouter takes at a path like OpenAI's.
    """
    sent = decode(_asked, body)
    if sent is None:
        return None
    if isinstance(sent.questions, list):
        request = request_in(sent, path, _OPERATION) if sent.input and _are_of(_KINDS, sent.questions) else None
    else:
        request = _named(sent) if (sent.input or sent.state) and _are_of(_NAMED_KINDS, sent.questions) else None
    return request if request is not None and request.model is not None else None


def _named(sent: _Asked) -> Request:
    model, fallbacks = models_of(sent)
    if not sent.input:
        return request_of(WireFormat.UNKNOWN, _OPERATION, model, fallbacks=fallbacks, upstreams=upstreams_of(sent))
    # Google's model is named as by the paths of its other calls.
    return request_of(WireFormat.GEMINI, _OPERATION, text_of((model or "").removeprefix("models/")))


def _are_of(kinds: Collection[str], questions: object) -> bool:
    return any(kind in kinds for kind in _kinds_in(questions))


def _kinds_in(told: object) -> Iterator[str]:
    for one in told.values() if isinstance(told, dict) else told if isinstance(told, list) else ():
        if isinstance(one, dict) and isinstance(kind := one.get("type"), str):
            yield kind


def read_reply(body: bytes, reply: Reply) -> None:
    """What the answers, or an error body, say; Google's name no model, and OpenRouter's alone have an id."""
    told = decode(_decided, body)
    if told is None:
        reply.malformed = True
    elif is_given(told.error):
        hear_google_error(told.error, reply)
    else:
        reply.id, reply.model = text_of(told.id), text_of(told.model)
        _read_answers(told.answers, reply)
        hear_block(as_map(told.prompt_feedback).get("block_reason"), reply)
        _read_usage(as_map(told.usage), reply)


def _read_answers(answers: object, reply: Reply) -> None:
    kinds = list(_kinds_in(answers))
    # Each question has an answer, if only that the model declines to give one.
    reply.committed = bool(kinds)
    reply.malformed = not kinds
    if kinds and all(kind == "refusal" for kind in kinds):
        reply.stop("refusal")


def _read_usage(told: Any, reply: Reply) -> None:
    taken, given = as_map(told.get("input_tokens_details")), as_map(told.get("output_tokens_details"))
    note_usage(
        reply.usage,
        told.get("input_tokens"),
        told.get("output_tokens"),
        taken.get("cached_tokens"),
        taken.get("cache_write_tokens"),
        given.get("reasoning_tokens"),
    )
    note_tokens(
        reply.usage,
        input=told.get("total_input_tokens"),
        output=told.get("total_output_tokens"),
        thoughts=told.get("total_thought_tokens"),
        cached=told.get("total_cached_tokens"),
    )


DECISIONS = Dialect("decisions", WireFormat.OPENAI_COMPAT, ("/decisions",), read_request, read_reply, read_reply)
SYSTEM_ONE = Dialect("systemone", WireFormat.UNKNOWN, ("/systemone",), read_request, read_reply, read_reply)
DIALECTS = (DECISIONS, SYSTEM_ONE)
