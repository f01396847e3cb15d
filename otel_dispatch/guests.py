"""The hosts of other distributions: each is imported after the library that it is registered for, and not before."""

import importlib
import sys
from functools import partial

from . import patch
from ._registry import registered
from .guard import swallow, warn
from .seam import Seam

_awaited: set[str] = set()
_is_open = False


def welcome() -> None:
    """Have each registered host put its seams in as soon as its library is there."""
    global _is_open
    _is_open = True
    for library in registered():
        if library in sys.modules:
            _arrived(library)
        elif library not in _awaited:
            _awaited.add(library)
            patch.when_imported(library, partial(_arrived, library))


def dismiss() -> None:
    """Wait for no library any more."""
    global _is_open
    _is_open = False


def seams_of(host: str) -> list[Seam]:
    """The seams of the host that is the module *host*, which is imported; raises whatever that raises."""
    return list(importlib.import_module(host).seams())


def _arrived(library: str) -> None:
    for host in registered()[library] if _is_open else ():
        place = f"the host {host}"
        for seam in swallow(place, seams_of, host) or ():
            swallow(place, _install, host, seam)


def _install(host: str, seam: Seam) -> None:
    taken = next((each for each in patch.wanted() if (each.module, each.path) == (seam.module, seam.path)), None)
    if taken is None:
        patch.install(seam)
    elif taken.wrapper is not seam.wrapper:
        # One place is listened to once: the other's words would be lost without a sound.
        warn("The host %s: %s:%s is observed by another host already.", host, seam.module, seam.path)
