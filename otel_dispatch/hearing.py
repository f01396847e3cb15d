"""What a transport overhears of an answer: bytes in, facts to the flight, the end exactly once."""

from collections.abc import Callable

from .dialects import Dialect
from .emit import Flight
from .framing import EVENTS, Framing, framing_of
from .guard import guarded, succeeds
from .pattern import Grown
from .unpacking import Unpack, unpacker

LIMIT = 32 * 1024 * 1024
"""The most bytes of a whole body that comes in pieces that are kept to be read; of a larger one nothing is told."""

_EVENTS = (b"data:", b"event:", b"id:", b"retry:", b":")
_MARK = b"\xef\xbb\xbf"
"""The byte order mark, with which a text may begin and which is none of it."""

_PATIENCE = 4
"""How many patterns in a row may fit no event until no more are made."""


class Hearing:
    """Listens to the decoded body of one answer, whole or in pieces."""

    __slots__ = (
        "_body",
        "_counts",
        "_dialect",
        "_event",
        "_grown",
        "_last",
        "_lines",
        "_reply",
        "_size",
        "_unfit",
        "_unpack",
        "flight",
    )

    _grown: Grown | None
    _last: tuple[bytes, int] | None

    def __init__(self, flight: Flight, dialect: Dialect, content_type: str) -> None:
        self.flight, self._reply, self._dialect, self._event = flight, flight.reply, dialect, dialect.event
        self._lines = framing_of(content_type)
        self._body: list[bytes] = []
        self._size = -1
        self._grown = self._last = None
        self._counts = False
        self._unfit = 0
        self._unpack: Unpack | None = None

    def whole(self, body: bytes) -> None:
        """Hear a body that is all there; may raise what a fault of ours raises."""
        if self._lines is None and not body.removeprefix(_MARK).startswith(_EVENTS):
            self.flight.read(self._dialect.reply, body)
            self.flight.arrive()
        else:
            self.piece(body)
            self.end()

    def piece(self, chunk: bytes) -> None:
        """Hear one piece; the piece that carries the end of the answer ends the flight before the host has it."""
        if not succeeds(self.hear, chunk):
            self.miss()

    def through(self, decode: Callable[[bytes], bytes]) -> Callable[[bytes], None]:
        """What hears a piece that *decode* decodes, as `hear` does."""
        return self.hear if decode is as_is else lambda chunk: self.hear(decode(chunk))

    def miss(self) -> None:
        """Note that a piece could not be heard."""
        self._grown = None
        self._reply.unread = True

    def hear(self, chunk: bytes) -> None:
        """Hear one piece, as `piece` does; may raise what a fault of ours raises."""
        reply = self._reply
        if (grown_by := self._grown) is not None:
            if (grown := grown_by(chunk)) >= 0:
                reply.content_len += grown
                self._unfit = 0
                if self._counts:
                    self._last = chunk, grown
                return
            self._catch_up()
            self._grown = None
        if self._size < 0:
            chunk = self._begin(chunk)
        if (lines := self._lines) is None:
            self._keep(chunk)
            return
        before, events = reply.content_len, lines.events(chunk)
        for data in events:
            self._event(data, reply)
        if reply.done or reply.failed:
            self.flight.arrive()
        elif self._unfit < _PATIENCE and type(events) is tuple:
            self._learn(lines, chunk, reply.content_len - before)

    def _learn(self, lines: Framing, chunk: bytes, grown: int) -> None:
        # Only once there was text, or what is none, does more of it say nothing else.
        if self._reply.blank if grown else not self._reply.committed:
            return
        self._unfit += 1
        if (pattern := lines.pattern(chunk, grown)) is not None:
            self._grown, self._counts = pattern
            if pattern.counts:
                self.flight.catch_up = self._catch_up

    def _catch_up(self) -> None:
        """Read the last of the events that count what was used so far, of which only the length was taken."""
        if (last := self._last) is not None and self._lines is not None:
            self._last, (chunk, grown) = None, last
            self._reply.content_len -= grown
            for data in self._lines.events(chunk):
                self._event(data, self._reply)

    def _begin(self, chunk: bytes) -> bytes:
        self._size = 0
        self.flight.first_byte()
        chunk = chunk.removeprefix(_MARK)
        if self._lines is None and chunk.startswith(_EVENTS):
            # Some servers stream events under no content type, or a wrong one.
            self._lines = framing_of(EVENTS)
        return chunk

    @guarded
    def end(self) -> None:
        """Hear that the body has come to its end; safe to call twice."""
        reply = self._reply
        if self._unpack is not None and self._unpack.is_bomb:
            self._size, reply.unread = LIMIT + 1, True
        if self._lines is None:
            if self._size <= LIMIT:
                self.flight.read(self._dialect.reply, b"".join(self._body))
                self._size = LIMIT + 1
        else:
            for data in self._lines.end():
                self.flight.read(self._event, data)
            reply.unread |= self._lines.overrun
            reply.malformed = not (reply.done or reply.finish or reply.unread)
        self._body = []
        self.flight.arrive()

    def decoder(self, encoding: str) -> Callable[[bytes], bytes]:
        """What turns raw pieces in a content *encoding* into the pieces to hear; of an unknown one nothing is told."""
        encoding = encoding.strip().lower()
        if encoding in ("", "identity"):
            return as_is
        if (unpack := unpacker(encoding)) is not None:
            self._unpack = unpack
            return unpack
        self._lines, self._size = None, LIMIT + 1
        self._reply.unread = True
        return as_is

    def fail(self, error: BaseException) -> None:
        """Hear that reading failed with *error*."""
        self.flight.fail(error)

    @property
    def is_over(self) -> bool:
        """Whether the end of the answer has been heard."""
        return self.flight.has_ended

    def close(self) -> None:
        """Hear that nobody reads on; a status that refuses, and what is no text, have said it all by then."""
        if (self.flight.status or 0) >= 300 or (self._unpack is not None and self._unpack.is_broken):
            self.end()
            return
        # Who reads by lines may leave at the last line of an event, before the blank one that ends it.
        for data in self._lines.end() if self._lines is not None else ():
            self.flight.read(self._event, data)
        self.flight.abandon()

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size <= LIMIT:
            self._body.append(chunk)
        elif self._body:
            self._body = []
            self._reply.unread = True


def as_is(chunk: bytes) -> bytes:
    """*chunk*, which is in no encoding."""
    return chunk
