"""Our own variables, read on every call and so without the cost of asking `os.environ` for what is not there."""

import os
from collections.abc import KeysView
from functools import cache
from typing import Any, Final

_KEEPS_BYTES: Final = os.supports_bytes_environ


def held(name: str) -> str:
    """The value of the variable *name*, or "" where it is not set."""
    return os.environ.get(name, "") if (_raw(name) if are_bytes() else name) in names() else ""


def any_held(wanted: tuple[frozenset[str], frozenset[bytes]]) -> bool:
    """Whether any variable is set whose name, as `both` gives it, is in *wanted*."""
    return not wanted[are_bytes()].isdisjoint(names())


def both(*wanted: str) -> tuple[frozenset[str], frozenset[bytes]]:
    """The names *wanted* as str and as bytes: apart, as Python can be told to refuse to compare the two."""
    return frozenset(wanted), frozenset(map(os.fsencode, wanted))


def names() -> KeysView[Any]:
    """The names of all variables, as str or as bytes, whichever the platform keeps."""
    # os.environ decodes every name that it is asked for; its store, where it has one, holds them as they are.
    return getattr(os.environ, "_data", os.environ).keys()


def are_bytes() -> bool:
    """Whether `names` are bytes."""
    return _KEEPS_BYTES and hasattr(os.environ, "_data")


@cache
def _raw(name: str) -> bytes:
    return os.fsencode(name)
