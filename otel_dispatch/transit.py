"""The way of one call through a transport: off as its request leaves, landed as its answer has been heard."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

from . import context
from .departure import told_of
from .dialects import Dialect, dialect_at
from .emit import Flight
from .foreign import foreign_inference
from .guard import succeeds, sure
from .hearing import Hearing
from .instruments import instruments
from .keeper import keeper
from .pins import pins
from .providers import endpoint_at
from .record import UNKNOWN_THINKING, Endpoint, Request
from .vocabulary import ToolFormat, WireFormat

DEFAULT_PORTS = {"https": 443, "http": 80}

RETRY_COUNT = "x-stainless-retry-count"
"""The header in which OpenAI's and Anthropic's SDKs count their own retries."""

Route = tuple[Dialect, str]
Departed = tuple[Dialect, Flight]
Arrive = Callable[[Dialect, Flight, Any], None]
"""What a transport does with the response that a send gave it; may raise what a fault of ours raises."""

Fail = Callable[[Departed, BaseException, tuple[Any, ...], Mapping[str, Any]], None]
"""(departed, error, args, kwargs): ends the flight of a send with these arguments that raised; must not raise."""


@lru_cache(512)
def route_at(target: str) -> Route | None:
    """The dialect that answers at a request's *target*, as sent with or without its query, and its path; or None."""
    path = target.partition("?")[0].rstrip("/")
    dialect = dialect_at(path)
    return None if dialect is None else (dialect, path)


@lru_cache(512)
def route_at_raw(target: bytes) -> Route | None:
    """What `route_at` gives for the *target* as bytes; apart, as Python can be told to refuse to compare the two."""
    return route_at(target.decode("ascii"))


def depart(dialect: Dialect, path: str, host: str, port: int | None, body: bytes, retries: str) -> Departed | None:
    """The flight of a request, or None where it is no model call, or nobody is to hear of it.

    *path* is as sent, *retries* what `RETRY_COUNT` said, or "". May raise what a fault of ours raises.
    """
    asked = dialect.request(body, path)
    if asked is None:
        return None
    flight = take_off(asked, endpoint_at(host, port, dialect.home), body, _count(retries))
    return None if flight is None else (dialect, flight)


def take_off(request: Request, endpoint: Endpoint, body: bytes, resend: int) -> Flight | None:
    """A flight for *request*, or None where nobody is to hear of it: nothing set up, nested, or suppressed.

    What is suppressed gets no span, but one that is open (Logfire suppresses what lies below its own) is told.
    May raise what a fault of ours raises: a transport calls it from within its own guard.
    """
    now = context.here()
    frame = context.current(now)
    if frame.in_flight or (context.is_suppressed(now) and foreign_inference(now, "") is None):
        return None
    tools = instruments()
    if tools is None:
        return None
    if not keeper.is_awake:
        keeper.wake()
    told = told_of(request, endpoint, frame.known, frame.requested, pins(), resend)
    return Flight(tools, now, frame, request, told, body)


def rewritten(flight: Flight, route: Route | None, host: str, port: int | None, body: bytes, retries: str) -> None:
    """Tell of what left in place of the request that *flight* took off with, where hooks of the host's rewrote it.

    In a format that we do not know it is still a call of that model's. May raise what a fault of ours raises.
    """
    was = flight.request
    asked = route[0].request(body, route[1]) if route is not None else None
    if asked is None:
        asked = Request(
            WireFormat.UNKNOWN,
            was.operation,
            was.model,
            UNKNOWN_THINKING,
            ToolFormat.UNKNOWN,
            was.stream,
            was.max_tokens,
        )
    endpoint = endpoint_at(host, port, route[0].home if route is not None else None)
    told = told_of(asked, endpoint, flight.frame.known, flight.frame.requested, pins(), _count(retries))
    flight.retell(asked, told)


def _count(retries: str) -> int:
    return int(retries) if retries.isdecimal() else 0


def failed(departed: Departed, error: BaseException, _: tuple[Any, ...], __: Mapping[str, Any]) -> None:
    """End a flight as the *error* that its send raised says."""
    departed[1].fail(error)


