"""Bytes of a ``text/event-stream`` body → the data of its events (WHATWG HTML, section 9.2)."""

from collections.abc import Iterable, Iterator

from .pattern import Pattern, pattern_of

LIMIT = 4 * 1024 * 1024
"""The most bytes that an unfinished event may hold; a larger one is given up, and with it the rest of the body."""

# To look for a byte by its number costs a tenth of what it costs to look for one of length one.
_BREAK, _RETURN = b"\n\r"


class Lines:
    """Splits chunks that may end anywhere; keeps only the unfinished rest."""

    __slots__ = ("_data", "_held", "_is_bare", "_more", "_rest", "overrun")

    def __init__(self) -> None:
        self._rest = b""
        # What goes on in one line: to join it at each chunk would take the square of the line's length.
        self._more: list[bytes] = []
        self._data: list[bytes] = []
        self._held = 0
        self.overrun = self._is_bare = False

    def events(self, chunk: bytes) -> Iterable[bytes]:
        """The data of each event that *chunk* completes."""
        if not (self._rest or self._data or self.overrun) and chunk[-2:] == b"\n\n" and _RETURN not in chunk:
            # The usual chunk is one whole event: its name, if it has one, and one line of data.
            head, _, data = chunk[:-2].rpartition(b"\n")
            if data[:6] == b"data: " and (not head or (head[:6] == b"event:" and _BREAK not in head)):
                return (data[6:],)
        return self._events(chunk)

    def _events(self, chunk: bytes) -> Iterator[bytes]:
        if self.overrun:
            return
        if self._rest:
            if _BREAK not in chunk and _RETURN not in chunk and self._rest[-1] != _RETURN:
                self._more.append(chunk)
                self._held += len(chunk)
                self._bound()
                return
            chunk = self._taken() + chunk
        if b"\r" in chunk:
            held = chunk.endswith(b"\r")
            chunk = chunk[: -1 if held else None].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + b"\r" * held
        lines = chunk.split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line.startswith(b"data:"):
                if self._is_bare:
                    yield self._flush()
                self._keep(line[6:] if line[5:6] == b" " else line[5:])
            elif self._is_bare or (line[:1] == b"{" and not self._data):
                # Google's APIs report an error in mid-stream as bare JSON, laid out over lines to the body's end.
                self._is_bare = True
                self._keep(line)
            elif not line and self._data:
                yield self._flush()
        self._bound()

    def end(self) -> Iterator[bytes]:
        """What the body's end completes: some servers leave the last blank line out."""
        self._rest = self._taken()
        if self._rest.startswith(b"data:"):
            if self._is_bare:
                yield self._flush()
            self._keep(self._rest[5:].strip())
        elif rest := self._rest.rstrip(b"\r") if self._is_bare or self._rest[:1] == b"{" else b"":
            self._keep(rest)
        self._rest = b""
        if self._data:
            yield self._flush()

    def pattern(self, chunk: bytes, grown: int) -> Pattern | None:
        """As `pattern_of`."""
        return pattern_of(chunk, grown)

    def _taken(self) -> bytes:
        if not self._more:
            return self._rest
        more, self._more = self._more, []
        self._held -= sum(map(len, more))
        return b"".join((self._rest, *more))

    def _bound(self) -> None:
        if len(self._rest) + self._held > LIMIT:
            self.overrun, self._rest, self._data, self._more = True, b"", [], []

    def _keep(self, data: bytes) -> None:
        self._data.append(data)
        self._held += len(data) + len(b"data: ")

    def _flush(self) -> bytes:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data, self._held, self._is_bare = [], 0, False
        return data
