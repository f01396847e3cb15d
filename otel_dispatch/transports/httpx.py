"""httpx and httpx2: `Client.send` and `AsyncClient.send`; bodies that come in pieces are overheard as they pass."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from copy import copy
from functools import lru_cache
from typing import Any

from ..dialects import Dialect
from ..emit import Flight
from ..guard import guarded, succeeds, swallow
from ..hearing import Hearing
from ..instruments import is_armed
from ..outcome import causes_of
from ..seam import Seam
from ..transit import DEFAULT_PORTS, RETRY_COUNT, Departed, Overheard, Route, afly, depart, fly, rewritten, route_at_raw

_RETRY_COUNT = RETRY_COUNT.encode()


def send(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Watch a synchronous send."""
    request = args[0] if args else kwargs.get("request")
    # Most requests of a host are no calls: those are to cost next to nothing.
    departed = _depart(request) if getattr(request, "method", None) == "POST" else None
    return wrapped(*args, **kwargs) if departed is None else fly(departed, _arrive, wrapped, args, kwargs, _failed)


def asend(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Watch an asynchronous send; what is no model call keeps the very coroutine it had."""
    request = args[0] if args else kwargs.get("request")
    route = swallow("httpx.asend", _route_of, request) if getattr(request, "method", None) == "POST" else None
    return wrapped(*args, **kwargs) if route is None else _asend(request, wrapped, args, kwargs)


async def _asend(request: Any, wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    departed = _depart(request)
    if departed is None:
        return await wrapped(*args, **kwargs)
    return await afly(departed, _arrive, wrapped, args, kwargs, _failed)


@guarded
def _depart(request: Any) -> Departed | None:
    route = _route_of(request)
    if route is None:
        return None
    url = request.url
    departed = depart(*route, *_address_of(url), _body_of(request), _retries_of(request.headers.raw))
    if departed is not None:
        departed[1].sent = request, url, getattr(request, "stream", None)
    return departed


def _follow(flight: Flight) -> None:
    # The event hooks of the client and an auth write to the request itself within send, as Cohere's for the clouds do.
    (request, url, stream), flight.sent = flight.sent, None
    if request.url is not url or getattr(request, "stream", None) is not stream:
        address, retries = _address_of(request.url), _retries_of(request.headers.raw)
        rewritten(flight, _route_of(request), *address, _body_of(request), retries)


def _address_of(url: Any) -> tuple[str, int | None]:
    return url.raw_host.decode("ascii"), url.port or DEFAULT_PORTS.get(url.scheme)


def _route_of(request: Any) -> Route | None:
    return route_at_raw(request.url.raw_path) if is_armed() else None


def _retries_of(headers: list[tuple[bytes, bytes]]) -> str:
    # The SDKs spell it so; to ask for it in any case takes as long as all the rest of this.
    for name, value in headers:
        if name == _RETRY_COUNT:
            return value.decode("latin-1")
    return ""


def _body_of(request: Any) -> bytes:
    try:
        content = request.content
    except RuntimeError:
        # A body that is sent from a generator cannot be read without taking it from the host.
        return b""
    return content if isinstance(content, bytes) else b""


def _failed(departed: Departed, error: BaseException, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    swallow("httpx.follow", _follow, departed[1])
    answer = swallow("httpx.failed", _answer_in, error, args[0] if args else kwargs.get("request"))
    if answer is None:
        departed[1].fail(error)
    elif not succeeds(_refuse, *departed, answer):
        departed[1].lose()


def _answer_in(error: BaseException, request: Any) -> Any:
    # Where a hook of the host's has a status raise, that is the answer; what else the hook may ask for is none.
    raised = [vars(cause) for cause in causes_of(error) if type(cause).__name__ == "HTTPStatusError"]
    return next((told.get("response") for told in raised if told.get("_request") is request), None)


def _refuse(dialect: Dialect, flight: Flight, response: Any) -> None:
    flight.answered(response.status_code, response.headers.raw)
    body = _loaded(response)
    if body is None:
        flight.arrive()
    else:
        Hearing(flight, dialect, response.headers.get("content-type", "")).whole(body)


def _loaded(response: Any) -> bytes | None:
    body: bytes | None = getattr(response, "_content", None)
    return body


def _arrive(dialect: Dialect, flight: Flight, response: Any) -> None:
    _follow(flight)
    flight.answered(response.status_code, response.headers.raw)
    body = _loaded(response) if response.is_stream_consumed else None
    if body is not None and body[:1] == b"{":
        flight.read(dialect.reply, body)
        flight.arrive()
        return
    hearing = Hearing(flight, dialect, response.headers.get("content-type", ""))
    if body is not None:
        hearing.whole(body)
        return
    if response.is_stream_consumed:
        # A hook of the host's has taken from it before we could hear it, and nobody can take more.
        flight.reply.unread = True
        flight.arrive()
        return
    flight.stream()
    decode = hearing.decoder(response.headers.get("content-encoding", ""))
    response.stream = _body_like(response.stream.__class__)(response.stream, hearing, decode)


class _Body(Overheard):
    """A response's stream, which the host reads through this one; whoever puts another over it hears it end later.

    On the stream and not on the response: a copy of the response's attributes, as Mistral's telemetry makes one, takes
    the stream along, and a response that is dropped unread is not kept alive by us.
    """

    def __init__(self, stream: Any, hearing: Hearing, decode: Callable[[bytes], bytes]) -> None:
        super().__init__(hearing)
        self._stream, self._decode = stream, decode

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "_stream"), name)

    def __copy__(self) -> Any:
        twin = type(self)(copy(self._stream), self.hearing, self._decode)
        twin._original = self
        return twin

    def __reduce_ex__(self, _: Any) -> Any:
        # Pickled and copied in depth as what it stands for, which nobody of ours listens to.
        return copy, (self._stream,)

    def __iter__(self) -> Iterator[bytes]:
        return self.listen(iter(self._stream), self._decode)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.alisten(aiter(self._stream), self._decode)

    def close(self) -> None:
        # First, as whose span it is may end it with the body.
        self.closed()
        self._stream.close()

    async def aclose(self) -> None:
        self.closed()
        await self._stream.aclose()


@lru_cache(16)
def _body_like(kind: Any) -> type[_Body]:
    # The response asks whether its stream is of the library's own kind, which we do not import.
    bases = tuple(each for each in kind.__mro__ if each.__name__ in ("SyncByteStream", "AsyncByteStream"))
    return type("_Body", (_Body, *bases), {})


SEAMS = tuple(
    Seam(module, path, wrapper)
    for module in ("httpx", "httpx2")
    for path, wrapper in (("Client.send", send), ("AsyncClient.send", asend))
)
