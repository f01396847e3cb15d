"""Content encodings: what turns the raw pieces of a body into the pieces to hear."""

import sys
import zlib  # noqa: F401 - so that it is loaded
from collections.abc import Callable
from typing import Any, Final

Decode = Callable[[bytes], bytes]


class Unpack:
    """Decodes what passes; garbage stays garbage to us and is the host's to find.

    ``is_broken`` says that the body was not in the encoding that it claims.
    """

    def __init__(self, decode: Decode, error: type[Exception]) -> None:
        self._decode, self._error = decode, error
        self.is_broken = False

    def __call__(self, chunk: bytes) -> bytes:
        """*chunk*, decoded; nothing once it was found to be garbage."""
        if self.is_broken:
            return b""
        try:
            return self._decode(chunk)
        except self._error:
            self.is_broken = True
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


def _inflate(codec: Any) -> Decode:
    # 32 + 15 bits: tell gzip and zlib apart by the header.
    decode: Decode = codec.decompressobj(codec.MAX_WBITS | 32).decompress
    return decode


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
_INFLATE: Final[_Codecs] = (("zlib", _inflate, "error"),)
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
