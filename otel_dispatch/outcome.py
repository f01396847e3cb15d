"""What came back, as a kind and a class: from types, statuses and machine codes, never from message text."""

from .record import Outcome, Reply
from .vocabulary import OutcomeClass, OutcomeKind

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

# Machine codes of error bodies and mid-stream events, as the providers document them.
_CODES: dict[OutcomeClass, str] = {
    _C.RATE_LIMIT: "rate_limit_error rate_limit_exceeded rate_limit_reached_error requests tokens too_many_requests"
    " resource_exhausted throttlingexception",
    _C.QUOTA: "insufficient_quota quota_exceeded exceeded_current_quota_error servicequotaexceededexception"
    " usage_limit_reached",
    _C.BILLING: "billing_error billing_hard_limit_reached billing_not_active insufficient_balance"
    " contract_spend_limit_reached enforced_spend_limit_reached",
    _C.AUTH: "authentication_error invalid_api_key unauthenticated unrecognizedclientexception",
    _C.PERMISSION: "permission_error permission_denied accessdeniedexception",
    _C.NOT_FOUND: "not_found_error model_not_found not_found resourcenotfoundexception",
    _C.BAD_REQUEST: "invalid_request_error invalid_argument failed_precondition invalid_prompt request_too_large"
    " conflict_error validationexception",
    _C.CONTEXT_OVERFLOW: "context_length_exceeded model_context_window_exceeded string_above_max_length",
    _C.CONTENT_FILTER: "content_filter content_policy_violation image_content_policy_violation bio_policy"
    " misalignment_policy_violation responsibleaipolicyviolation data_inspection_failed",
    _C.TIMEOUT: "timeout_error request_timeout deadline_exceeded vector_store_timeout modeltimeoutexception",
    _C.OVERLOADED: "overloaded_error engine_overloaded engine_overloaded_error server_is_overloaded slow_down"
    " unavailable service_unavailable serviceunavailableexception modelnotreadyexception insufficient_system_resource",
    _C.SERVER_ERROR: "api_error server_error internal_server_error internal internalserverexception",
    _C.MALFORMED_RESPONSE: "malformed_model_output",
    _C.CANCELLED: "cancelled",
}
_BY_CODE = {code: cls for cls, codes in _CODES.items() for code in codes.split()}

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
    "anthropic.WorkloadIdentityError": _C.AUTH,
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
_STOPPED = frozenset({"CancelledError", "Cancelled", "GeneratorExit", "KeyboardInterrupt", "SystemExit"})
_DEEPEST_CAUSE = 16
_LIMITS = frozenset({_C.RATE_LIMIT, _C.QUOTA, _C.BILLING})
# What a machine code may sharpen a status to; anything else the status says better.
_REFINES: dict[OutcomeClass, frozenset[OutcomeClass]] = {
    _C.RATE_LIMIT: frozenset({_C.QUOTA, _C.BILLING}),
    _C.BAD_REQUEST: frozenset({_C.CONTEXT_OVERFLOW, _C.CONTENT_FILTER, _C.QUOTA, _C.BILLING}),
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
    """The outcome that *error* stands for: by its type, then by the HTTP status and machine code it carries.

    An exception that says nothing itself (an application's own) stands for the one it was raised from.
    """
    for cause in _causes(error):
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


def is_code(word: str) -> bool:
    """Whether *word* is a machine code that we can classify."""
    return word.lower() in _BY_CODE


def error_type_of(outcome: Outcome, error: BaseException | None, status: int | None, code: str | None) -> str:
    """The error's type for semconv: the machine code of the body, else the status, else the exception's type."""
    if code is not None:
        return code
    if status is not None and status >= 300:
        return str(status)
    if error is not None:
        return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    return str(outcome.cls or outcome.kind)


def _outcome_of_one(error: BaseException) -> Outcome:
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


def _causes(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (cause := chain[-1].__cause__) is not None and len(chain) < _DEEPEST_CAUSE:
        chain.append(cause)
    return chain


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
    words = [getattr(error, name, None) for name in ("error_code", "code", "type")]
    code = next((w for w in words if isinstance(w, str) and w.lower() in _BY_CODE), None)
    return status if isinstance(status, int) else None, code
