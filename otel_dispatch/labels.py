"""The labels of metrics, bounded: each distinct set of values is a series that a backend keeps for good."""

import threading
from collections.abc import Mapping
from typing import Any, Final

MOST: Final = 100
"""How many values of one label a process tells apart; whatever comes after them is `OTHER`."""

OTHER: Final = "other"
_ALWAYS: Final = frozenset({"unknown"})


class Labels:
    """Remembers the values that each label has had; safe to ask from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, set[Any]] = {}

    def bounded(self, labels: Mapping[str, Any]) -> dict[str, Any]:
        """*labels* with `OTHER` for a text that is one too many, and without a number that is."""
        told = {}
        for name, value in labels.items():
            if value in self._seen.get(name, _ALWAYS) or self._is_taken(name, value):
                told[name] = value
            elif isinstance(value, str):
                told[name] = OTHER
        return told

    def _is_taken(self, name: str, value: Any) -> bool:
        with self._lock:
            seen = self._seen.setdefault(name, set(_ALWAYS))
            if value not in seen and len(seen) < MOST + len(_ALWAYS):
                seen.add(value)
            return value in seen
