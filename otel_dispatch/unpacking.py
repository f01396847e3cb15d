"""Content encodings: what turns the raw pieces of a body into the pieces to hear, within bounds."""

import sys
import zlib  # noqa: F401 - so that it is loaded
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

Decode = Callable[[bytes, int], bytes]
"""Decodes a piece and stops soon after so many bytes have come out: more than them is a bomb, as is `OverflowError`."""

_LEAST_BOMB: Final = 8 * 1024 * 1024
_LEAST_IN_ALL: Final = 32 * 1024 * 1024
"""What a body may become in all, however little it is: as much as is kept of a whole one."""

_SWELLS: Final = 64
"""How many bytes one may become; text becomes ten at most, and zeros a thousand or a million."""

_HEADER: Final = 2
"""The bytes of zlib's header, which alone tells whether there is one."""

_SLICE: Final = 32
"""The bytes that an old brotli is given at once: 16 MiB take it 13 bytes at least, so that 48 MiB come out at most."""

_STEP: Final = 64 * 1024
"""The bytes that a newer brotli gives at once at least."""

_PART: Final = 4096
"""The bytes of frames of zstd that Python's own module is given at once."""

_FRAMES: Final = 1024
_LEAST_FRAME: Final = 32
"""How many frames a body may have whatever its size, and the bytes that each of its others takes on an average."""


class Unpack:
    """Decodes what passes; garbage stays garbage to us and is the host's to find.

    ``is_broken`` says that the body was not in the encoding that it claims, ``is_bomb`` that so little of it became so
    much that it is not heard any further. Of one piece at most 8 MiB come, or 64 times its size where that is more,
    and of a body 32 MiB, or 64 times. Until it stops, a codec has made at most 128 KiB more, or 16
    times the piece, and a brotli below 1.2 at most 48 MiB.
    """

    def __init__(self, decode: Decode, error: type[Exception]) -> None:
        self._decode, self._error = decode, error
        self._taken = self._given = 0
        self.is_broken = self.is_bomb = False

    def __call__(self, chunk: bytes) -> bytes:
        """*chunk*, decoded; nothing once it was found to be garbage, or a bomb."""
        if not chunk:
            return b""
        self._taken += len(chunk)
        in_all = max(_LEAST_IN_ALL, self._taken * _SWELLS) - self._given
        most = min(max(_LEAST_BOMB, len(chunk) * _SWELLS), in_all)
        try:
            unpacked = self._decode(chunk, most)
        except self._error:
            self.is_broken = True
        except OverflowError:
            self.is_bomb = True
        else:
            self.is_bomb |= len(unpacked) > most
        if self.is_broken or self.is_bomb:
            # What the codec still holds is let go.
            self._decode = _nothing
            return b""
        self._given += len(unpacked)
        return unpacked


def _nothing(_chunk: bytes, _most: int) -> bytes:
    return b""


def unpacker(encoding: str) -> Unpack | None:
    """What decodes the content *encoding*, or None where it is unknown or its library is not loaded.

    The host's library decodes the body itself, so that of the codecs that are not Python's own the one it uses is
    there already.
    """
    for module, make, error in _CODECS.get(encoding, ()):
        if (codec := sys.modules.get(module)) is not None:
            return Unpack(make(codec), getattr(codec, error))
    return None


class _Inflate:
    """Inflates gzip and zlib, which it tells apart by their header, and "deflate" that lacks its header."""

    def __init__(self, codec: Any) -> None:
        self._codec, self._first = codec, b""
        self._stream: Any = codec.decompressobj(codec.MAX_WBITS | 32)
        self._is_sure = False

    def __call__(self, chunk: bytes, most: int) -> bytes:
        """*chunk*, inflated; may raise ``zlib.error``."""
        if self._stream.eof:
            # It would keep all that comes behind its end.
            return b""
        try:
            inflated = self._stream.decompress(chunk, most + 1)
        except self._codec.error:
            if self._is_sure:
                raise
            # Servers that say "deflate" may mean the bare stream, and clients take both.
            self._stream = self._codec.decompressobj(-self._codec.MAX_WBITS)
            inflated = self._stream.decompress(self._first + chunk, most + 1)
        if not self._is_sure:
            self._first += chunk
            self._is_sure = len(self._first) >= _HEADER
        return bytes(inflated)


