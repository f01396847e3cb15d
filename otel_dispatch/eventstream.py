"""Bytes of an ``application/vnd.amazon.eventstream`` body → its messages, each as a JSON object named by its type.

The encoding: https://smithy.io/2.0/aws/amazon-eventstream.html.
"""

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from struct import Struct
from typing import Final
from zlib import crc32

from .pattern import Pattern, pattern_of

LIMIT: Final = 4 * 1024 * 1024
"""The most bytes that a message may have; a larger one is given up, and with it the rest of the body."""

_PRELUDE: Final = Struct("!III")  # the length of all, the length of the headers, a checksum of the two
_SUM: Final = Struct("!I")
_LENGTH: Final = Struct("!H")
_MOST_HEADERS: Final = 128 * 1024
_START: Final = _PRELUDE.size
_AROUND: Final = _START + _SUM.size
_FEW: Final = 256

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

    def events(self, chunk: bytes) -> Iterable[bytes]:
        """``{"<event type>": <payload>}`` of each event that *chunk* completes, ``{"error": …}`` of each exception."""
        if not (self._rest or self.overrun) and len(chunk) > _START:
            try:
                total, end = _lengths_in(chunk[:_START])
                # The usual chunk is one whole message.
                if total == len(chunk):
                    return _data_of(chunk, end)
            except _GarbledError:
                self.overrun = True
        return self._events(chunk)

    def end(self) -> Iterable[bytes]:
        """Nothing: a message that is not all there says nothing."""
        self._rest.clear()
        return ()

    def pattern(self, chunk: bytes, grown: int) -> Pattern | None:
        """As `pattern_of`, of what lies between the lengths and the checksum; to take a length, no sum is needed."""
        alike = pattern_of(chunk[_START : -_SUM.size], grown)
        if alike is None:
            return None

        grown_by = alike.grown

        def of_message(other: bytes) -> int:
            if len(other) < _AROUND or _PRELUDE.unpack_from(other)[0] != len(other):
                return -1
            return grown_by(other[_START : -_SUM.size])

        return Pattern(of_message, alike.counts)

    def _events(self, chunk: bytes) -> Iterator[bytes]:
        if self.overrun:
            return
        self._rest += chunk
        try:
            while (data := self._next()) is not None:
                yield from data
        except _GarbledError:
            self.overrun = True
            self._rest.clear()

    def _next(self) -> tuple[bytes, ...] | None:
        rest = self._rest
        if len(rest) < _START:
            return None
        total, end = _lengths_in(bytes(rest[:_START]))
        if len(rest) < total:
            return None
        message = bytes(rest[:total])
        del rest[:total]
        return _data_of(message, end)


# The messages of a stream differ little in their lengths, and less in their headers.
@lru_cache(256)
def _lengths_in(prelude: bytes) -> tuple[int, int]:
    """How long a message is, and where its headers end."""
    total, headers, checksum = _PRELUDE.unpack(prelude)
    if crc32(prelude[:8]) != checksum or headers > _MOST_HEADERS or not headers + _AROUND <= total <= LIMIT:
        raise _GarbledError
    return total, _START + headers


def _data_of(message: bytes, end: int) -> tuple[bytes, ...]:
    stop = len(message) - _SUM.size
    if crc32(message[:stop]) != _SUM.unpack_from(message, stop)[0]:
        raise _GarbledError
    block = message[_START:end]
    told, is_event = _said_in(block) if end < _FEW else _told_in(block)
    if is_event:
        return (told + (message[end:stop] or b"{}") + b"}",)
    return (told,) if told else ()


def _told_in(block: bytes) -> tuple[bytes, bool]:
    """What the headers of a message tell: all that is to be told, or what stands before the payload of an event."""
    headers = _headers_in(block)
    kind = headers.get(":message-type")
    if kind in _CODES:
        # The code alone: what such a message says beside it is text.
        return json.dumps({"error": {"code": headers.get(_CODES[kind], "")}}).encode(), False
    name = headers.get(":event-type")
    return (b"", False) if name is None else (b"{%b:" % json.dumps(name).encode(), True)


_said_in = lru_cache(64)(_told_in)


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
