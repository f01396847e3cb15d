"""Where an empty attempt waits until it is known what became of it."""

import threading
from typing import Protocol


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

    def replace(self, body: bytes) -> int:
        """End the attempts that a call with *body* replaces; give how many empty ones preceded it."""
        if not self._waiting:
            return 0
        with self._lock:
            replaced = [e for e in self._waiting if self._one_call or e.body == body]
            self._waiting = [e for e in self._waiting if e not in replaced]
        for empty in replaced:
            empty.supersede()
        return max((e.empty_retries for e in replaced), default=-1) + 1

    def close(self) -> None:
        """End the scope: what still waits is terminal."""
        with self._lock:
            self.closed = True
            waiting, self._waiting = self._waiting, []
        for empty in waiting:
            empty.settle()
