"""What is overheard of a started program: the pieces of its stdout, its exit, and who ended it."""

import io
import os
import threading
from typing import Any, Final

from .guard import guarded
from .keeper import keeper
from .launch import Launch
from .verdict import ENDING
from .vocabulary import OutcomeClass

DRAIN_SECONDS: Final = 5.0
"""How long after the exit the rest of stdout is waited for; a grandchild may hold the pipe open."""


class Watch:
    """A launch whose process runs; it ends when the process has left and all of its stdout has passed.

    ``heard`` counts the bytes that have passed; ``is_gone`` says that the process has left with a code that `Popen`
    does not know.
    """

    __slots__ = (
        *("__weakref__", "_code", "_has_ended", "_is_handing", "_is_late", "_latch", "_partial"),
        *("heard", "is_gone", "is_piped", "launch"),
    )

    def __init__(self, launch: Launch, is_piped: bool) -> None:
        self.launch, self.is_piped = launch, is_piped and launch.is_told
        self.heard, self.is_gone = 0, False
        self._code: int | None = None
        self._has_ended = not self.is_piped
        self._is_handing = self._is_late = False
        self._partial: bytes | str | None = None
        self._latch = threading.Lock()

    @guarded
    def piece(self, chunk: Any) -> None:
        """Hear a piece of stdout."""
        if self.is_piped:
            self.heard += len(chunk)
            self.launch.hear(chunk if isinstance(chunk, str) else bytes(chunk))

    @guarded
    def ended(self) -> None:
        """Hear that stdout has come to its end."""
        if self._is_handing:
            return
        self._has_ended = True
        if self._code is not None:
            self._finish()

    def handing(self) -> int:
        """Note that `communicate` reads what is left, and closes the pipe before it gives it; give what was heard."""
        self._is_handing = True
        return self.heard

    @guarded
    def communicated(self, result: Any, heard: int) -> None:
        """Hear what `communicate` gave, unless the pipe's own file object, which had *heard* so much, did already."""
        if self.heard == heard and result and result[0]:
            self.piece(result[0])
        self._partial, self._is_handing = None, False
        self.ended()

    @guarded
    def timed_out(self, error: BaseException) -> None:
        """Note that the launcher waits no longer, where *error* is that; what it has read by then is kept."""
        self._is_handing = False
        if type(error).__name__ == "TimeoutExpired":
            self._is_late, self._partial = True, getattr(error, "output", None)

    @guarded
    def signalled(self, number: Any) -> None:
        """Note that the launcher ends the program; one that had left already is not ended."""
        if self._code is None and number in ENDING:
            self.launch.stop(OutcomeClass.TIMEOUT if self._is_late else OutcomeClass.CANCELLED)

    @guarded
    def exited(self, code: int | None) -> None:
        """Note the exit; what stdout still holds is waited for."""
        if code is None or self._code is not None:
            return
        self._code = code
        self.launch.left(code)
        if self._has_ended:
            self._finish()
        else:
            keeper.later(DRAIN_SECONDS, self._finish)

    @guarded
    def gone(self) -> None:
        """Note that the process has left with a code that is not known here; asyncio may know it, and tell it yet."""
        if self._code is None and not self.is_gone:
            self.is_gone = True
            keeper.later(DRAIN_SECONDS, self._finish)

    def _finish(self) -> None:
        if self._latch.acquire(blocking=False):
            if self._partial and not self.heard:
                self.piece(self._partial)
            self.launch.exited(self._code)


class _Ear(io.FileIO):
    """The reading end of a pipe, which tells of what passes; under the very buffer and decoder that were there."""

    watch: Watch | None = None

    def readinto(self, buffer: Any, /) -> Any:
        count = super().readinto(buffer)
        if count is not None:
            self._pass(memoryview(buffer).cast("B")[:count])
        return count

    def read(self, size: int | None = -1, /) -> Any:
        passing = super().read(-1 if size is None else size)
        if passing is not None:
            self._pass(passing)
        return passing

    def readall(self) -> Any:
        passing = super().readall()
        if passing is not None:
            self._pass(passing)
            self._pass(b"")
        return passing

    def close(self) -> None:
        super().close()
        if self.watch is not None:
            keeper.aside(self.watch.ended)

    def _pass(self, passing: Any) -> None:
        if self.watch is None:
            return
        if len(passing):
            self.watch.piece(passing)
        else:
            self.watch.ended()


def overhear(process: Any, watch: Watch, bufsize: Any) -> None:
    """Put an ear under the buffer of *process*'s stdout, which nobody has read from yet.

    May raise what a fault of ours raises; stdout is then what it was.
    """
    stream = process.stdout
    text = stream if type(stream) is io.TextIOWrapper else None
    buffered = stream if text is None else text.buffer
    if type(buffered) is not io.BufferedReader or type(buffered.raw) is not io.FileIO:
        # Unbuffered, as asyncio asks for, which is heard elsewhere.
        return
    ear = _Ear(os.dup(buffered.fileno()), "rb")
    try:
        process.stdout = _rebuilt(ear, text, bufsize)
    except BaseException:
        ear.close()
        raise
    ear.watch = watch
    stream.close()


def _rebuilt(ear: _Ear, text: Any, bufsize: Any) -> Any:
    size = bufsize if isinstance(bufsize, int) and bufsize > 1 else os.fstat(ear.fileno()).st_blksize
    buffered = io.BufferedReader(ear, size if size > 1 else io.DEFAULT_BUFFER_SIZE)
    return buffered if text is None else io.TextIOWrapper(buffered, encoding=text.encoding, errors=text.errors)
