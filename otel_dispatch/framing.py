"""How a body that comes in pieces is split into the data of its events, by its content type."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from .eventstream import Messages
from .pattern import Pattern, pattern_of
from .sse import Lines

EVENTS: Final = "text/event-stream"


class Framing(Protocol):
    """Splits chunks that may end anywhere into the data of events; keeps only the unfinished rest."""

    overrun: bool
    """Whether an event was too large to keep, so that nothing after it is heard."""

    def events(self, chunk: bytes) -> Iterable[bytes]:
        """The data of each event that *chunk* completes."""
        ...

    def end(self) -> Iterable[bytes]:
        """What the body's end completes."""
        ...

    def pattern(self, chunk: bytes, grown: int) -> Pattern | None:
        """What another *chunk* looks like that is one event whole, where this one has grown the text by *grown*."""
        ...


LIMIT: Final = 4 * 1024 * 1024
"""The most bytes that an unfinished line may hold; a larger one is given up, and with it the rest of the body."""


class JsonLines:
    """One JSON value a line (https://github.com/ndjson/ndjson-spec)."""

    __slots__ = ("_more", "_rest", "_size", "overrun")

    def __init__(self) -> None:
        self._rest = b""
        # As in `sse.Lines`: what goes on in one line.
        self._more: list[bytes] = []
        self._size = 0
        self.overrun = False

    def events(self, chunk: bytes) -> Iterable[bytes]:
        """The lines that *chunk* completes."""
        if not self._rest and not self.overrun and chunk.find(b"\n") == len(chunk) - 1:
            # The usual chunk is one whole line.
            line = chunk.strip()
            return (line,) if line else ()
        return self._events(chunk)

    def end(self) -> Iterator[bytes]:
        """A last line that no line break ends."""
        line, self._rest = self._taken().strip(), b""
        if line:
            yield line

    def pattern(self, chunk: bytes, grown: int) -> Pattern | None:
        """As `pattern_of`."""
        return pattern_of(chunk, grown)

    def _events(self, chunk: bytes) -> Iterator[bytes]:
        if self.overrun:
            return
        if self._rest and b"\n" not in chunk:
            self._more.append(chunk)
            self._size += len(chunk)
        else:
            lines = (self._taken() + chunk).split(b"\n")
            self._rest = lines.pop()
            for line in lines:
                if line := line.strip():
                    yield line
        if len(self._rest) + self._size > LIMIT:
            self.overrun, self._rest, self._more = True, b"", []

    def _taken(self) -> bytes:
        more, self._more, self._size = self._more, [], 0
        return b"".join((self._rest, *more)) if more else self._rest


_FRAMINGS: Final[dict[str, Callable[[], Framing]]] = {
    EVENTS: Lines,
    "application/x-ndjson": JsonLines,
    "application/ndjson": JsonLines,
    "application/jsonl": JsonLines,
    "application/stream+json": JsonLines,  # Cohere's version 1
    "application/vnd.amazon.eventstream": Messages,
}


def framing_of(content_type: str) -> Framing | None:
    """The framing of a body of this *content_type*, or None where it is read as a whole."""
    made = _FRAMINGS.get(content_type) or _FRAMINGS.get(content_type.partition(";")[0].strip().lower())
    return made() if made is not None else None
