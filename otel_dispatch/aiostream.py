"""A stream of aiohttp's while it is overheard: the same object, with ears where bytes are taken out of it."""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any
from weakref import ref

from .guard import guarded
from .hearing import Hearing
from .keeper import keeper


def overhear(response: Any, hearing: Hearing, decode: Callable[[bytes], bytes]) -> None:
    """Hear what the host takes out of *response*'s stream, decoded; may raise what a fault of ours raises.

    The stream changes its class for one that adds nothing but ears. It ends with the last piece that the host takes,
    with what breaks it off, or when nobody can read on; then it has its own class again.
    """
    stream, body = response.content, _Body(response, hearing, decode)
    kind: Any = type(stream)
    stream.__class__ = _listening(kind)
    _bodies[id(stream)] = body


class _Body:
    """What is known of a body that is being read.

    It holds neither the response nor its stream, so that both are collected when they would be without us.
    """

    __slots__ = ("_decode", "_has_come", "_is_cancelled", "_response", "_returned", "hearing")

    def __init__(self, response: Any, hearing: Hearing, decode: Callable[[bytes], bytes]) -> None:
        self.hearing, self._decode = hearing, decode
        self._has_come: bool = response.content.is_eof()
        self._is_cancelled = False
        self._returned = 0
        # Until all has come the stream keeps its response; that goes first, and takes the connection with it.
        self._response: Any = ref(response, self._gone)

    def taken(self, stream: Any, piece: bytes) -> None:
        """Hear a *piece* that the host takes, unless it had put it back."""
        self._is_cancelled = False
        skipped = min(self._returned, len(piece))
        self._returned -= skipped
        self.hearing.piece(self._decode(piece[skipped:] if skipped else piece))
        self._end_if_read(stream)

    def returned(self, _: Any, data: bytes) -> None:
        """Note that the host puts *data* back."""
        self._returned += len(data)

    def come(self, stream: Any) -> None:
        """Note that all has come."""
        self._has_come = True
        self._end_if_read(stream)

    def interrupted(self, stream: Any, error: BaseException) -> None:
        """Hear that a read failed."""
        if isinstance(error, TimeoutError):
            self.hearing.fail(error)
            self._leave(stream)
        else:
            # Whoever cancels a read may read on; only the end of the body tells. The exception itself, kept, would
            # keep the stream.
            self._is_cancelled = isinstance(error, _cancelled_error())

    def broken(self, stream: Any, error: BaseException) -> None:
        """Hear that nothing more can be read."""
        if type(error).__name__ == "ClientConnectionError":
            # What a response that is closed or released tells whoever reads on.
            keeper.aside(self.conclude)
        else:
            self.hearing.fail(error)
        self._leave(stream)

    def conclude(self) -> None:
        """Hear that nobody reads on."""
        if (self.hearing.flight.status or 0) >= 300:
            # The status has said it all: few read what comes with it.
            self.hearing.end()
        elif self._is_cancelled:
            self.hearing.fail(_cancelled_error()())
        else:
            self.hearing.close()

    def _end_if_read(self, stream: Any) -> None:
        if stream.at_eof():
            self.hearing.end()
        if self.hearing.is_over:
            self._leave(stream)

    def _leave(self, stream: Any) -> None:
        self._response = None
        del _bodies[id(stream)]
        stream.__class__ = type(stream).__bases__[-1]

    def _gone(self, _: object) -> None:
        if not self._has_come:
            keeper.aside(self.conclude)


# By the id of their stream, as newer streams have no room for anything of ours.
_bodies: dict[int, _Body] = {}


@guarded
def _tell(tell: Callable[..., None], stream: Any, *args: Any) -> None:
    body = _bodies.get(id(stream))
    if body is not None:
        tell(body, stream, *args)


@cache
def _listening(kind: Any) -> Any:
    class Ears(kind):  # type: ignore[misc]
        __slots__ = ()

        def _read_nowait_chunk(self, *args: Any) -> bytes:
            piece: bytes = super()._read_nowait_chunk(*args)
            _tell(_Body.taken, self, piece)
            return piece

        def unread_data(self, data: bytes) -> None:
            super().unread_data(data)
            _tell(_Body.returned, self, data)

        def _read_nowait(self, *args: Any) -> bytes:
            try:
                pieces: bytes = super()._read_nowait(*args)
            except BaseException as error:
                _tell(_Body.interrupted, self, error)
                raise
            return pieces

        async def _wait(self, *args: Any) -> None:
            try:
                await super()._wait(*args)
            except BaseException as error:
                _tell(_Body.interrupted, self, error)
                raise

        def feed_eof(self) -> None:
            super().feed_eof()
            _tell(_Body.come, self)

        def set_exception(self, error: BaseException, *args: Any) -> None:
            super().set_exception(error, *args)
            _tell(_Body.broken, self, error)

        def __del__(self, bodies: dict[int, _Body] = _bodies, aside: Callable[..., None] = keeper.aside) -> None:
            # Bound here, as an interpreter that shuts down may have emptied this module.
            body = bodies.pop(id(self), None)
            if body is not None and not body.hearing.is_over:
                aside(body.conclude)

    # In everything else, its name too, it is the same.
    for name in ("__doc__", "__module__", "__name__", "__qualname__"):
        setattr(Ears, name, getattr(kind, name))
    return Ears


def _cancelled_error() -> type[BaseException]:
    # aiohttp has imported asyncio long before a stream of its is read; to be there beforehand is not for us.
    found: type[BaseException] = sys.modules["asyncio"].CancelledError
    return found
