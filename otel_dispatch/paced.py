"""An exporter that lets the program go on between one span and the next that it sends.

Exporters turn a whole batch into bytes in one go, in Python, on a thread of their own. Meanwhile each thread of the
program that has waited for its network gets the interpreter back only after 5 ms (`sys.getswitchinterval`), each time.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

_PAUSE: Final = 0.0002
"""Seconds: long enough for another thread to take over."""

_FULL: Final = 512
"""A batch of so many, the SDK's largest unless somebody sets another, says that more wait: then there is less time."""

_STEP: Final = 4


class Paced:
    """*exporter*, given its batches one by one; in everything else it is that exporter."""

    def __init__(self, exporter: Any) -> None:
        self._exporter = exporter
        self._is_hurried = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_exporter"], name)

    def export(self, batch: Sequence[Any]) -> Any:
        """Send *batch*."""
        return self._exporter.export(batch if self._is_hurried else _Slow(batch))

    def hurry(self) -> None:
        """Pause no more: the process is about to end."""
        self._is_hurried = True


class _Slow(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        step = 1 if len(self) < _FULL else _STEP
        for number, item in enumerate(super().__iter__()):
            if number % step == 0:
                time.sleep(_PAUSE)
            yield item
