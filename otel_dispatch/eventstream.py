"""Bytes of an ``application/vnd.amazon.eventstream`` body → its messages, each as a JSON object named by its type.

The encoding: https://smithy.io/2.0/aws/amazon-eventstream.html.
"""

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from struct import Struct
from typing import Final
from zlib import crc32

LIMIT: Final = 4 * 1024 * 1024
"""The most bytes that a message may have; a larger one is given up, and with it the rest of the body."""

_PRELUDE: Final = Struct("!III")  # the length of all, the length of the headers, a checksum of the two
_SUM: Final = Struct("!I")
_LENGTH: Final = Struct("!H")
_MOST_HEADERS: Final = 128 * 1024
_AROUND: Final = _PRELUDE.size + _SUM.size

# What the values of a header hold by their type: true, false, byte, short, integer, long, timestamp, UUID.
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_BYTES, _TEXT = 6, 7

_CODES: Final = {"exception": ":exception-type", "error": ":error-code"}


class _GarbledError(ValueError):
    """A message is not what its lengths and checksums say."""


class Messages:
    """Splits chunks that may end anywhere; keeps only the unfinished rest, and nothing after a garbled message."""

    __slots__ = ("_rest", "overrun")

    def __init__(self) -> None:
        self._rest = bytearray()
        self.overrun = False

    def events(self, chunk: bytes) -> Iterator[bytes]:
        """``{"<event type>": <payload>}`` of each event that *chunk* completes, ``{"error": …}`` of each exception."""
        if self.overrun:
            return
        self._rest += chunk
        try:
            while (message := self._next()) is not None:
                yield from _data_of(message)
        except _GarbledError:
            self.overrun = True
            self._rest.clear()

    def end(self) -> Iterable[bytes]:
        """Nothing: a message that is not all there says nothing."""
        self._rest.clear()
        return ()

    def _next(self) -> bytes | None:
        rest = self._rest
        if len(rest) < _PRELUDE.size:
            return None
        total, headers, checksum = _PRELUDE.unpack_from(rest)
        if crc32(rest[:8]) != checksum or headers > _MOST_HEADERS or not headers + _AROUND <= total <= LIMIT:
            raise _GarbledError
        if len(rest) < total:
            return None
        message = bytes(rest[:total])
        del rest[:total]
        return message


def _data_of(message: bytes) -> Iterator[bytes]:
    body, checksum = message[: -_SUM.size], message[-_SUM.size :]
    if _SUM.pack(crc32(body)) != checksum:
        raise _GarbledError
    end = _PRELUDE.size + _PRELUDE.unpack_from(body)[1]
    headers = _headers_in(body[_PRELUDE.size : end])
    kind = headers.get(":message-type")
    if kind in _CODES:
        # The code alone: what such a message says beside it is text.
        yield json.dumps({"error": {"code": headers.get(_CODES[kind], "")}}).encode()
    elif (name := headers.get(":event-type")) is not None:
        yield b"{%b:%b}" % (json.dumps(name).encode(), body[end:] or b"{}")


def _headers_in(block: bytes) -> Mapping[str, str]:
    found: dict[str, str] = {}
    names, at = set(), 0
    try:
        while at < len(block):
            name, at = _cut(block, at + 1, block[at])
            kind, at = block[at], at + 1
            size = _SIZES.get(kind)
            if kind in (_BYTES, _TEXT):
                (size,), at = _LENGTH.unpack_from(block, at), at + _LENGTH.size
            if size is None or (title := name.decode()) in names:
                raise _GarbledError
            names.add(title)
            value, at = _cut(block, at, size)
            if kind == _TEXT:
                found[title] = value.decode()
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise _GarbledError from error
    return found


def _cut(block: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(block):
        raise IndexError
    return block[at : at + size], at + size
