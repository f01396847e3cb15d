"""How far a long file has been read: on stderr, where that is a terminal."""

import sys
import time
from importlib.util import find_spec
from typing import Any, Final, TextIO

_LONG: Final = 16 * 2**20
_SECONDS: Final = 0.2
_STEP: Final = 2**20


class Progress:
    """Shows how many of *total* bytes have been read (None: nobody knows); nothing where it would not be seen."""

    def __init__(self, total: int | None, out: TextIO | None = None) -> None:
        self._out, self._total = out or sys.stderr, total
        self._read = self._shown = 0
        self._next = 0.0
        self._bar: Any = None
        is_seen = self._out.isatty() and (total is None or total >= _LONG)
        if is_seen and find_spec("rich") is not None:
            self._bar = _bar(total, self._out)
        self._is_plain = is_seen and self._bar is None

    def advance(self, count: int) -> None:
        """Say that *count* more bytes have been read."""
        self._read += count
        if self._read - self._shown < _STEP:
            return
        self._shown = self._read
        if self._bar is not None:
            self._bar.update(0, completed=self._read)
        elif self._is_plain and (now := time.monotonic()) >= self._next:
            self._next = now + _SECONDS
            self._out.write(f"\r{self._words()}")
            self._out.flush()

    def close(self) -> None:
        """Take it off the terminal."""
        if self._bar is not None:
            self._bar.stop()
        elif self._is_plain and self._shown:
            self._out.write("\r" + " " * len(self._words()) + "\r")

    def _words(self) -> str:
        read = f"{self._read / 2**20:,.0f} MiB"
        return f"{read} read" if not self._total else f"{read} of {self._total / 2**20:,.0f} read"


def _bar(total: int | None, out: TextIO) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    bar = Progress(BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=Console(file=out), transient=True)
    bar.add_task("", total=total)
    bar.start()
    return bar
