"""httpx and httpx2: `Client.send` and `AsyncClient.send`; bodies that come in pieces are overheard as they pass."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache
from typing import Any

from .. import context
from ..dialects import Dialect, dialect_at
from ..emit import Flight, take_off
from ..guard import guarded, succeeds, swallow
from ..hearing import Hearing, as_is
from ..instruments import is_armed
from ..keeper import keeper
from ..providers import endpoint_at
from ..seam import Seam

_DEFAULT_PORTS = {"https": 443, "http": 80}
# OpenAI's and Anthropic's SDKs count their own retries in this header.
_RETRY_COUNT = "x-stainless-retry-count"
_EARS = {False: ("iter_bytes", "iter_raw", "close"), True: ("aiter_bytes", "aiter_raw", "aclose")}


def send(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Watch a synchronous send."""
    request = args[0] if args else kwargs.get("request")
    departed = _depart(request)
    if departed is None:
        return wrapped(*args, **kwargs)
    dialect, flight = departed
    token = flight.enter()
    try:
        response = wrapped(*args, **kwargs)
    except BaseException as error:
        flight.fail(error)
        raise
    finally:
        context.detach(token)
    if not succeeds(_arrive, flight, dialect, response, False):
        flight.lose()
    return response


def asend(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Watch an asynchronous send; what is no model call keeps the very coroutine it had."""
    request = args[0] if args else kwargs.get("request")
    dialect = swallow("httpx.asend", _dialect_of, request)
    return wrapped(*args, **kwargs) if dialect is None else _asend(request, wrapped, args, kwargs)


async def _asend(request: Any, wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    departed = _depart(request)
    if departed is None:
        return await wrapped(*args, **kwargs)
    dialect, flight = departed
    token = flight.enter()
    try:
        response = await wrapped(*args, **kwargs)
    except BaseException as error:
        flight.fail(error)
        raise
    finally:
        context.detach(token)
    if not succeeds(_arrive, flight, dialect, response, True):
        flight.lose()
    return response


@guarded
def _depart(request: Any) -> tuple[Dialect, Flight] | None:
    dialect = _dialect_of(request)
    flight = _take_off(dialect, request) if dialect is not None else None
    return None if dialect is None or flight is None else (dialect, flight)


def _dialect_of(request: Any) -> Dialect | None:
    if request is None or request.method != "POST" or not is_armed():
        return None
    return dialect_at(_path_of(request.url.raw_path))


@lru_cache(256)
def _path_of(raw_path: bytes) -> str:
    return raw_path.partition(b"?")[0].decode("ascii").rstrip("/")


def _take_off(dialect: Dialect, request: Any) -> Flight | None:
    body = _body_of(request)
    asked = dialect.request(body)
    if asked is None:
        return None
    url, retries = request.url, request.headers.get(_RETRY_COUNT, "")
    port = url.port or _DEFAULT_PORTS.get(url.scheme)
    endpoint = endpoint_at(url.raw_host.decode("ascii"), port)
    return take_off(asked, endpoint, body, int(retries) if retries.isdecimal() else 0)


def _body_of(request: Any) -> bytes:
    try:
        content = request.content
    except RuntimeError:
        # A body that is sent from a generator cannot be read without taking it from the host.
        return b""
    return content if isinstance(content, bytes) else b""


def _arrive(flight: Flight, dialect: Dialect, response: Any, is_async: bool) -> None:
    flight.status = response.status_code
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
        _Overheard(response, hearing, is_async)


class _Overheard:
    """Stands between a response and its reader: what the reader takes passes by here, unchanged.

    It lives on the response until that has been read or closed. It holds the response strongly: a weak reference would
    be dead when a garbage collection closes the generators that read from it, and the connection would not be closed.
    A response that is dropped unread is noticed by the end of this.
    """

    def __init__(self, response: Any, hearing: Hearing, is_async: bool) -> None:
        self.response, self._hearing = response, hearing
        self._encoding: str = response.headers.get("content-encoding", "").strip().lower()
        self._reading = self._inside = False
        self._names = _EARS[is_async]
        for name in self._names:
            response.__dict__[name] = _Ear(self, name)

    def iter_bytes(self, original: Callable[..., Iterator[bytes]], *args: Any, **kwargs: Any) -> Iterator[bytes]:
        return self._listen(original(*args, **kwargs), as_is)

    def iter_raw(self, original: Callable[..., Iterator[bytes]], *args: Any, **kwargs: Any) -> Iterator[bytes]:
        passing = original(*args, **kwargs)
        return passing if self._reading else self._listen(passing, self._hearing.decoder(self._encoding))

    def aiter_bytes(
        self, original: Callable[..., AsyncIterator[bytes]], *args: Any, **kwargs: Any
    ) -> AsyncIterator[bytes]:
        return self._alisten(original(*args, **kwargs), as_is)

    def aiter_raw(
        self, original: Callable[..., AsyncIterator[bytes]], *args: Any, **kwargs: Any
    ) -> AsyncIterator[bytes]:
        passing = original(*args, **kwargs)
        return passing if self._reading else self._alisten(passing, self._hearing.decoder(self._encoding))

    def close(self, original: Callable[[], None]) -> None:
        try:
            original()
        finally:
            self._closed()

    async def aclose(self, original: Callable[[], Any]) -> None:
        try:
            await original()
        finally:
            self._closed()

    def __del__(self, aside: Callable[[Callable[[], object]], None] = keeper.aside) -> None:
        # Bound here, as an interpreter that shuts down may have emptied this module.
        if not self._hearing.is_over:
            aside(self._hearing.close)

    def _listen(self, passing: Any, decode: Callable[[bytes], bytes]) -> Iterator[bytes]:
        piece = self._hearing.piece
        self._reading = self._inside = True
        try:
            for chunk in passing:
                piece(decode(chunk))
                self._inside = False
                yield chunk
                self._inside = True
        except BaseException as error:
            self._broken(error)
            raise
        else:
            self._hearing.end()
        finally:
            passing.close()
            self._leave()

    async def _alisten(self, passing: Any, decode: Callable[[bytes], bytes]) -> AsyncIterator[bytes]:
        piece = self._hearing.piece
        self._reading = self._inside = True
        try:
            async for chunk in passing:
                piece(decode(chunk))
                self._inside = False
                yield chunk
                self._inside = True
        except BaseException as error:
            self._broken(error)
            raise
        else:
            self._hearing.end()
        finally:
            await passing.aclose()
            self._leave()

    def _broken(self, error: BaseException) -> None:
        if isinstance(error, GeneratorExit):
            keeper.aside(self._hearing.close)
        else:
            self._hearing.fail(error)

    def _closed(self) -> None:
        # A body that ends by itself closes its response from within the read: the read then tells how it ended.
        if not self._inside:
            if not self._hearing.is_over:
                keeper.aside(self._hearing.close)
            self._leave()

    def _leave(self) -> None:
        for name in self._names:
            self.response.__dict__.pop(name, None)


class _Ear:
    """One overheard method of a response; pickles as the method itself."""

    __slots__ = ("_name", "_over")

    def __init__(self, over: _Overheard, name: str) -> None:
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
