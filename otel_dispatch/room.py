"""Where an empty attempt waits until it is known what became of it."""

import threading
import time
from typing import Final, Protocol

HOLD_SECONDS: Final = 10.0
"""How long an empty attempt waits for an identical later one."""


class Empty(Protocol):
    """An empty attempt that is held back until it is known what became of it."""

    body: bytes
    empty_retries: int

    def supersede(self) -> None:
        """End it as replaced by a later attempt."""

    def settle(self) -> None:
        """End it as terminal."""


class Room:
    """Where the empty attempts of one scope wait for an identical later one."""

    def __init__(self, one_call: bool = False) -> None:
        self._one_call = one_call
        self._lock = threading.Lock()
        self._waiting: list[Empty] = []
        self._owed: tuple[bytes, int, float] | None = None
        self.closed = False

    def hold(self, empty: Empty) -> bool:
        """Keep *empty* waiting; False if the scope has ended."""
        with self._lock:
            if not self.closed:
                self._waiting.append(empty)
            return not self.closed

    def release(self, empty: Empty) -> None:
        """Stop waiting for *empty*."""
        with self._lock:
            if empty in self._waiting:
                self._waiting.remove(empty)

    def owe(self, failed: Empty, seconds: float) -> None:
        """Have a call that follows a *failed* one within *seconds* be told how many empty ones preceded that."""
        with self._lock:
            self._owed = failed.body, failed.empty_retries, time.monotonic() + seconds

    def replace(self, body: bytes) -> int:
        """End the attempts that a call with *body* replaces; give how many empty ones preceded it."""
        if not self._waiting and self._owed is None:
            return 0
        with self._lock:
            replaced = [e for e in self._waiting if self._one_call or e.body == body]
            self._waiting = [e for e in self._waiting if e not in replaced]
            owed = self._settle_up(body)
        for empty in replaced:
            empty.supersede()
        return max((e.empty_retries + 1 for e in replaced), default=owed)

    def _settle_up(self, body: bytes) -> int:
        if self._owed is None:
            return 0
        owner, count, deadline = self._owed
        if time.monotonic() >= deadline:
            self._owed = None
            return 0
        if not self._one_call and owner != body:
            return 0
        self._owed = None
        return count

    def close(self) -> None:
        """End the scope: what still waits is terminal."""
        with self._lock:
            self.closed = True
            waiting, self._waiting = self._waiting, []
        for empty in waiting:
            empty.settle()
