"""Our own variables, read on every call and so without the cost of asking `os.environ` for what is not there."""

import os
from collections.abc import KeysView
from functools import cache
from typing import Any


def held(name: str) -> str:
    """The value of the variable *name*, or "" where it is not set."""
    present = names()
    return os.environ.get(name, "") if name in present or _raw(name) in present else ""


def any_held(wanted: frozenset[Any]) -> bool:
    """Whether any variable is set whose name, as `both` gives it, is in *wanted*."""
    return not wanted.isdisjoint(names())


def both(*wanted: str) -> frozenset[Any]:
    """Each of the names *wanted* as str and as bytes."""
    return frozenset(wanted) | frozenset(map(os.fsencode, wanted))


def names() -> KeysView[Any]:
    """The names of all variables, as str or as bytes, whichever the platform keeps."""
    # os.environ decodes every name that it is asked for; its store, where it has one, holds them as they are.
    return getattr(os.environ, "_data", os.environ).keys()


@cache
def _raw(name: str) -> bytes:
    return os.fsencode(name)
