"""The floor: a wrapper written by hand for one call, which knows every attribute beforehand and puts them on a span."""

from typing import Any

import httpx2
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from otel_dispatch import attributes as a

from .wires import CHAT, MAX_TOKENS, MESSAGES, RESPONSES, TEXT, USAGE, Wire

Words = dict[str, Any]

PLAIN_SEND = httpx2.Client.send
PLAIN_ASEND = httpx2.AsyncClient.send


class Plain(httpx2.Client):
    """A client that nobody instruments."""

    send = PLAIN_SEND


class AsyncPlain(httpx2.AsyncClient):
    """Likewise, asynchronous."""

    send = PLAIN_ASEND


class Watched(httpx2.Client):
    """A client whose `send` is what the library's is now: ours, where otel_dispatch is on."""


class AsyncWatched(httpx2.AsyncClient):
    """Likewise, asynchronous."""


class Floored(httpx2.Client):
    """A client whose `send` opens one span with the words of *wire*, and does nothing else."""

    def __init__(self, tracer: Tracer, wire: Wire, **options: Any) -> None:
        super().__init__(**options)
        self._tracer, self._name = tracer, f"chat {wire.model}"
        self._start, self._end = start_words(wire), end_words(wire)

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send *request* inside a span."""
        span = self._tracer.start_span(self._name, kind=SpanKind.CLIENT, attributes=self._start)
        try:
            response = PLAIN_SEND(self, request, **options)
        except BaseException:
            span.set_status(Status(StatusCode.ERROR))
            span.end()
            raise
        span.set_attributes(self._end)
        span.end()
        return response


class AsyncFloored(httpx2.AsyncClient):
    """Likewise, asynchronous."""

    def __init__(self, tracer: Tracer, wire: Wire, **options: Any) -> None:
        super().__init__(**options)
        self._tracer, self._name = tracer, f"chat {wire.model}"
        self._start, self._end = start_words(wire), end_words(wire)

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send *request* inside a span."""
        span = self._tracer.start_span(self._name, kind=SpanKind.CLIENT, attributes=self._start)
        try:
            response = await PLAIN_ASEND(self, request, **options)
        except BaseException:
            span.set_status(Status(StatusCode.ERROR))
            span.end()
            raise
        span.set_attributes(self._end)
        span.end()
        return response


def start_words(wire: Wire) -> Words:
    """The attributes that otel_dispatch gives a span of *wire* at its start."""
    words: Words = {
        a.OPERATION: "chat",
        a.KIND: "llm_call",
        a.PROVIDER: wire.provider,
        a.MODEL: wire.model,
        a.WIRE_FORMAT: str(wire.wire_format),
        a.TOOL_FORMAT: "none",
        a.BASE_URL_HOST: wire.host,
        a.PROVENANCE_PROVIDER: "catalog_default",
        a.PROVENANCE_MODEL: "unknown",
        a.PROVENANCE_WIRE_FORMAT: "unknown" if wire is RESPONSES else "catalog_default",
        a.PROVENANCE_THINKING: "catalog_default",
        a.PROVENANCE_TOOL_FORMAT: "unknown",
        a.INHERITED: False,
        a.INHERITED_FIELDS: "",
        a.THINKING_MODE: "provider_default",
        a.PROVIDER_NAME: wire.provider,
        a.PEER_SERVICE: wire.provider,
        a.SERVICE_PEER_NAME: wire.provider,
        a.REQUEST_STREAM: False,
        a.REQUEST_MODEL: wire.model,
        a.SERVER_ADDRESS: wire.host,
        a.SERVER_PORT: 443,
    }
    if wire is MESSAGES:
        words[a.REQUEST_MAX_TOKENS] = MAX_TOKENS
    else:
        words[a.OPENAI_API_TYPE] = "responses" if wire is RESPONSES else "chat_completions"
    return words


def end_words(wire: Wire) -> Words:
    """The attributes that otel_dispatch adds when the answer of *wire* has been heard."""
    words: Words = {
        a.RESPONSE_MODEL: wire.model,
        a.RESPONSE_ID: wire.reply_id,
        a.RESPONSE_FINISH_REASONS: [wire.stop],
        a.USAGE_INPUT: USAGE[0],
        a.USAGE_OUTPUT: USAGE[1],
        a.USAGE_CACHE_READ: 0,
        a.OUTCOME_KIND: "served",
        a.OUTCOME_TOKENS: USAGE[1],
        a.OUTCOME_CONTENT_LEN: len(TEXT),
        a.HTTP_STATUS: wire.answer.status,
    }
    if wire is not MESSAGES:
        words[a.USAGE_REASONING] = 0
    if wire is not CHAT:
        words[a.USAGE_CACHE_WRITE] = 0
    return words
