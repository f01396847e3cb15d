"""Exceptions of SDKs and of the libraries that carry them → what they mean, by type; and what they carry."""

from typing import Any, Final

from .codes import is_code
from .vocabulary import OutcomeClass

_C = OutcomeClass

TYPES: Final[dict[str, OutcomeClass]] = {
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
    "aiohttp.ServerTimeoutError": _C.TIMEOUT,
    "aiohttp.ClientConnectionError": _C.CONNECTION,
    "aiohttp.ClientHttpProxyError": _C.CONNECTION,
    "aiohttp.ClientPayloadError": _C.CONNECTION,
    "aiohttp.HttpProcessingError": _C.CONNECTION,
    "aiohttp.ContentEncodingError": _C.MALFORMED_RESPONSE,
    "aiohttp.ContentTypeError": _C.MALFORMED_RESPONSE,
    "mistralai.NoResponseError": _C.CONNECTION,
    "mistralai.ResponseValidationError": _C.MALFORMED_RESPONSE,
    "builtins.TimeoutError": _C.TIMEOUT,
    "builtins.ConnectionError": _C.CONNECTION,
    "socket.gaierror": _C.CONNECTION,
    "ssl.SSLError": _C.CONNECTION,
    "json.JSONDecodeError": _C.MALFORMED_RESPONSE,
    "http.BadStatusLine": _C.CONNECTION,
    "http.IncompleteRead": _C.CONNECTION,
    # Before the timeout that version 1 derives it from.
    "urllib3.NewConnectionError": _C.CONNECTION,
    "urllib3.TimeoutError": _C.TIMEOUT,
    "urllib3.EmptyPoolError": _C.TIMEOUT,
    "urllib3.ClosedPoolError": _C.CONNECTION,
    "urllib3.ProtocolError": _C.CONNECTION,
    "urllib3.ProxyError": _C.CONNECTION,
    "urllib3.SSLError": _C.CONNECTION,
    "urllib3.DecodeError": _C.MALFORMED_RESPONSE,
    # Both a timeout and a connection error.
    "requests.ConnectTimeout": _C.TIMEOUT,
    "requests.Timeout": _C.TIMEOUT,
    "requests.ConnectionError": _C.CONNECTION,
    "requests.ChunkedEncodingError": _C.CONNECTION,
    "requests.ContentDecodingError": _C.MALFORMED_RESPONSE,
    "requests.InvalidJSONError": _C.MALFORMED_RESPONSE,
    "botocore.ConnectTimeoutError": _C.TIMEOUT,
    "botocore.ReadTimeoutError": _C.TIMEOUT,
    "botocore.ConnectionError": _C.CONNECTION,
    "botocore.ConnectionClosedError": _C.CONNECTION,
    "botocore.ResponseStreamingError": _C.CONNECTION,
    "botocore.IncompleteReadError": _C.CONNECTION,
}
"""By the package that defines the type; the first of an exception's bases that is here decides."""

_BEARERS: Final = frozenset({"openai", "anthropic", "httpx", "ollama", "cohere", "mistralai", "google", "litellm"})


def cause_of(error: BaseException) -> BaseException | None:
    """What *error* was raised from; the standard library and urllib3 may keep that as the reason."""
    if error.__cause__ is None and _library_of(error) in ("urllib", "urllib3"):
        reason = vars(error).get("reason")
        return reason if isinstance(reason, BaseException) else None
    return error.__cause__


def carried_by(error: BaseException) -> tuple[int | None, str | None]:
    """The HTTP status and the machine code that *error* carries, None where it carries none that its library tells."""
    # Asked for by name, an error of urllib's that has no body would look into its missing file.
    told = vars(error)
    match _library_of(error):
        case "urllib":
            return told.get("code"), None
        case "requests":
            return getattr(told.get("response"), "status_code", None), None
        case "botocore":
            response = _map(told.get("response"))
            return _map(response.get("ResponseMetadata")).get("HTTPStatusCode"), _map(response.get("Error")).get("Code")
        case "aiohttp":
            # A proxy's status is no provider's, and one with a cause is made up. To ask for the code would warn.
            is_told = error.__cause__ is None and type(error).__name__ != "ClientHttpProxyError"
            return (told.get("status") if is_told else None), None
    return _carried(error) if _BEARERS.intersection(packages_of(error)) else (None, None)


def packages_of(error: BaseException) -> list[str]:
    """The packages that define *error*'s type and its bases, innermost first."""
    return [_package_of(kind) for kind in type(error).__mro__]


def names_of(error: BaseException) -> list[str]:
    """The names of *error*'s type and its bases as `TYPES` has them."""
    return [f"{_package_of(kind)}.{kind.__name__}" for kind in type(error).__mro__]


def _carried(error: BaseException) -> tuple[int | None, str | None]:
    response = getattr(error, "response", None)
    # Google's errors call the status a code and the code a status.
    told = (getattr(error, "status_code", None), getattr(response, "status_code", None), getattr(error, "code", None))
    status = next((number for number in told if isinstance(number, int)), None)
    words = [getattr(error, name, None) for name in ("error_code", "code", "type", "status")]
    return status, next((word for word in words if isinstance(word, str) and is_code(word)), None)


def _package_of(kind: type) -> str:
    package = kind.__module__.partition(".")[0]
    return "httpx" if package == "httpx2" else package


def _library_of(error: BaseException) -> str | None:
    return next((package for package in packages_of(error) if package in _LIBRARIES), None)


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


_LIBRARIES: Final = frozenset({"aiohttp", "botocore", "requests", "urllib", "urllib3"})
