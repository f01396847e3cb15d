"""One attempt of harn's as a dispatch of ours: what was asked, where it went, and what came back."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from ..departure import arrived, dispatch_of
from ..origins import Known
from ..outcome import failure, is_empty, outcome_of_reply
from ..pins import Pins
from ..providers import LOCAL, RUN_AT_HOME, UNKNOWN, endpoint_at, is_known
from ..record import UNKNOWN_THINKING, Dispatch, Endpoint, Outcome, Reply, Request, Requested
from ..thinking import as_map
from ..vocabulary import OutcomeClass, OutcomeKind, ThinkingMode, WireFormat, count_of
from .calls import Attempt
from .words import (
    class_in,
    class_of_error,
    host_in,
    kind_of,
    name_of,
    provenance_of,
    thinking_of,
    tool_format_of,
    wire_format_of,
)

_K: Final = OutcomeKind
_FAILURES: Final = (_K.USAGE_LIMIT, _K.PROVIDER_ERROR)
_ANSWERS: Final = (_K.SERVED, _K.EMPTY_RECOVERED)
_NOT_EMPTY: Final = "unproductive_completion"


@dataclass(frozen=True, slots=True)
class Mapped:
    """An attempt in our nouns; the outcome is None where nothing is known of it."""

    dispatch: Dispatch
    departed: Dispatch
    request: Request
    endpoint: Endpoint
    reply: Reply
    outcome: Outcome | None


def mapped(attempt: Attempt) -> Mapped:
    """*attempt* in our nouns."""
    told = attempt.told
    asked = name_of(told.get("provider"))
    request, endpoint = _request(told, asked or UNKNOWN), _endpoint(told, asked)
    origins = provenance_of(told.get("provenance"))
    known = Known({each.name: getattr(origins, each.name) for each in fields(origins)})
    departed = dispatch_of(request, endpoint, known, Requested(asked), Pins())
    if endpoint.provider == UNKNOWN:
        departed = replace(departed, provider=asked or UNKNOWN)
    outcome, reply = _outcome(attempt), _reply(attempt, request, asked)
    if outcome is not None and reply.usage.output is None:
        reply.usage.output = outcome.completion_tokens
    return Mapped(arrived(departed, request, reply), departed, request, endpoint, reply, outcome)


def _request(told: Mapping[str, Any], asked: str) -> Request:
    wire_format = wire_format_of(told.get("wire_format"), asked)
    return Request(
        wire_format,
        "generate_content" if wire_format is WireFormat.GEMINI else "chat",
        name_of(told.get("model")),
        thinking_of(told.get("thinking")),
        tool_format_of(told.get("tool_format"), told.get("native_tool_count")),
        max_tokens=count_of(told.get("max_tokens")) or None,
    )


def _endpoint(told: Mapping[str, Any], asked: str | None) -> Endpoint:
    host = host_in(told.get("base_url_host"))
    found = endpoint_at(host, None) if host else Endpoint("", None, asked or UNKNOWN)
    # harn names what it runs locally; a provider with a host of its own is not the one that answers there.
    is_at_home = found.provider == LOCAL and (not is_known(asked or "") or asked in RUN_AT_HOME)
    return replace(found, provider=asked) if asked is not None and is_at_home else found


def _reply(attempt: Attempt, request: Request, asked: str | None) -> Reply:
    reply = attempt.reply or Reply()
    if reply.upstream == asked:
        reply.upstream = None
    if attempt.thought and request.thinking.mode is ThinkingMode.OFF:
        # "off" is what was asked of harn, which may send nothing for it: the model thought.
        reply.thinking = UNKNOWN_THINKING
    return reply


def _outcome(attempt: Attempt) -> Outcome | None:
    record, reply = attempt.record, attempt.reply
    if record is None:
        return _outcome_unrecorded(attempt)
    kind, told = kind_of(record), as_map(record.get("outcome"))
    if kind in _FAILURES:
        return _failure(kind, record, attempt)
    retries = count_of(told.get("empty_retries")) or 0
    # harn writes 0 for what was not reported, and always where an exception told it of an empty answer.
    tokens = (reply.usage.output if reply is not None else None) or count_of(told.get("completion_tokens")) or None
    if reply is not None and reply.usage.output == 0:
        tokens = 0
    length = count_of(told.get("content_len"))
    if kind in _ANSWERS and reply is not None and not reply.unread:
        kind = outcome_of_reply(reply, retries).kind
    return None if kind is None else Outcome(kind, None, tokens, 0 if kind is _K.EMPTY_TERMINAL else length, retries)


def _failure(kind: OutcomeKind, record: Mapping[str, Any], attempt: Attempt) -> Outcome:
    reply = attempt.reply
    if reply is not None and is_empty(reply):
        # An answer is written beside an error only where it was given up as an empty one.
        return Outcome(_K.EMPTY_TERMINAL, None, reply.usage.output, 0)
    typed = class_of_error(attempt.error)
    if typed is not None:
        return failure(typed)
    return Outcome(kind, class_in(record) if kind is _K.PROVIDER_ERROR else OutcomeClass.UNKNOWN)


def _outcome_unrecorded(attempt: Attempt) -> Outcome | None:
    if attempt.retried not in (None, _NOT_EMPTY):
        return Outcome(_K.SUPERSEDED if attempt.replaced else _K.EMPTY_TERMINAL, None, None, 0)
    if attempt.error is not None or attempt.retried is not None:
        return failure(class_of_error(attempt.error) or OutcomeClass.UNKNOWN)
    if attempt.reply is None:
        return None
    # The text may be redacted: what is left of it is no length.
    return outcome_of_reply(attempt.reply)._replace(content_len=None)
