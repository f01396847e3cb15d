"""Bytes of a ``text/event-stream`` body → the data of its events (WHATWG HTML, section 9.2)."""

from collections.abc import Iterable, Iterator

LIMIT = 4 * 1024 * 1024
"""The most bytes that an unfinished event may hold; a larger one is given up, and with it the rest of the body."""


class Lines:
    """Splits chunks that may end anywhere; keeps only the unfinished rest."""

    __slots__ = ("_data", "_held", "_rest", "overrun")

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._held = 0
        self.overrun = False

    def events(self, chunk: bytes) -> Iterable[bytes]:
        """The data of each event that *chunk* completes."""
        if not self._rest and not self._data and chunk[-2:] == b"\n\n" and b"\r" not in chunk:
            # The usual chunk is one whole event: its name, if it has one, and one line of data.
            head, _, data = chunk[:-2].rpartition(b"\n")
            if data[:6] == b"data: " and (not head or (head[:6] == b"event:" and b"\n" not in head)):
                return (data[6:],)
        return self._events(chunk)

    def _events(self, chunk: bytes) -> Iterator[bytes]:
        if self.overrun:
            return
        if self._rest:
            chunk = self._rest + chunk
        if b"\r" in chunk:
            held = chunk.endswith(b"\r")
            chunk = chunk[: -1 if held else None].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + b"\r" * held
        lines = chunk.split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
                self._held += len(line)
            elif not line and self._data:
                yield self._flush()
        if len(self._rest) + self._held > LIMIT:
            self.overrun, self._rest, self._data = True, b"", []

    def end(self) -> Iterator[bytes]:
        """What the body's end completes: some servers leave the last blank line out."""
        if self._rest.startswith(b"data:"):
            self._data.append(self._rest[5:].strip())
        self._rest = b""
        if self._data:
            yield self._flush()

    def _flush(self) -> bytes:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data, self._held = [], 0
        return data
