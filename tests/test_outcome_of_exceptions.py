"""What an exception stands for: its type, the status and machine code it carries, never its text."""

import asyncio
import concurrent.futures
import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from anthropic.lib.credentials import WorkloadIdentityError

from otel_dispatch.outcome import outcome_of_exception
from otel_dispatch.record import Outcome
from otel_dispatch.vocabulary import OutcomeClass, OutcomeKind

OLD, NEW = httpx.Request("POST", "http://h/"), httpx2.Request("POST", "http://h/")


class OwnError(Exception):
    pass


class OwnTimeout(httpx.ReadTimeout):
    pass


def raised_from(cause: BaseException, error: BaseException | None = None) -> BaseException:
    error = error or OwnError("the step failed")
    error.__cause__ = cause
    return error


def in_a_circle() -> BaseException:
    error = OwnError("x")
    return raised_from(raised_from(error), error)


def answered(status: int) -> Any:
    return httpx2.Response(status, request=NEW)


EXCEPTIONS = [
    (httpx.ConnectTimeout("x"), "provider_error", "timeout"),
    (httpx.ReadTimeout("x"), "provider_error", "timeout"),
    (httpx2.WriteTimeout("x"), "provider_error", "timeout"),
    (httpx2.PoolTimeout("x"), "provider_error", "timeout"),
    (OwnTimeout("x"), "provider_error", "timeout"),
    (httpx.ConnectError("x"), "provider_error", "connection"),
    (httpx2.ReadError("x"), "provider_error", "connection"),
    (httpx2.RemoteProtocolError("x"), "provider_error", "connection"),
    (httpx.ProxyError("x"), "provider_error", "connection"),
    (httpx2.UnsupportedProtocol("x"), "provider_error", "connection"),
    (httpx2.DecodingError("x"), "provider_error", "malformed_response"),
    (httpx.StreamClosed(), "cancelled", "abandoned"),
    (httpx.TooManyRedirects("x"), "provider_error", "unknown"),
    (httpx.HTTPStatusError("x", request=OLD, response=httpx.Response(429)), "usage_limit", "rate_limit"),
    (httpx2.HTTPStatusError("x", request=NEW, response=answered(404)), "provider_error", "not_found"),
    (TimeoutError("x"), "provider_error", "timeout"),
    (asyncio.TimeoutError(), "provider_error", "timeout"),  # noqa: UP041 - the name that people write
    (ConnectionResetError(), "provider_error", "connection"),
    (BrokenPipeError(), "provider_error", "connection"),
    (socket.gaierror(8, "x"), "provider_error", "connection"),
    (ssl.SSLCertVerificationError("x"), "provider_error", "connection"),
    (json.JSONDecodeError("x", "", 0), "provider_error", "malformed_response"),
    (asyncio.CancelledError(), "cancelled", "cancelled"),
    (concurrent.futures.CancelledError(), "cancelled", "cancelled"),
    (GeneratorExit(), "cancelled", "cancelled"),
    (KeyboardInterrupt(), "cancelled", "cancelled"),
    (SystemExit(1), "cancelled", "cancelled"),
    (openai.APITimeoutError(NEW), "provider_error", "timeout"),
    (openai.APIConnectionError(request=NEW), "provider_error", "connection"),
    (openai.APIResponseValidationError(answered(200), None), "provider_error", "malformed_response"),
    (openai.ContentFilterFinishReasonError(), "provider_error", "content_filter"),
    (anthropic.APITimeoutError(NEW), "provider_error", "timeout"),
    (anthropic.APIConnectionError(request=NEW), "provider_error", "connection"),
    (anthropic.APIResponseValidationError(answered(200), None), "provider_error", "malformed_response"),
    (anthropic.CredentialsError("x"), "provider_error", "auth"),
    (WorkloadIdentityError("x"), "provider_error", "auth"),
    (openai.APIError("x", NEW, body={"code": "rate_limit_exceeded"}), "usage_limit", "rate_limit"),
    (openai.APIError("x", NEW, body={"code": None, "type": "server_error"}), "provider_error", "server_error"),
    (openai.APIError("x", NEW, body={"code": "odd", "type": "insufficient_quota"}), "usage_limit", "quota"),
    (openai.APIError("x", NEW, body=None), "provider_error", "unknown"),
    (ValueError("x"), "provider_error", "unknown"),
    (OSError(28, "x"), "provider_error", "unknown"),
    (ExceptionGroup("x", [httpx.ReadTimeout("x")]), "provider_error", "unknown"),
    (OwnError("x"), "provider_error", "unknown"),
    (raised_from(httpx.ReadTimeout("x")), "provider_error", "timeout"),
    (raised_from(raised_from(openai.APIConnectionError(request=NEW))), "provider_error", "connection"),
    (raised_from(asyncio.CancelledError()), "cancelled", "cancelled"),
    (raised_from(ValueError("x"), httpx.ReadTimeout("x")), "provider_error", "timeout"),
    (in_a_circle(), "provider_error", "unknown"),
]


