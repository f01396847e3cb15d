"""What is packed: read however it is cut, and given up where a little becomes too much."""

import gzip
import random
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from otel_dispatch.unpacking import Unpack, unpacker

MIB = 1024 * 1024
SKIPPED = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
Pack = Callable[[Iterable[bytes]], bytes]
CODECS = {
    "zlib": "gzip",
    "brotli": "br",
    "brotlicffi": "br",
    "zstandard": "zstd",
    "compression.zstd": "zstd",
    "backports.zstd": "zstd",
}
OF_ZSTD = [name for name, encoding in CODECS.items() if encoding == "zstd"]


def compressor(name: str, codec: Any) -> Any:
    if name == "zlib":
        return codec.compressobj(wbits=31)
    made = codec.Compressor() if "brotli" in name else codec.ZstdCompressor()
    return made.compressobj() if name == "zstandard" else made


@pytest.fixture
def pack(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Pack:
    name: str = request.param
    codec = pytest.importorskip(name, reason=f"{name} is not in this environment")
    for other in CODECS.keys() - {name, "zlib"}:
        monkeypatch.delitem(sys.modules, other, raising=False)

    def packed(pieces: Iterable[bytes]) -> bytes:
        made = compressor(name, codec)
        add = getattr(made, "compress", None) or made.process
        end = getattr(made, "finish", None) or made.flush
        return b"".join([*map(add, pieces), end()])

    return packed


def unpack_of(request: pytest.FixtureRequest) -> Unpack:
    found = unpacker(CODECS[request.node.callspec.params["pack"]])
    assert found is not None
    return found


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[place : place + size] for place in range(0, len(data), size)]


EACH = pytest.mark.parametrize("pack", CODECS, indirect=True)
EACH_ZSTD = pytest.mark.parametrize("pack", OF_ZSTD, indirect=True)


@EACH
@pytest.mark.parametrize("size", [1, 7, 1000, MIB])
def test_text_is_read_however_it_is_cut(pack: Pack, size: int, request: pytest.FixtureRequest) -> None:
    chance = random.Random(1)
    text = " ".join(str(chance.random()) for _ in range(500)).encode()
    unpack = unpack_of(request)
    assert b"".join(map(unpack, cut(pack([text]), size))) == text
    assert (unpack.is_bomb, unpack.is_broken, unpack(b"")) == (False, False, b"")


@EACH
@pytest.mark.parametrize("size", [16, 4096, 16 * MIB])
def test_a_bomb_is_given_up_before_it_has_become_large(pack: Pack, size: int, request: pytest.FixtureRequest) -> None:
    bomb, unpack = pack([bytes(MIB)] * 64), unpack_of(request)
    came = [len(unpack(piece)) for piece in cut(bomb, size)]
    assert (unpack.is_bomb, unpack.is_broken) == (True, False)
    assert sum(came) <= max(32 * MIB, 64 * len(bomb))
    assert max(came) <= max(8 * MIB, 64 * size)
    assert unpack(bomb) == b""


@EACH
def test_what_is_garbage_is_broken_and_no_bomb(pack: Pack, request: pytest.FixtureRequest) -> None:
    unpack = unpack_of(request)
    for _ in range(3):
        assert unpack(b"garbage that is none" * 20) == b""
    assert (unpack.is_bomb, unpack.is_broken) == (False, True)


@EACH_ZSTD
def test_frames_behind_each_other_are_read_wherever_they_are_cut(pack: Pack, request: pytest.FixtureRequest) -> None:
    frames = pack([b"hello"]) + pack([]) + SKIPPED + pack([b"world"])
    for place in range(len(frames) + 1):
        unpack = unpack_of(request)
        assert unpack(frames[:place]) + unpack(frames[place:]) == b"helloworld"
        assert (unpack.is_bomb, unpack.is_broken) == (False, False)


@EACH_ZSTD
def test_frames_without_end_that_hold_nothing_give_nothing(pack: Pack, request: pytest.FixtureRequest) -> None:
    unpack = unpack_of(request)
    assert unpack(SKIPPED * 50_000) == b""
    assert not unpack.is_broken


def test_what_comes_behind_the_end_is_not_kept() -> None:
    unpack = unpacker("gzip")
    assert unpack is not None
    assert unpack(gzip.compress(b"hello")) == b"hello"
    more = random.Random(1).randbytes(MIB)
    tracemalloc.start()
    try:
        assert {unpack(more) for _ in range(8)} == {b""}
        assert tracemalloc.get_traced_memory()[0] < MIB
    finally:
        tracemalloc.stop()


def test_a_body_that_swells_little_has_no_bound() -> None:
    unpack = unpacker("deflate")
    assert unpack is not None
    chance, packer, size = random.Random(1), zlib.compressobj(1), 0
    for _ in range(40):
        piece = chance.randbytes(MIB // 16) + bytes(MIB - MIB // 16)
        size += len(unpack(packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)))
    assert (size, unpack.is_bomb) == (40 * MIB, False)
