"""What came back, as a kind and a class: from types, statuses and machine codes, never from message text."""

from .codes import BY_CODE
from .record import Outcome, Reply
from .thrown import TYPES, carried_by, cause_of, names_of
from .vocabulary import OutcomeClass, OutcomeKind, clean

_C, _K = OutcomeClass, OutcomeKind

# HTTP status → class (RFC 9110; 498 is Groq's and 529 Anthropic's "overloaded", 499 and 52x are proxies').
_BY_STATUS: dict[int, OutcomeClass] = {
    401: _C.AUTH,
    402: _C.BILLING,
    403: _C.PERMISSION,
    404: _C.NOT_FOUND,
    408: _C.TIMEOUT,
    410: _C.NOT_FOUND,
    429: _C.RATE_LIMIT,
    498: _C.OVERLOADED,
    499: _C.CONNECTION,
    503: _C.OVERLOADED,
    504: _C.TIMEOUT,
    520: _C.CONNECTION,
    521: _C.CONNECTION,
    522: _C.TIMEOUT,
    523: _C.CONNECTION,
    524: _C.TIMEOUT,
    529: _C.OVERLOADED,
}


_STOPPED = frozenset({"CancelledError", "Cancelled", "GeneratorExit", "KeyboardInterrupt", "SystemExit"})
_DEEPEST_CAUSE = 16
_LIMITS = frozenset({_C.RATE_LIMIT, _C.QUOTA, _C.BILLING})
# What a machine code may sharpen a status to; anything else the status says better.
_REFINES: dict[OutcomeClass, frozenset[OutcomeClass]] = {
    _C.RATE_LIMIT: frozenset({_C.QUOTA, _C.BILLING}),
    _C.BAD_REQUEST: frozenset({_C.AUTH, _C.CONTEXT_OVERFLOW, _C.CONTENT_FILTER, _C.QUOTA, _C.BILLING}),
    _C.PERMISSION: frozenset({_C.CONTENT_FILTER, _C.QUOTA, _C.BILLING}),
    _C.SERVER_ERROR: frozenset({_C.OVERLOADED, _C.TIMEOUT}),
}
# Ways to stop that are no accident: an empty answer that stopped so is an empty completion.
_NORMAL_STOPS = frozenset({"stop", "end_turn", "stop_sequence", "completed", "complete", "eos", "eos_token"})

ABANDONED = Outcome(_K.CANCELLED, _C.ABANDONED)


def failure(cls: OutcomeClass) -> Outcome:
    """The outcome of a dispatch that failed for the reason *cls*."""
    if cls in (_C.CANCELLED, _C.ABANDONED):
        return Outcome(_K.CANCELLED, cls)
    return Outcome(_K.USAGE_LIMIT if cls in _LIMITS else _K.PROVIDER_ERROR, cls)


def outcome_of_status(status: int, code: str | None = None) -> Outcome:
    """The outcome of an answer with HTTP *status* ≥ 300, sharpened by the machine *code* of its body."""
    cls = _class_of_status(status)
    refined = BY_CODE.get(code.lower()) if code else None
    # What AWS calls an exception says more than the status that is nearest to it.
    is_sure = cls is _C.UNKNOWN or (code is not None and code.lower().endswith("exception"))
    sharper = refined is not None and (is_sure or refined in _REFINES.get(cls, ()))
    return failure(refined if sharper and refined is not None else cls)


def outcome_of_exception(error: BaseException) -> Outcome:
    """The outcome that *error* stands for: by its type, then by the HTTP status and machine code it carries.

    An exception that says nothing itself (an application's own) stands for the one it was raised from.
    """
    for cause in causes_of(error):
        found = _outcome_of_one(cause)
        if found.cls is not _C.UNKNOWN:
            return found
    return failure(_C.UNKNOWN)


def outcome_of_reply(reply: Reply, empty_retries: int = 0) -> Outcome:
    """The outcome of an answer that arrived: the error its body reports, an empty completion, or served."""
    if reply.failed:
        if reply.status is not None and reply.status >= 300:
            return outcome_of_status(reply.status, reply.code)
        return failure(_class_of_code(reply.code))
    if reply.malformed and not reply.done:
        return failure(_C.MALFORMED_RESPONSE)
    tokens = reply.usage.output
    if is_empty(reply):
        return Outcome(_K.EMPTY_TERMINAL, None, tokens, 0, empty_retries)
    length = None if reply.unread else reply.content_len
    # An answer of nothing that is no empty completion (cut short, not billed) recovers nothing either.
    kind = _K.EMPTY_RECOVERED if empty_retries and (reply.committed or not reply.blank) else _K.SERVED
    return Outcome(kind, None, tokens, length, empty_retries)


def is_empty(reply: Reply) -> bool:
    """Whether nothing was committed although the model stopped normally and was paid, or may have been."""
    return (
        reply.blank
        and not reply.committed
        and not reply.unread
        and reply.usage.output != 0
        and all(reason.lower() in _NORMAL_STOPS for reason in reply.finish)
    )


def error_type_of(outcome: Outcome, error: BaseException | None, status: int | None, code: str | None) -> str:
    """The error's type for semconv: the machine code of the body, else the status, else the exception's type."""
    if code is not None:
        return code
    if status is not None and status >= 300:
        return str(status)
    if error is not None:
        return clean(f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."))
    return str(outcome.cls or outcome.kind)


def _outcome_of_one(error: BaseException) -> Outcome:
    names = names_of(error)
    if any(name.rpartition(".")[2] in _STOPPED for name in names):
        return Outcome(_K.CANCELLED, _C.CANCELLED)
    by_type = next((TYPES[n] for n in names if n in TYPES), None)
    status, code = carried_by(error)
    if by_type is not None and status is None:
        return failure(by_type)
    if status is not None and status >= 300:
        return outcome_of_status(status, code)
    return failure(by_type or _class_of_code(code))


def causes_of(error: BaseException) -> list[BaseException]:
    """*error* and what it was raised from, the latest first."""
    chain = [error]
    while (cause := cause_of(chain[-1])) is not None and len(chain) < _DEEPEST_CAUSE:
        chain.append(cause)
    return chain


def _class_of_status(status: int) -> OutcomeClass:
    if (cls := _BY_STATUS.get(status)) is not None:
        return cls
    if 400 <= status < 500:
        return _C.BAD_REQUEST
    return _C.SERVER_ERROR if 500 <= status < 600 else _C.UNKNOWN


def _class_of_code(code: str | None) -> OutcomeClass:
    if code is None:
        return _C.UNKNOWN
    if code.isdecimal() and len(code) == 3:
        return _class_of_status(int(code))
    return BY_CODE.get(code.lower(), _C.UNKNOWN)