@pytest.mark.parametrize(("error", "kind", "cls"), EXCEPTIONS)
def test_the_type_of_an_exception_makes_the_class(error: BaseException, kind: str, cls: str) -> None:
    assert outcome_of_exception(error) == Outcome(OutcomeKind(kind), OutcomeClass(cls))


def test_what_was_being_handled_when_an_exception_was_raised_is_not_its_cause() -> None:
    error = OwnError("x")
    error.__context__ = httpx.ReadTimeout("x")
    assert outcome_of_exception(error).cls == "unknown"


class Sdks:
    """Makes the exceptions of the real SDKs from an answer, as they do."""

    def __init__(self, *clients: Any) -> None:
        self._openai, self._anthropic = clients

    def error(self, sdk: str, status: int, body: object) -> BaseException:
        answer = httpx2.Response(status, request=NEW, json=body)
        if sdk == "openai":
            made: BaseException = self._openai._make_status_error_from_response(answer)
        else:
            made = self._anthropic._make_status_error_from_response(answer)
        return made


@pytest.fixture(scope="module")
def sdks() -> Iterator[Sdks]:
    with openai.OpenAI(api_key="k") as one, anthropic.Anthropic(api_key="k") as other:
        yield Sdks(one, other)


def gpt(kind: str | None, code: str | None = None, message: str = "No.") -> Any:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def claude(kind: str, message: str = "No.", code: str | None = None) -> Any:
    details = {"details": {"error_code": code}} if code else {}
    return {"type": "error", "error": {"type": kind, "message": message, **details}, "request_id": "req_7429"}


ANSWERED = [
    ("openai", 400, gpt("invalid_request_error"), "BadRequestError", "bad_request"),
    ("openai", 400, gpt("invalid_request_error", "context_length_exceeded"), "BadRequestError", "context_overflow"),
    ("openai", 401, gpt("invalid_request_error", "invalid_api_key"), "AuthenticationError", "auth"),
    ("openai", 402, gpt("x"), "APIStatusError", "billing"),
    ("openai", 403, gpt("x"), "PermissionDeniedError", "permission"),
    ("openai", 404, gpt("x", "model_not_found"), "NotFoundError", "not_found"),
    ("openai", 408, gpt("x"), "APIStatusError", "timeout"),
    ("openai", 409, gpt("x"), "ConflictError", "bad_request"),
    ("openai", 422, gpt("x"), "UnprocessableEntityError", "bad_request"),
    ("openai", 429, gpt("requests", "rate_limit_exceeded"), "RateLimitError", "rate_limit"),
    ("openai", 429, gpt("insufficient_quota", "insufficient_quota"), "RateLimitError", "quota"),
    ("openai", 500, gpt("server_error"), "InternalServerError", "server_error"),
    ("openai", 503, gpt("server_error", "slow_down"), "InternalServerError", "overloaded"),
    ("openai", 529, "<html>", "InternalServerError", "overloaded"),
    ("anthropic", 400, claude("invalid_request_error"), "BadRequestError", "bad_request"),
    ("anthropic", 401, claude("authentication_error"), "AuthenticationError", "auth"),
    ("anthropic", 402, claude("billing_error"), "PaymentRequiredError", "billing"),
    ("anthropic", 403, claude("permission_error"), "PermissionDeniedError", "permission"),
    ("anthropic", 404, claude("not_found_error"), "NotFoundError", "not_found"),
    ("anthropic", 413, claude("invalid_request_error"), "ContentTooLargeError", "bad_request"),
    ("anthropic", 429, claude("rate_limit_error"), "RateLimitError", "rate_limit"),
    (
        "anthropic",
        429,
        claude("rate_limit_error", code="contract_spend_limit_reached"),
        "ContractSpendLimitReachedError",
        "billing",
    ),
    ("anthropic", 500, claude("api_error"), "InternalServerError", "server_error"),
    ("anthropic", 503, claude("api_error"), "ServiceUnavailableError", "overloaded"),
    ("anthropic", 504, claude("timeout_error"), "GatewayTimeoutError", "timeout"),
    ("anthropic", 529, claude("overloaded_error"), "OverloadedError", "overloaded"),
    # An error event inside a stream that began well.
    ("anthropic", 200, claude("overloaded_error"), "APIStatusError", "overloaded"),
    ("anthropic", 200, claude("rate_limit_error"), "APIStatusError", "rate_limit"),
    ("anthropic", 200, claude("never_heard_of"), "APIStatusError", "unknown"),
]


