"""urllib3, and with it requests and botocore: each pass through `HTTPConnectionPool.urlopen` is one attempt."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from .. import context
from ..dialects import Dialect
from ..ears import Args, Kwargs, Listener, Read
from ..emit import Flight
from ..guard import guarded, succeeds
from ..hearing import Hearing
from ..instruments import is_armed
from ..seam import Seam
from ..transit import DEFAULT_PORTS, Departed, depart, fly, route_at
from ..trip import Trip, follow, trip_here

# In which botocore counts its own attempts: "attempt=2; max=5".
_ATTEMPT = "amz-sdk-request"
_NUMBER = re.compile(rb"attempt=(\d{1,3})")


def request(wrapped: Callable[..., Any], _: Any, args: Args, kwargs: dict[str, Any]) -> Any:
    """Have a request through a `PoolManager` and the redirects that it follows be one call."""
    method, url = _argument(args, kwargs, 0, "method"), _argument(args, kwargs, 1, "url")
    return follow(method, url, wrapped, args, kwargs)


def urlopen(wrapped: Callable[..., Any], pool: Any, args: Args, kwargs: dict[str, Any]) -> Any:
    """Watch an attempt; urllib3 passes through here again for each retry and for each redirect that it follows."""
    trip = trip_here()
    if trip is None:
        if (args[0] if args else kwargs.get("method")) != "POST" or not is_armed():
            return wrapped(*args, **kwargs)
    elif trip.flying is not None:
        # A redirect that the attempt itself follows, or something that is sent while it is.
        return wrapped(*args, **kwargs)
    departed = _depart(trip, pool, args, kwargs)
    if departed is None:
        return wrapped(*args, **kwargs)
    if trip is not None:
        return _attempt(trip, departed, wrapped, args, kwargs)
    with Trip() as trip:
        return _attempt(trip, departed, wrapped, args, kwargs)


def increment(wrapped: Callable[..., Any], _: Any, args: Args, kwargs: dict[str, Any]) -> Any:
    """Hear how an attempt ended that urllib3 may follow up with another."""
    trip = trip_here()
    if trip is not None:
        succeeds(_end_attempt, trip, _argument(args, kwargs, 2, "response"), _argument(args, kwargs, 3, "error"))
    return wrapped(*args, **kwargs)


@guarded
def _depart(trip: Trip | None, pool: Any, args: Args, kwargs: Kwargs) -> Departed | None:
    if trip is not None and trip.parked is not None:
        return trip.resume()
    route = route_at(_argument(args, kwargs, 1, "url"))
    if route is None or _argument(args, kwargs, 0, "method") != "POST":
        return None
    dialect, path = route
    host, port = pool.host, pool.port or DEFAULT_PORTS.get(pool.scheme)
    if not path.startswith("/"):
        # As it is sent to a proxy, and after some redirects.
        parts = urlsplit(path)
        path, host = parts.path, parts.hostname or host
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, port)
    resends = _resends(trip, _argument(args, kwargs, 3, "headers"))
    # A retry is sent from within the attempt before it, and is no part of that.
    token = context.attach(trip.base) if trip is not None and trip.base is not None else None
    try:
        return depart(dialect, path, host, port, _body_of(_argument(args, kwargs, 2, "body")), str(resends))
    finally:
        context.detach(token)


def _argument(args: Args, kwargs: Kwargs, index: int, name: str) -> Any:
    return args[index] if len(args) > index else kwargs.get(name)


def _resends(trip: Trip | None, headers: Any) -> int:
    told = headers.get(_ATTEMPT) if headers else None
    found = _NUMBER.search(told) if isinstance(told, bytes) else None
    return (trip.sent if trip is not None else 0) + (max(0, int(found[1]) - 1) if found else 0)


def _body_of(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "replace")
    # A body that is sent from a generator or a file cannot be read without taking it from the host.
    return bytes(body) if isinstance(body, bytes | bytearray) else b""


def _attempt(trip: Trip, departed: Departed, wrapped: Callable[..., Any], args: Args, kwargs: dict[str, Any]) -> Any:
    if trip.base is None:
        trip.base = context.here()
    trip.flying = departed
    trip.sent += 1
    try:
        return fly(departed, _arrive, wrapped, args, kwargs)
    finally:
        trip.flying = None


def _arrive(dialect: Dialect, flight: Flight, response: Any) -> None:
    trip = trip_here()
    # The response of a later attempt passes through those before it, which have ended.
    if trip is None or trip.flying is None:
        return
    if response.get_redirect_location():
        flight.answered(response.status, response.headers.items())
        trip.parked = (dialect, flight)
    else:
        _hear(dialect, flight, response)


def _end_attempt(trip: Trip, response: Any, error: BaseException | None) -> None:
    if trip.flying is None:
        return
    dialect, flight = trip.flying
    if error is not None:
        trip.flying = None
        flight.fail(error)
    elif response is not None and not response.get_redirect_location():
        trip.flying = None
        if not succeeds(_hear, dialect, flight, response):
            flight.lose()


def _hear(dialect: Dialect, flight: Flight, response: Any) -> None:
    headers = response.headers
    flight.answered(response.status, headers.items())
    hearing = Hearing(flight, dialect, headers.get("content-type", ""))
    if response.closed:
        hearing.whole(response.data or b"")
    else:
        flight.stream()
        Listener(response, hearing, headers.get("content-encoding", "")).attend(_EARS)


def _read(listener: Listener, response: Any, read: Read, args: Args, kwargs: Kwargs) -> Any:
    return listener.pull(_note, response, read, args, kwargs)


def _read1(listener: Listener, response: Any, read: Read, args: Args, kwargs: Kwargs) -> Any:
    return listener.pull(_note_some, response, read, args, kwargs)


def _note(listener: Listener, response: Any, piece: Any, args: Args, kwargs: Kwargs) -> None:
    amount = _argument(args, kwargs, 0, "amt")
    _note_some(listener, response, piece, args, kwargs, amount is None or amount < 0)


def _note_some(
    listener: Listener, response: Any, piece: Any, args: Args, kwargs: Kwargs, takes_all: bool = False
) -> None:
    is_decoded = _is_decoded(args, kwargs, response.decode_content)
    # The last bytes of a packed body may have come long before they are handed out unpacked; and of its first bytes,
    # nothing may come out.
    is_empty = not piece and _argument(args, kwargs, 0, "amt") != 0
    is_last = takes_all or (response.closed and (is_empty or not (is_decoded and listener.encoding)))
    listener.heard(piece, is_last, listener.decoder(is_decoded))


def _stream(listener: Listener, response: Any, read: Read, args: Args, kwargs: Kwargs) -> Any:
    is_decoded = _is_decoded(args, kwargs, not response.chunked and response.decode_content)
    return listener.iterate(response, read(*args, **kwargs), listener.decoder(is_decoded))


def _read_chunked(listener: Listener, response: Any, read: Read, args: Args, kwargs: Kwargs) -> Any:
    return listener.iterate(response, read(*args, **kwargs), listener.decoder(_is_decoded(args, kwargs, False)))


def _is_decoded(args: Args, kwargs: Kwargs, default: bool) -> bool:
    told = _argument(args, kwargs, 1, "decode_content")
    return bool(default if told is None else told)


_EARS = (
    ("read", _read),
    ("read1", _read1),
    ("stream", _stream),
    ("read_chunked", _read_chunked),
    ("drain_conn", Listener.close),
    ("close", Listener.close),
)

SEAMS = (
    Seam("urllib3", "PoolManager.urlopen", request),
    Seam("urllib3", "HTTPConnectionPool.urlopen", urlopen),
    Seam("urllib3", "Retry.increment", increment),
)
