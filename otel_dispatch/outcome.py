"""What came back, as a kind and a class: from types, statuses and machine codes, never from message text."""

from .record import Outcome, Reply
from .vocabulary import OutcomeClass, OutcomeKind

_C, _K = OutcomeClass, OutcomeKind

# HTTP status → class (RFC 9110; 529 is Anthropic's "overloaded", 499 and 52x are proxies').
_BY_STATUS: dict[int, OutcomeClass] = {
    401: _C.AUTH,
    402: _C.BILLING,
    403: _C.PERMISSION,
    404: _C.NOT_FOUND,
    408: _C.TIMEOUT,
    410: _C.NOT_FOUND,
    429: _C.RATE_LIMIT,
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

# Machine codes of error bodies and mid-stream events, as the providers document them.
_BY_CODE: dict[str, OutcomeClass] = {
    "rate_limit_error": _C.RATE_LIMIT,
    "rate_limit_exceeded": _C.RATE_LIMIT,
    "requests": _C.RATE_LIMIT,
    "tokens": _C.RATE_LIMIT,
    "too_many_requests": _C.RATE_LIMIT,
    "resource_exhausted": _C.RATE_LIMIT,
    "throttlingexception": _C.RATE_LIMIT,
    "insufficient_quota": _C.QUOTA,
    "quota_exceeded": _C.QUOTA,
    "servicequotaexceededexception": _C.QUOTA,
    "usage_limit_reached": _C.QUOTA,
    "billing_error": _C.BILLING,
    "billing_hard_limit_reached": _C.BILLING,
    "billing_not_active": _C.BILLING,
    "insufficient_balance": _C.BILLING,
    "authentication_error": _C.AUTH,
    "invalid_api_key": _C.AUTH,
    "unauthenticated": _C.AUTH,
    "unrecognizedclientexception": _C.AUTH,
    "permission_error": _C.PERMISSION,
    "permission_denied": _C.PERMISSION,
    "accessdeniedexception": _C.PERMISSION,
    "not_found_error": _C.NOT_FOUND,
    "model_not_found": _C.NOT_FOUND,
    "not_found": _C.NOT_FOUND,
    "resourcenotfoundexception": _C.NOT_FOUND,
    "invalid_request_error": _C.BAD_REQUEST,
    "invalid_argument": _C.BAD_REQUEST,
    "invalid_prompt": _C.BAD_REQUEST,
    "request_too_large": _C.BAD_REQUEST,
    "validationexception": _C.BAD_REQUEST,
    "context_length_exceeded": _C.CONTEXT_OVERFLOW,
    "model_context_window_exceeded": _C.CONTEXT_OVERFLOW,
    "string_above_max_length": _C.CONTEXT_OVERFLOW,
    "content_filter": _C.CONTENT_FILTER,
    "content_policy_violation": _C.CONTENT_FILTER,
    "responsibleaipolicyviolation": _C.CONTENT_FILTER,
    "timeout_error": _C.TIMEOUT,
    "request_timeout": _C.TIMEOUT,
    "deadline_exceeded": _C.TIMEOUT,
    "vector_store_timeout": _C.TIMEOUT,
    "modeltimeoutexception": _C.TIMEOUT,
    "overloaded_error": _C.OVERLOADED,
    "engine_overloaded": _C.OVERLOADED,
    "server_is_overloaded": _C.OVERLOADED,
    "slow_down": _C.OVERLOADED,
    "unavailable": _C.OVERLOADED,
    "serviceunavailableexception": _C.OVERLOADED,
    "modelnotreadyexception": _C.OVERLOADED,
    "api_error": _C.SERVER_ERROR,
    "server_error": _C.SERVER_ERROR,
    "internal_server_error": _C.SERVER_ERROR,
    "internal": _C.SERVER_ERROR,
    "internalserverexception": _C.SERVER_ERROR,
    "malformed_model_output": _C.MALFORMED_RESPONSE,
}

# Exception types by the package that defines them, base classes included; the first of the MRO that is here decides.
_BY_TYPE: dict[str, OutcomeClass] = {
    "httpx.TimeoutException": _C.TIMEOUT,
    "httpx.DecodingError": _C.MALFORMED_RESPONSE,
    "httpx.RemoteProtocolError": _C.CONNECTION,
    "httpx.TransportError": _C.CONNECTION,
    "httpx.StreamError": _C.ABANDONED,
    "openai.APITimeoutError": _C.TIMEOUT,
    "openai.APIConnectionError": _C.CONNECTION,
    "openai.APIResponseValidationError": _C.MALFORMED_RESPONSE,
    "openai.ContentFilterFinishReasonError": _C.CONTENT_FILTER,
    "openai.RateLimitError": _C.RATE_LIMIT,
    "openai.AuthenticationError": _C.AUTH,
    "openai.PermissionDeniedError": _C.PERMISSION,
    "openai.NotFoundError": _C.NOT_FOUND,
    "openai.BadRequestError": _C.BAD_REQUEST,
    "openai.UnprocessableEntityError": _C.BAD_REQUEST,
    "openai.ConflictError": _C.BAD_REQUEST,
    "anthropic.APITimeoutError": _C.TIMEOUT,
    "anthropic.APIConnectionError": _C.CONNECTION,
    "anthropic.APIResponseValidationError": _C.MALFORMED_RESPONSE,
    "anthropic.RateLimitError": _C.RATE_LIMIT,
    "anthropic.AuthenticationError": _C.AUTH,
    "anthropic.CredentialsError": _C.AUTH,
    "anthropic.PermissionDeniedError": _C.PERMISSION,
    "anthropic.NotFoundError": _C.NOT_FOUND,
    "anthropic.BadRequestError": _C.BAD_REQUEST,
    "anthropic.UnprocessableEntityError": _C.BAD_REQUEST,
    "anthropic.ConflictError": _C.BAD_REQUEST,
    "builtins.TimeoutError": _C.TIMEOUT,
    "builtins.ConnectionError": _C.CONNECTION,
    "socket.gaierror": _C.CONNECTION,
    "ssl.SSLError": _C.CONNECTION,
    "json.JSONDecodeError": _C.MALFORMED_RESPONSE,
}

_STATUS_BEARERS = frozenset({"openai", "anthropic", "httpx"})
_STOPPED = ("CancelledError", "GeneratorExit", "KeyboardInterrupt")
_LIMITS = frozenset({_C.RATE_LIMIT, _C.QUOTA, _C.BILLING})
# What a machine code may sharpen a status to; anything else the status says better.
_REFINES: dict[OutcomeClass, frozenset[OutcomeClass]] = {
    _C.RATE_LIMIT: frozenset({_C.QUOTA, _C.BILLING}),
    _C.BAD_REQUEST: frozenset({_C.CONTEXT_OVERFLOW, _C.CONTENT_FILTER}),
    _C.PERMISSION: frozenset({_C.CONTENT_FILTER, _C.QUOTA, _C.BILLING}),
    _C.SERVER_ERROR: frozenset({_C.OVERLOADED, _C.TIMEOUT}),
}
# Ways to stop that are no accident: an empty answer that stopped so is an empty completion.
_NORMAL_STOPS = frozenset({"stop", "end_turn", "stop_sequence", "completed", "complete", "eos"})

ABANDONED = Outcome(_K.CANCELLED, _C.ABANDONED)


def failure(cls: OutcomeClass) -> Outcome:
    """The outcome of a dispatch that failed for the reason *cls*."""
    if cls in (_C.CANCELLED, _C.ABANDONED):
        return Outcome(_K.CANCELLED, cls)
    return Outcome(_K.USAGE_LIMIT if cls in _LIMITS else _K.PROVIDER_ERROR, cls)


def outcome_of_status(status: int, code: str | None = None) -> Outcome:
    """The outcome of an answer with HTTP *status* ≥ 300, sharpened by the machine *code* of its body."""
    cls = _class_of_status(status)
    refined = _BY_CODE.get(code.lower()) if code else None
    sharper = refined is not None and (cls is _C.UNKNOWN or refined in _REFINES.get(cls, ()))
    return failure(refined if sharper and refined is not None else cls)


def outcome_of_exception(error: BaseException) -> Outcome:
    """The outcome that *error* stands for: by its type, then by the HTTP status and machine code it carries."""
    names = [f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__]
    if any(name.rpartition(".")[2] in _STOPPED for name in names):
        return Outcome(_K.CANCELLED, _C.CANCELLED)
    by_type = next((_BY_TYPE[n] for n in map(_unify, names) if n in _BY_TYPE), None)
    status, code = _carried(error)
    if by_type is not None and status is None:
        return failure(by_type)
    if status is not None and status >= 300:
        return outcome_of_status(status, code)
    return failure(by_type or _class_of_code(code))


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
    kind = _K.EMPTY_RECOVERED if empty_retries else _K.SERVED
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


def is_code(word: str) -> bool:
    """Whether *word* is a machine code that we can classify."""
    return word.lower() in _BY_CODE


def error_type_of(outcome: Outcome, error: BaseException | None, status: int | None, code: str | None) -> str:
    """Semconv's ``error.type``: the machine code of the body, else the status, else the exception's type."""
    if code is not None:
        return code
    if status is not None and status >= 300:
        return str(status)
    if error is not None:
        return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    return str(outcome.cls or outcome.kind)


def _unify(name: str) -> str:
    return "httpx." + name[7:] if name.startswith("httpx2.") else name


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
    return _BY_CODE.get(code.lower(), _C.UNKNOWN)


def _carried(error: BaseException) -> tuple[int | None, str | None]:
    if not _STATUS_BEARERS.intersection(
        k.__module__.partition(".")[0].replace("httpx2", "httpx") for k in type(error).__mro__
    ):
        return None, None
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    words = (getattr(error, "code", None), getattr(error, "type", None))
    code = next((w for w in words if isinstance(w, str) and w.lower() in _BY_CODE), None)
    return status if isinstance(status, int) else None, code
