"""Which dispatches were seen already, in this source or in another; the memory of it is bounded."""

from typing import Final

from .sighting import Sighting

HALF: Final = 400_000
"""How many are surely remembered; twice as many are at most."""


class _Memory:
    """The keys of late: when the newer half is full, the older one is forgotten."""

    __slots__ = ("newer", "older")

    def __init__(self) -> None:
        self.newer: set[int] = set()
        self.older: set[int] = set()

    def __contains__(self, key: int) -> bool:
        return key in self.newer or key in self.older

    def add(self, key: int) -> None:
        self.newer.add(key)
        if len(self.newer) >= HALF:
            self.older, self.newer = self.newer, set()


class Seen:
    """What was seen in each of so many sources."""

    def __init__(self, sources: int) -> None:
        self._lines = _Memory()
        self._spans = [_Memory() for _ in range(sources)] if sources > 1 else []

    def is_new(self, told: Sighting, source: int) -> bool:
        """Whether *told*, of the source of that number, was not seen before.

        On somebody else's span several attempts may have been told, each with a line of its own: in one source these
        are several, and another source that knows the span, too, adds none.
        """
        if told.span is None and told.call is None:
            return True
        line = hash((told.span, told.call, told.ended if told.span is None else None))
        if line in self._lines or (self._spans and told.span is not None and self._is_elsewhere(told.span, source)):
            return False
        self._lines.add(line)
        return True

    def _is_elsewhere(self, span: str, source: int) -> bool:
        key = hash(span)
        if any(key in memory for number, memory in enumerate(self._spans) if number != source):
            return True
        self._spans[source].add(key)
        return False
