"""The agent hosts: one file each, found by walking this folder; each gives its seams.

A host of another distribution is a module with the function `seams`, registered as an entry point of the group
``otel_dispatch.hosts`` under the name of the library that it observes. The names below are what it is written with.
"""

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from ..guard import swallow
from ..hosting import Beginning, Ending, entry_at, heard_at
from ..seam import Seam

__all__ = ["Beginning", "Ending", "Seam", "entry_at", "heard_at"]


@cache
def hosts() -> tuple[ModuleType, ...]:
    """Every host in this folder."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    # One that cannot be imported must not silence the others.
    found = (swallow(name, importlib.import_module, f"{__name__}.{name}") for name in names)
    return tuple(module for module in found if module is not None)


def seams() -> list[Seam]:
    """The seams of every host, as the environment asks for them now."""
    return [seam for host in hosts() for seam in swallow(host.__name__, host.seams) or ()]


def report_missing() -> None:
    """Let each host say what it was asked to observe and cannot find."""
    for host in hosts():
        swallow(host.__name__, getattr(host, "report_missing", list))


def stop() -> None:
    """Let each host undo what it does beyond its seams."""
    for host in hosts():
        swallow(host.__name__, getattr(host, "stop", list))
