"""Bytes of a ``text/event-stream`` body → the data of its events (WHATWG HTML, section 9.2)."""

from collections.abc import Iterator

LIMIT = 4 * 1024 * 1024
"""The most bytes that one unfinished event may hold; a larger one is given up, and with it the rest of the body."""


class Lines:
    """Splits chunks that may end anywhere; keeps only the unfinished rest."""

    __slots__ = ("_data", "_rest", "overrun")

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self.overrun = False

    def events(self, chunk: bytes) -> Iterator[bytes]:
        """The data of each event that *chunk* completes."""
        if self.overrun:
            return
        if self._rest:
            chunk = self._rest + chunk
        if b"\r" in chunk:
            held = chunk.endswith(b"\r")
            chunk = chunk[: -1 if held else None].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + b"\r" * held
        lines = chunk.split(b"\n")
        self._rest = lines.pop()
        self.overrun = len(self._rest) > LIMIT
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and self._data:
                yield self._flush()

    def end(self) -> Iterator[bytes]:
        """What the body's end completes: some servers leave the last blank line out."""
        if self._rest.startswith(b"data:"):
            self._data.append(self._rest[5:].strip())
        self._rest = b""
        if self._data:
            yield self._flush()

    def _flush(self) -> bytes:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data = []
        return data
