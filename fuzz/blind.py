"""Fuzzing by chance alone, where atheris cannot be had: it sees nothing of the code that it reaches."""

import random
import time
from collections.abc import Sequence
from typing import Final

from .targets import Target

LEAST: Final = 100
"""How many changed inputs are tried, however short the time."""

_PIECES: Final = (
    *(b"null", b"true", b"-1", b"1e999", b"NaN", b'""', b"[]", b"{}", b"[" * 2000, b'{"a":' * 2000, b"9" * 5000),
    *(b'"\\ud83d"', b"\xed\xa0\x80", b"\x00", b"\x1b[31m", b"\r\n", b"\n\n", b"data: ", b"[DONE]", b"\xff" * 9),
)


class FoundError(Exception):
    """An input for which a promise does not hold."""

    def __init__(self, data: bytes) -> None:
        super().__init__("a promise does not hold")
        self.data = data


def run(target: Target, seeds: Sequence[bytes], seconds: float, seed: int = 0) -> int:
    """Try *target* with *seeds*, then changed ones for so many *seconds*; give how many.

    Raises `FoundError` where one fails.
    """
    chance, tried = random.Random(seed), 0
    until = time.monotonic() + seconds
    for data in seeds:
        _tried(target, data)
    while tried < LEAST or time.monotonic() < until:
        _tried(target, _changed(chance, seeds))
        tried += 1
    return tried + len(seeds)


def _tried(target: Target, data: bytes) -> None:
    try:
        target(data)
    except Exception as error:
        raise FoundError(data) from error


def _changed(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 4)):
        here = chance.randint(0, len(data))
        there = min(len(data), here + chance.choice((0, 1, 1, 2, 8, 64)))
        data[here:there] = chance.choice((b"", chance.randbytes(1), chance.choice(_PIECES), _slice(chance, seeds)))
    return bytes(data)


def _slice(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    other = chance.choice(seeds)
    here = chance.randint(0, len(other))
    return other[here : here + chance.randint(0, 64)]
