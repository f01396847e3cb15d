"""httpx and httpx2: `Client.send` and `AsyncClient.send`; bodies that come in pieces are overheard as they pass."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from ..dialects import Dialect
from ..emit import Flight
from ..guard import guarded, swallow
from ..hearing import Hearing, as_is
from ..instruments import is_armed
from ..seam import Seam
from ..transit import DEFAULT_PORTS, RETRY_COUNT, Departed, Overheard, Route, afly, depart, fly, route_at

_EARS = {False: ("iter_bytes", "iter_raw", "close"), True: ("aiter_bytes", "aiter_raw", "aclose")}


def send(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Watch a synchronous send."""
    departed = _depart(args[0] if args else kwargs.get("request"))
    return wrapped(*args, **kwargs) if departed is None else fly(departed, _arrive, wrapped, args, kwargs)


def asend(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Watch an asynchronous send; what is no model call keeps the very coroutine it had."""
    request = args[0] if args else kwargs.get("request")
    route = swallow("httpx.asend", _route_of, request)
    return wrapped(*args, **kwargs) if route is None else _asend(request, wrapped, args, kwargs)


async def _asend(request: Any, wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    departed = _depart(request)
    if departed is None:
        return await wrapped(*args, **kwargs)
    return await afly(departed, _arrive_async, wrapped, args, kwargs)


@guarded
def _depart(request: Any) -> Departed | None:
    route = _route_of(request)
    if route is None:
        return None
    url = request.url
    return depart(
        *route,
        url.raw_host.decode("ascii"),
        url.port or DEFAULT_PORTS.get(url.scheme),
        _body_of(request),
        request.headers.get(RETRY_COUNT, ""),
    )


def _route_of(request: Any) -> Route | None:
    if request is None or request.method != "POST" or not is_armed():
        return None
    return route_at(request.url.raw_path)


def _body_of(request: Any) -> bytes:
    try:
        content = request.content
    except RuntimeError:
        # A body that is sent from a generator cannot be read without taking it from the host.
        return b""
    return content if isinstance(content, bytes) else b""


def _arrive(dialect: Dialect, flight: Flight, response: Any, is_async: bool = False) -> None:
    flight.answered(response.status_code, response.headers.raw)
    body = response.content if response.is_stream_consumed else None
    if body is not None and body[:1] == b"{":
        flight.read(dialect.reply, body)
        flight.arrive()
        return
    hearing = Hearing(flight, dialect, response.headers.get("content-type", ""))
    if body is not None:
        hearing.whole(body)
    else:
        flight.stream()
        _Response(response, hearing, is_async)


def _arrive_async(dialect: Dialect, flight: Flight, response: Any) -> None:
    _arrive(dialect, flight, response, True)


class _Response(Overheard):
    """Lives on a response until that has been read or closed.

    It holds the response strongly: a weak reference would be dead when a garbage collection closes the generators
    that read from it, and the connection would not be closed.
    """

    def __init__(self, response: Any, hearing: Hearing, is_async: bool) -> None:
        super().__init__(hearing)
        self.response = response
        self._encoding: str = response.headers.get("content-encoding", "").strip().lower()
        self._names = _EARS[is_async]
        for name in self._names:
            response.__dict__[name] = _Ear(self, name)

    def iter_bytes(self, original: Callable[..., Iterator[bytes]], *args: Any, **kwargs: Any) -> Iterator[bytes]:
        return self.listen(original(*args, **kwargs), as_is)

    def iter_raw(self, original: Callable[..., Iterator[bytes]], *args: Any, **kwargs: Any) -> Iterator[bytes]:
        passing = original(*args, **kwargs)
        return passing if self.reading else self.listen(passing, self.hearing.decoder(self._encoding))

    def aiter_bytes(
        self, original: Callable[..., AsyncIterator[bytes]], *args: Any, **kwargs: Any
    ) -> AsyncIterator[bytes]:
        return self.alisten(original(*args, **kwargs), as_is)

    def aiter_raw(
        self, original: Callable[..., AsyncIterator[bytes]], *args: Any, **kwargs: Any
    ) -> AsyncIterator[bytes]:
        passing = original(*args, **kwargs)
        return passing if self.reading else self.alisten(passing, self.hearing.decoder(self._encoding))

    def close(self, original: Callable[[], None]) -> None:
        try:
            original()
        finally:
            self.closed()

    async def aclose(self, original: Callable[[], Any]) -> None:
        try:
            await original()
        finally:
            self.closed()

    def leave(self) -> None:
        for name in self._names:
            self.response.__dict__.pop(name, None)


class _Ear:
    """One overheard method of a response; pickles as the method itself."""

    __slots__ = ("_name", "_over")

    def __init__(self, over: _Response, name: str) -> None:
        self._over, self._name = over, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return getattr(self._over, self._name)(self.__wrapped__, *args, **kwargs)

    def __reduce__(self) -> Any:
        return getattr, (self._over.response, self._name)

    @property
    def __wrapped__(self) -> Any:
        response = self._over.response
        return getattr(type(response), self._name).__get__(response)


SEAMS = tuple(
    Seam(module, path, wrapper)
    for module in ("httpx", "httpx2")
    for path, wrapper in (("Client.send", send), ("AsyncClient.send", asend))
)