@pytest.mark.parametrize(("sdk", "status", "body", "name", "cls"), ANSWERED)
def test_what_the_sdks_raise_is_classed_by_status_and_code(
    sdks: Sdks, sdk: str, status: int, body: object, name: str, cls: str
) -> None:
    error = sdks.error(sdk, status, body)
    assert (type(error).__name__, outcome_of_exception(error).cls) == (name, cls)


FOOLING = [
    ("openai", 400, gpt("invalid_request_error", None, "You requested 150429 tokens (rate limit 429)."), "bad_request"),
    ("openai", 400, gpt("x", None, "max_tokens is too large: 65000"), "bad_request"),
    ("openai", 400, gpt("x", None, "Quota project 'q503' is not a valid header"), "bad_request"),
    ("openai", 401, gpt("x", None, "Incorrect API key provided: sk-…4291."), "auth"),
    ("openai", 401, gpt("x", None, "Your request timed out of its rate limit window"), "auth"),
    ("openai", 403, gpt("x", None, "API error: overloaded project not found"), "permission"),
    ("openai", 404, gpt("x", None, "The model `mistral-small-2503` is overloaded or does not exist"), "not_found"),
    ("openai", 404, gpt("x", None, "No connection named `500` in your account"), "not_found"),
    ("openai", 422, gpt("x", None, "unauthorized field: usage limit"), "bad_request"),
    ("openai", 429, gpt("x", None, "API error: connection pool timeout 500"), "rate_limit"),
    ("openai", 429, gpt("x", None, "401 authentication not found"), "rate_limit"),
    ("openai", 500, gpt("server_error", None, "rate limit service returned 429"), "server_error"),
    ("openai", 500, gpt("x", None, "completion_tokens=4290 delivered no content"), "server_error"),
    ("openai", 503, gpt("x", None, "quota backend: connection refused"), "overloaded"),
    ("anthropic", 400, claude("invalid_request_error", "prompt: 150429 tokens > 200000 maximum"), "bad_request"),
    ("anthropic", 400, claude("invalid_request_error", "missing content array; rate limit; timeout"), "bad_request"),
    ("anthropic", 401, claude("authentication_error", "quota exceeded for key 429"), "auth"),
    ("anthropic", 404, claude("not_found_error", "model: claude-timeout-500"), "not_found"),
    ("anthropic", 500, claude("api_error", "API error 404: usage limit not found"), "server_error"),
    ("anthropic", 529, claude("overloaded_error", "rate limit, request_id req_7429"), "overloaded"),
    ("anthropic", 200, claude("overloaded_error", "429 rate limit quota"), "overloaded"),
]


@pytest.mark.parametrize(("sdk", "status", "body", "cls"), FOOLING)
def test_no_message_text_decides(sdks: Sdks, sdk: str, status: int, body: object, cls: str) -> None:
    assert outcome_of_exception(sdks.error(sdk, status, body)).cls == cls


@pytest.mark.parametrize(
    ("error", "cls"),
    [
        (OwnError("429 Too Many Requests: rate limit, quota, usage limit"), "unknown"),
        (RuntimeError("Error code: 401 - authentication failed, timed out"), "unknown"),
        (httpx.ConnectError("timed out: 429"), "connection"),
        (httpx2.ReadTimeout("connection reset; 500; overloaded"), "timeout"),
        (httpx2.RemoteProtocolError("Server disconnected, 429 quota"), "connection"),
        (openai.APIError("rate limit 429", NEW, body={"message": "rate limit 429"}), "unknown"),
        (openai.APIConnectionError(message="Request timed out.", request=NEW), "connection"),
    ],
)
def test_no_text_of_an_exception_decides(error: BaseException, cls: str) -> None:
    assert outcome_of_exception(error).cls == cls
