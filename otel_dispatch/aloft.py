"""What is under way in this process: every call and entry whose span has not ended, so that an exit can end it."""

import os
from typing import Protocol


class Open(Protocol):
    """Something whose span is open."""

    def settle(self) -> None:
        """End it if it is only held back."""

    def abandon(self) -> None:
        """End it because nobody will hear of it any more."""


_open: dict[int, Open] = {}


def opened(one: Open) -> None:
    """Remember that *one* is under way."""
    _open[id(one)] = one


def closed(one: Open) -> bool:
    """Forget *one*, which has ended; False where it is not ours to end: a fork copied it, or it has ended before."""
    return _open.pop(id(one), None) is not None


def count() -> int:
    """How much is under way."""
    return len(_open)


def end_all() -> None:
    """End all that is under way, the latest first, so that an entry sums up what was dispatched below it."""
    for one in reversed(list(_open.values())):
        one.settle()
        one.abandon()


if hasattr(os, "register_at_fork"):
    # What a fork copied is under way in the parent, which ends it.
    os.register_at_fork(after_in_child=_open.clear)
