"""aiohttp: `ClientSession._request`, and what it builds to be sent; a body is overheard as the host takes it."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from io import BytesIO
from typing import Any, Final

from .. import context
from ..aiostream import overhear
from ..dialects import Dialect
from ..emit import Flight
from ..guard import succeeds, swallow
from ..hearing import Hearing, as_is
from ..instruments import is_armed
from ..seam import Seam
from ..transit import RETRY_COUNT, Departed, depart, rewritten, route_at

_DECODED: Final = frozenset({"br", "deflate", "gzip", "zstd"})
"""The content encodings that aiohttp itself takes off, unless it is told not to."""


class _Call:
    """One call of a session until its response is there: the latest request it makes, what departed, and as what."""

    __slots__ = ("departed", "first", "made", "token")

    def __init__(self) -> None:
        self.departed: Departed | None = None
        self.first: tuple[Any, Any, Any] = (None, None, None)
        self.made: Any = None
        self.token: Any = None


_under_way: ContextVar[_Call | None] = ContextVar("otel_dispatch_aiohttp", default=None)


def request(wrapped: Callable[..., Any], session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Watch a request; what is no model call keeps the very coroutine it had."""
    if swallow("aiohttp.request", _may_be_model_call, args, kwargs):
        return _request(wrapped, session, args, kwargs)
    # What the host's own hooks and middlewares fetch for a call, a token say, is none of its requests.
    return wrapped(*args, **kwargs) if _under_way.get() is None else _beside(wrapped, args, kwargs)


def build(wrapped: Callable[..., None], made: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Depart as a call's first request is built, with all that will be sent; those of its redirects are no others."""
    wrapped(*args, **kwargs)
    call = _under_way.get()
    # Without a session it is the connector's, which asks a proxy for a tunnel.
    if call is not None and kwargs.get("session") is not None:
        swallow("aiohttp.build", _built, call, made)


def _may_be_model_call(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    method = args[0] if args else kwargs.get("method")
    if (method != "POST" and str(method).upper() != "POST") or not is_armed():
        return False
    return _has_route(args[1] if len(args) > 1 else kwargs.get("str_or_url"))


@lru_cache(512)
def _has_route(url: Any) -> bool:
    path = url.partition("#")[0] if isinstance(url, str) else getattr(url, "raw_path", "")
    # A session with a base address takes the mere end of a path.
    return route_at("/" + path) is not None


def _built(call: _Call, made: Any) -> None:
    call.made = made
    if call.departed is None and made.method == "POST":
        call.departed = _depart(made)
        if call.departed is not None:
            call.first = made, made.url, made.body
            call.token = call.departed[1].enter()


def _depart(made: Any) -> Departed | None:
    url = made.url
    route = route_at(url.raw_path)
    if route is None:
        return None
    return depart(*route, url.raw_host, url.port, _body_of(made.body), made.headers.get(RETRY_COUNT, ""))


def _retell(call: _Call, departed: Departed, made: Any) -> None:
    url, flight = made.url, departed[1]
    route = route_at(url.raw_path)
    if route is not None:
        call.departed = route[0], flight
    rewritten(flight, route, url.raw_host, url.port, _body_of(made.body), made.headers.get(RETRY_COUNT, ""))


def _body_of(body: Any) -> bytes:
    value = getattr(body, "_value", body)
    if isinstance(value, BytesIO) and not value.closed:
        start = getattr(body, "_start_position", None)
        return bytes(value.getbuffer()[value.tell() if start is None else start :])
    # A body that is sent from a generator or a file cannot be read without taking it from the host.
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b""


async def _request(wrapped: Callable[..., Any], session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    call = _Call()
    watch = _under_way.set(call)
    try:
        response = await wrapped(*args, **kwargs)
    except BaseException as error:
        _end(call, _fail, call.made, error)
        raise
    finally:
        context.detach(call.token)
        context.detach(watch)
    _end(call, _arrive, response, session, kwargs)
    return response


async def _beside(wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    watch = _under_way.set(None)
    try:
        return await wrapped(*args, **kwargs)
    finally:
        context.detach(watch)


def _end(call: _Call, hear: Callable[..., None], *args: Any) -> None:
    if call.departed is None:
        return
    made, url, body = call.first
    # A middleware of the host's writes to the request itself.
    if made.url is not url or made.body is not body:
        swallow("aiohttp.retell", _retell, call, call.departed, made)
    if not succeeds(hear, *call.departed, *args):
        call.departed[1].lose()


def _fail(dialect: Dialect, flight: Flight, made: Any, error: BaseException) -> None:
    # Where the host has a status raise, it is still an answer that came.
    response = made.response
    status = response.status if response is not None else None
    if status is not None:
        flight.answered(status, response.raw_headers)
    if status is None or status < 300:
        flight.fail(error)
    elif response._body is not None:
        _hearing(dialect, flight, response).whole(response._body)
    else:
        flight.arrive()


def _arrive(dialect: Dialect, flight: Flight, response: Any, session: Any, kwargs: Mapping[str, Any]) -> None:
    flight.answered(response.status, response.raw_headers)
    hearing, stream = _hearing(dialect, flight, response), response.content
    if response._body is not None:
        hearing.whole(response._body)
    elif (error := stream.exception()) is not None:
        # What came with the head has broken it already: whoever reads is told so, and reads nothing.
        flight.arrive() if response.status >= 300 else flight.fail(error)
    elif not stream.at_eof():
        flight.stream()
        overhear(response, hearing, _decoder(hearing, response, session, kwargs.get("auto_decompress")))
    elif stream.total_bytes:
        # A hook of the host's has taken it all before we could hear it.
        flight.reply.unread = True
        flight.arrive()
    else:
        hearing.whole(b"")


def _hearing(dialect: Dialect, flight: Flight, response: Any) -> Hearing:
    return Hearing(flight, dialect, response.headers.get("content-type", ""))


def _decoder(hearing: Hearing, response: Any, session: Any, wanted: bool | None) -> Callable[[bytes], bytes]:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    is_decoded = session.auto_decompress if wanted is None else wanted
    return as_is if is_decoded and encoding in _DECODED else hearing.decoder(encoding)


SEAMS = (
    Seam("aiohttp.client", "ClientSession._request", request),
    Seam("aiohttp.client_reqrep", "ClientRequest.__init__", build),
)