def fly(
    departed: Departed,
    arrive: Arrive,
    wrapped: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    fail: Fail = failed,
) -> Any:
    """Send, and hear what comes of it."""
    dialect, flight = departed
    token = None
    try:
        token = flight.enter()
        response = wrapped(*args, **kwargs)
    except BaseException as error:
        fail(departed, error, args, kwargs)
        raise
    finally:
        flight.leave(token)
    if not succeeds(arrive, dialect, flight, response):
        flight.lose()
    return response


async def afly(
    departed: Departed,
    arrive: Arrive,
    wrapped: Callable[..., Awaitable[Any]],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    fail: Fail = failed,
) -> Any:
    """Send asynchronously, and hear what comes of it."""
    dialect, flight = departed
    token = None
    try:
        token = flight.enter()
        response = await wrapped(*args, **kwargs)
    except BaseException as error:
        fail(departed, error, args, kwargs)
        raise
    finally:
        flight.leave(token)
    if not succeeds(arrive, dialect, flight, response):
        flight.lose()
    return response


class Overheard:
    """What stands between a body that comes in pieces and its reader, who gets each piece unchanged.

    Whoever drops the body unread drops this, too, and so it is noticed. A subclass says in `leave` how it steps aside.
    """

    _is_given_up = False
    _original: Any = None
    """What this is a copy of, which lives on with it and whose end tells."""

    def __init__(self, hearing: Hearing) -> None:
        self.hearing = hearing
        self._inside = False

    def leave(self) -> None:
        """Step aside: all has been heard."""

    def listen(self, passing: Any, decode: Callable[[bytes], bytes]) -> Iterator[bytes]:
        """Hand on what is *passing*, a generator, and hear each piece of it, decoded."""
        hear = sure(self.hearing.through(decode), self.hearing.miss)
        self._inside = True
        try:
            for chunk in passing:
                hear(chunk)
                self._inside = False
                yield chunk
                self._inside = True
        except BaseException as error:
            self.broken(error)
            raise
        else:
            self.hearing.end()
        finally:
            if (close := getattr(passing, "close", None)) is not None:
                close()
            self.leave()

    async def alisten(self, passing: Any, decode: Callable[[bytes], bytes]) -> AsyncIterator[bytes]:
        """Hand on what is *passing*, an asynchronous generator, and hear each piece of it, decoded."""
        hear = sure(self.hearing.through(decode), self.hearing.miss)
        self._inside = True
        try:
            async for chunk in passing:
                hear(chunk)
                self._inside = False
                yield chunk
                self._inside = True
        except BaseException as error:
            self.broken(error)
            raise
        else:
            self.hearing.end()
        finally:
            if (aclose := getattr(passing, "aclose", None)) is not None:
                await aclose()
            self.leave()

    def broken(self, error: BaseException) -> None:
        """Hear that reading failed, which it also does where somebody else closes what is being read."""
        if isinstance(error, GeneratorExit) or (self._is_given_up and isinstance(error, Exception)):
            keeper.aside(self.hearing.close)
        else:
            self.hearing.fail(error)

    def closed(self) -> None:
        """Hear that the body was closed."""
        # A read that is under way tells how it ends: all may have come, or it closes what it finds broken.
        if self._inside:
            self._is_given_up |= not _is_below(sys._getframe(), self._reads)
        else:
            if not self.hearing.is_over:
                keeper.aside(self.hearing.close)
            self.leave()

    _reads = frozenset({listen.__code__, alisten.__code__})

    def __del__(self, aside: Callable[[Callable[[], object]], None] = keeper.aside) -> None:
        # Bound here, as an interpreter that shuts down may have emptied this module.
        hearing: Hearing | None = self.__dict__.get("hearing")
        # An interrupt may strike before there is one.
        if hearing is not None and not hearing.is_over and self._original is None:
            aside(hearing.close)


def _is_below(frame: FrameType | None, codes: frozenset[CodeType]) -> bool:
    while frame is not None and frame.f_code not in codes:
        frame = frame.f_back
    return frame is not None
