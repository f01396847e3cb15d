"""One daemon thread that does what must not happen on the host's: deadlines, spans of collected streams, closing."""

import heapq
import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType

from .guard import swallow

Job = Callable[[], object]

_FLUSH_SECONDS = 0.2
# Windows knows neither the signal nor masks.
_PIPE = frozenset({signal.SIGPIPE} if hasattr(signal, "pthread_sigmask") else ())


@contextmanager
def unpiped() -> Iterator[None]:
    """A block in which threads are started that no broken pipe can kill, and the host with them.

    A program of the command line may have given SIGPIPE its default back: then a collector that hangs up would end it.
    """
    # A thread has the mask of the one that starts it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PIPE) if _PIPE else None
    try:
        yield
    finally:
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Keeper:
    """Runs jobs soon or later on its own thread; its thread is started on the first `wake`, and anew after a fork."""

    def __init__(self) -> None:
        # SimpleQueue.put may be called from a finaliser; a lock of ours could deadlock there.
        self._inbox: SimpleQueue[tuple[float, Job]] = SimpleQueue()
        self._due: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._nudged = False
        self.flush: Job | None = None
        self.on_start: Job | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def wake(self) -> None:
        """Start the thread unless it runs."""
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name="otel_dispatch", daemon=True)
                    # At interpreter shutdown no thread can start; what is open then is ended by `activate`'s exit.
                    with unpiped():
                        swallow("keeper", thread.start)
                    if thread.ident:
                        self._thread = thread
                        if self.on_start is not None:
                            swallow("keeper", self.on_start)

    @property
    def is_awake(self) -> bool:
        """Whether the thread has been started in this process."""
        return self._thread is not None

    def soon(self, job: Job) -> None:
        """Run *job* as soon as the thread is free; safe to call from a finaliser."""
        self._inbox.put((0.0, job))

    def aside(self, job: Job) -> None:
        """Run *job* now, or on the thread where what called us may hold a lock that *job* takes.

        A garbage collection may strike, and call a finaliser, while this very thread is inside the SDK or a lock of
        ours, and ending a span needs both.
        """
        if _is_inside(sys._getframe(1)):
            self.soon(job)
        else:
            swallow("keeper", job)

    def later(self, seconds: float, job: Job) -> None:
        """Run *job* in *seconds*."""
        self._inbox.put((time.monotonic() + seconds, job))

    def nudge(self) -> None:
        """Have `flush` run soon: an agent host is often killed without a chance to say goodbye."""
        if self.flush is not None and not self._nudged:
            self._nudged = True
            self.later(_FLUSH_SECONDS, self._flush)

    def finish(self, job: Job, seconds: float) -> bool:
        """Run *job* and wait for it *seconds* at most; False if it was not done by then."""
        if self._thread is None or not self._thread.is_alive():
            return False
        done = threading.Event()

        def last() -> None:
            swallow("finish", job)
            done.set()

        self.soon(last)
        return done.wait(seconds)

    def _flush(self) -> None:
        self._nudged = False
        if self.flush is not None:
            self.flush()

    def _forget(self) -> None:
        self._inbox, self._due, self._starting, self._thread = SimpleQueue(), [], threading.Lock(), None
        self._nudged = False

    def _run(self) -> None:
        while True:
            when, job = self._next()
            if when > time.monotonic():
                heapq.heappush(self._due, (when, next(self._order), job))
            else:
                swallow("keeper", job)

    def _next(self) -> tuple[float, Job]:
        if not self._due:
            return self._inbox.get()
        try:
            return self._inbox.get(timeout=max(0.0, self._due[0][0] - time.monotonic()))
        except Empty:
            when, _, job = heapq.heappop(self._due)
            return when, job


def _is_inside(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(_LOCKING):
            return True
        frame = frame.f_back
    return False


_LOCKING = ("opentelemetry.sdk", f"{__package__}.instruments", f"{__package__}.room", f"{__package__}.tally")
keeper = Keeper()