def _brotli(codec: Any) -> Decode:
    stream = codec.Decompressor()
    # Google's package calls it one way and brotlicffi the other.
    decode = getattr(stream, "decompress", None) or stream.process
    has_room = getattr(stream, "can_accept_more_data", None)
    # Versions before 1.2 know no limit.
    return partial(_sliced, decode) if has_room is None else partial(_limited, decode, has_room)


def _limited(decode: Callable[..., bytes], has_room: Callable[[], bool], chunk: bytes, most: int) -> bytes:
    # A limit is what brotlicffi sets aside at each call, and google's package may go to twice of it.
    limit = max(_STEP, len(chunk) * 8)
    pieces = [decode(chunk, output_buffer_limit=limit)]
    room = most - len(pieces[0])
    while room >= 0 and not has_room():
        pieces.append(decode(b"", output_buffer_limit=limit))
        room -= len(pieces[-1])
    if room < 0:
        raise OverflowError
    return b"".join(pieces)


def _sliced(decode: Callable[[bytes], bytes], chunk: bytes, most: int) -> bytes:
    pieces, room = list[bytes](), most
    for place in range(0, len(chunk), _SLICE):
        pieces.append(decode(chunk[place : place + _SLICE]))
        room -= len(pieces[-1])
        if room < 0:
            raise OverflowError
    return b"".join(pieces)


class _Written:
    """Decodes frames of zstd by zstandard, which knows no limit and stops where what it writes to raises."""

    def __init__(self, codec: Any) -> None:
        self._stream: Any = codec.ZstdDecompressor().stream_writer(self)
        self._pieces: list[bytes] = []
        self._room = 0

    def __call__(self, chunk: bytes, most: int) -> bytes:
        """*chunk*, decoded; may raise ``ZstdError``, and ``OverflowError`` where that would be too much."""
        self._room = most
        self._stream.write(chunk)
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    def write(self, piece: bytes) -> int:
        """Take one *piece*, of 128 KiB at most."""
        self._room -= len(piece)
        if self._room < 0:
            raise OverflowError
        self._pieces.append(bytes(piece))
        return len(piece)


class _Frames:
    """Decodes frames of zstd, one behind the other, by Python's own module or its backport."""

    def __init__(self, codec: Any) -> None:
        self._make = codec.ZstdDecompressor
        self._stream: Any = self._make()
        self._room = 0
        self._left = float(_FRAMES)

    def __call__(self, chunk: bytes, most: int) -> bytes:
        """*chunk*, decoded; may raise ``ZstdError``, and ``OverflowError`` where that would be too much."""
        self._room = most + 1
        # What is behind the end of a frame is copied, so that many frames in a large piece would take for ever.
        parts = (chunk[place : place + _PART] for place in range(0, len(chunk), _PART))
        return b"".join(piece for part in parts for piece in self._pieces(part))

    def _pieces(self, part: bytes) -> Iterator[bytes]:
        self._left += len(part) / _LEAST_FRAME
        while part:
            if self._stream.eof:
                self._stream, self._left = self._make(), self._left - 1
            if self._room <= 0 or self._left < 0:
                raise OverflowError
            piece = self._stream.decompress(part, self._room)
            self._room -= len(piece)
            yield piece
            part = self._stream.unused_data if self._stream.eof else b""


_Codecs = tuple[tuple[str, Callable[[Any], Decode], str], ...]
_INFLATE: Final[_Codecs] = (("zlib", _Inflate, "error"),)
_CODECS: Final[dict[str, _Codecs]] = {
    "gzip": _INFLATE,
    "x-gzip": _INFLATE,
    "deflate": _INFLATE,
    "br": (("brotli", _brotli, "error"), ("brotlicffi", _brotli, "error")),
    "zstd": (
        ("zstandard", _Written, "ZstdError"),
        ("compression.zstd", _Frames, "ZstdError"),
        ("backports.zstd", _Frames, "ZstdError"),
    ),
}
