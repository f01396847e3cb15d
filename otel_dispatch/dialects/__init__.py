"""The wire formats: one file each, pure readers of request, reply and stream event, found by walking this folder."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from ..record import Reply, Request
from ..vocabulary import WireFormat


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one wire format is recognised and read.

    ``endings`` are how the paths end at which it answers; ``request`` reads the body that was sent, and gives None
    where it is no model call after all; ``reply`` writes what a whole body says (also an error's) into the reply;
    ``event`` does so for the data of one event of a stream. Readers get any bytes and do not raise.
    """

    wire_format: WireFormat
    endings: tuple[str, ...]
    request: Callable[[bytes], Request | None]
    reply: Callable[[bytes, Reply], None]
    event: Callable[[bytes, Reply], None]


@cache
def dialects() -> tuple[Dialect, ...]:
    """Every dialect in this folder."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}").DIALECT for name in names)


def dialect_at(path: str) -> Dialect | None:
    """The dialect that answers at *path*, or None."""
    for ending, dialect in _by_last_segment().get(path.rpartition("/")[2], ()):
        if path.endswith(ending):
            return dialect
    return None


@cache
def _by_last_segment() -> dict[str, tuple[tuple[str, Dialect], ...]]:
    found: dict[str, tuple[tuple[str, Dialect], ...]] = {}
    for dialect in dialects():
        for ending in dialect.endings:
            last = ending.rpartition("/")[2]
            found[last] = (*found.get(last, ()), (ending, dialect))
    return found
