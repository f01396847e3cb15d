"""Our own variables, read on every call and so without the cost of asking `os.environ` for what is not there."""

import os
from functools import cache
from typing import Final

_key: Final = cache(os.fsencode if os.supports_bytes_environ else str.upper)
"""A variable's name as the platform keeps it: `os.environ` encodes every name that it is asked for."""


def held(name: str) -> str:
    """The value of the variable *name*, or "" where it is not set."""
    store = getattr(os.environ, "_data", None)
    return "" if store is not None and _key(name) not in store else os.environ.get(name, "")


class Wanted:
    """Variables to look for together, by what the platform keeps them by."""

    def __init__(self, *names: str) -> None:
        self._names = {_key(name): name for name in names}
        self._keys = frozenset(self._names)

    def held(self) -> list[str]:
        """Which of them are set."""
        store = getattr(os.environ, "_data", None)
        if store is None:
            return [name for name in self._names.values() if name in os.environ]
        # Most programs set none of those that we look for.
        return [] if self._keys.isdisjoint(store) else [self._names[key] for key in self._keys.intersection(store)]
