"""The wire formats: one file each, pure readers of request, reply and stream event, found by walking this folder."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from ..guard import swallow
from ..record import Reply, Request
from ..session import Asked, Heard, Settings
from ..vocabulary import WireFormat


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of call of a wire format is recognised and read.

    ``endings`` are how the paths end at which it answers, from a slash or a colon on, where a last slash stands for
    any one segment after it; ``request`` reads the body that was sent and the path it was sent to, and gives None where
    it is no model call after all; ``reply`` writes what a whole body says (also an error's) into the reply; ``event``
    does so for the data of one event of a stream. Readers get any bytes and do not raise. ``home`` is the provider
    whose own API this is, where nobody else serves it: it names a local host.
    """

    name: str
    wire_format: WireFormat
    endings: tuple[str, ...]
    request: Callable[[bytes, str], Request | None]
    reply: Callable[[bytes, Reply], None]
    event: Callable[[bytes, Reply], None]
    home: str | None = None


@dataclass(frozen=True, slots=True)
class Cli:
    """How one agent program is recognised, what it is asked for, and what it says on stdout.

    ``executables`` are the names of its file, ``package`` is the one that npx, or a path under node_modules, names;
    ``speaks`` is the wire format that it uses towards its provider. ``request`` reads the arguments after the
    executable, the environment and the settings, and gives None where they start no session (``--version``);
    ``event`` writes what one line of stdout says; ``settings`` looks up what the program is set up with, where it is
    started in a folder. Readers get any words and bytes and do not raise.
    """

    name: str
    wire_format: WireFormat
    speaks: WireFormat
    executables: tuple[str, ...]
    package: str
    request: Callable[[Sequence[str], Mapping[str, str], Settings], Asked | None]
    event: Callable[[bytes, Heard], None]
    settings: Callable[[Sequence[str], Mapping[str, str], str], Settings]


@cache
def dialects() -> tuple[Dialect, ...]:
    """Every dialect of calls in this folder."""
    return tuple(dialect for module in _modules() for dialect in getattr(module, "DIALECTS", ()))


@cache
def clis() -> tuple[Cli, ...]:
    """Every agent program that a file of this folder can read."""
    return tuple(cli for module in _modules() for cli in getattr(module, "CLIS", ()))


@cache
def _modules() -> tuple[ModuleType, ...]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    # One that cannot be imported must not silence the others.
    found = (swallow(name, importlib.import_module, f"{__name__}.{name}") for name in names)
    return tuple(module for module in found if module is not None)


def dialect_at(path: str) -> Dialect | None:
    """The dialect that answers at *path*, or None."""
    return _ending_of(path) or _ending_of(path[: path.rfind("/") + 1])


def _ending_of(path: str) -> Dialect | None:
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
