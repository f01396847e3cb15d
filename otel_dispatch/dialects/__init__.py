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
    """How one kind of call of a wire format is recognised and read.

    ``endings`` are how the paths end at which it answers, from a slash or a colon on; ``request`` reads the body that
    was sent and the path it was sent to, and gives None where it is no model call after all; ``reply`` writes what a
    whole body says (also an error's) into the reply; ``event`` does so for the data of one event of a stream. Readers
    get any bytes and do not raise. ``home`` is the provider whose own API this is, where nobody else serves it: it
    names a local host.
    """

    name: str
    wire_format: WireFormat
    endings: tuple[str, ...]
    request: Callable[[bytes, str], Request | None]
    reply: Callable[[bytes, Reply], None]
    event: Callable[[bytes, Reply], None]
    home: str | None = None


@cache
def dialects() -> tuple[Dialect, ...]:
    """Every dialect in this folder."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(dialect for name in names for dialect in importlib.import_module(f"{__name__}.{name}").DIALECTS)


def dialect_at(path: str) -> Dialect | None:
    """The dialect that answers at *path*, or None."""
    for ending, dialect in _by_last_word().get(_last_word(path), ()):
        if path.endswith(ending):
            return dialect
    return None


@cache
def _by_last_word() -> dict[str, tuple[tuple[str, Dialect], ...]]:
    found: dict[str, tuple[tuple[str, Dialect], ...]] = {}
    for dialect in dialects():
        for ending in dialect.endings:
            last = _last_word(ending)
            # The longest first: the more is said, the surer it is.
            found[last] = tuple(sorted((*found.get(last, ()), (ending, dialect)), key=lambda each: -len(each[0])))
    return found


def _last_word(path: str) -> str:
    segment = path[path.rfind("/") + 1 :]
    return segment[segment.rfind(":") + 1 :]
