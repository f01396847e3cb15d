"""Content encodings: what turns the raw pieces of a body into the pieces to hear."""

import sys
import zlib  # noqa: F401 - so that it is loaded
from collections.abc import Callable
from typing import Any, Final

Decode = Callable[[bytes], bytes]

_LEAST_BOMB: Final = 8 * 1024 * 1024
_SWELLS: Final = 64
"""How many bytes one may become; text becomes ten at most, and zeros a thousand."""

_HEADER: Final = 2
"""The bytes of zlib's header, which alone tells whether there is one."""


class Unpack:
    """Decodes what passes; garbage stays garbage to us and is the host's to find.

    ``is_broken`` says that the body was not in the encoding that it claims, ``is_bomb`` that so little of it became so
    much that it is not heard any further.
    """

    def __init__(self, decode: Decode, error: type[Exception]) -> None:
        self._decode, self._error = decode, error
        self.is_broken = self.is_bomb = False

    def __call__(self, chunk: bytes) -> bytes:
        """*chunk*, decoded; nothing once it was found to be garbage, or a bomb."""
        if self.is_broken or self.is_bomb:
            return b""
        try:
            return self._decode(chunk)
        except self._error:
            self.is_broken = True
        except OverflowError:
            self.is_bomb = True
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

    def __call__(self, chunk: bytes) -> bytes:
        """*chunk*, inflated; may raise ``zlib.error``, and ``OverflowError`` where that would be too much."""
        most = max(_LEAST_BOMB, len(chunk) * _SWELLS)
        try:
            inflated = self._stream.decompress(chunk, most)
        except self._codec.error:
            if self._is_sure:
                raise
            # Servers that say "deflate" may mean the bare stream, and clients take both.
            self._stream = self._codec.decompressobj(-self._codec.MAX_WBITS)
            inflated = self._stream.decompress(self._first + chunk, most)
        if self._stream.unconsumed_tail:
            raise OverflowError
        if not self._is_sure:
            self._first += chunk
            self._is_sure = len(self._first) >= _HEADER
        return bytes(inflated)


def _brotli(codec: Any) -> Decode:
    stream = codec.Decompressor()
    # Google's package calls it one way and brotlicffi the other.
    decode: Decode = getattr(stream, "decompress", None) or stream.process
    return decode


def _zstandard(codec: Any) -> Decode:
    decode: Decode = codec.ZstdDecompressor().decompressobj().decompress
    return decode


def _zstd(codec: Any) -> Decode:
    decode: Decode = codec.ZstdDecompressor().decompress
    return decode


_Codecs = tuple[tuple[str, Callable[[Any], Decode], str], ...]
_INFLATE: Final[_Codecs] = (("zlib", _Inflate, "error"),)
_CODECS: Final[dict[str, _Codecs]] = {
    "gzip": _INFLATE,
    "x-gzip": _INFLATE,
    "deflate": _INFLATE,
    "br": (("brotli", _brotli, "error"), ("brotlicffi", _brotli, "error")),
    "zstd": (
        ("zstandard", _zstandard, "ZstdError"),
        ("compression.zstd", _zstd, "ZstdError"),
        ("backports.zstd", _zstd, "ZstdError"),
    ),
}
