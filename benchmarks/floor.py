"""The floor: a wrapper written by hand for one call, which knows every attribute beforehand and puts them on a span."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx2
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

import otel_dispatch

from .wire import SIZES, Wire, whole

PLAIN_SEND = httpx2.Client.send
PLAIN_ASEND = httpx2.AsyncClient.send


@dataclass(frozen=True)
class Words:
    """What is put on a span: its name, the attributes at its start, and those that its end adds."""

    name: str
    start: dict[str, Any]
    end: dict[str, Any]


class Ear(SpanProcessor):
    """Hears the words of each span."""

    def __init__(self) -> None:
        self.heard: list[Words] = []
        self._start: dict[str, Any] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Keep what the span starts with."""
        self._start = dict(span.attributes or {})

    def on_end(self, span: ReadableSpan) -> None:
        """Tell it from what was added."""
        late = {key: value for key, value in (span.attributes or {}).items() if self._start.get(key) != value}
        self.heard.append(Words(span.name, self._start, late))


def recorded(wires: Iterable[Wire]) -> dict[str, Words]:
    """The words of our own span of each wire; otel_dispatch is to be off before and is off afterwards."""
    ear, provider = Ear(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(ear)
    otel_dispatch.instrument(tracer_provider=provider)
    try:
        return {wire.name: _recorded(ear, wire) for wire in wires}
    finally:
        otel_dispatch.uninstrument()


def _recorded(ear: Ear, wire: Wire) -> Words:
    ear.heard.clear()
    with Watched(transport=whole(wire.answer)) as client:
        client.post(wire.url, content=wire.body(SIZES["1 kB"]), headers={"content-type": "application/json"})
    (words,) = ear.heard
    return words


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
    """A client whose `send` opens one span with *words*, and does nothing else."""

    def __init__(self, tracer: Tracer, words: Words, **options: Any) -> None:
        super().__init__(**options)
        self._tracer, self._words = tracer, words

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send *request* inside a span."""
        words = self._words
        span = self._tracer.start_span(words.name, kind=SpanKind.CLIENT, attributes=words.start)
        try:
            response = PLAIN_SEND(self, request, **options)
        except BaseException:
            span.set_status(Status(StatusCode.ERROR))
            span.end()
            raise
        span.set_attributes(words.end)
        span.end()
        return response


class AsyncFloored(httpx2.AsyncClient):
    """Likewise, asynchronous."""

    def __init__(self, tracer: Tracer, words: Words, **options: Any) -> None:
        super().__init__(**options)
        self._tracer, self._words = tracer, words

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send *request* inside a span."""
        words = self._words
        span = self._tracer.start_span(words.name, kind=SpanKind.CLIENT, attributes=words.start)
        try:
            response = await PLAIN_ASEND(self, request, **options)
        except BaseException:
            span.set_status(Status(StatusCode.ERROR))
            span.end()
            raise
        span.set_attributes(words.end)
        span.end()
        return response
