"""Reads a backend by windows of time, and puts what they hold in order."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Answer = TypeVar("Answer")
Item = TypeVar("Item")


def windows(
    ask: Callable[[float, float, bool], Answer | None], begin: float, end: float, least: float
) -> Iterator[tuple[float, Answer]]:
    """What *ask* gives for the time from *begin* to *end* (Unix seconds), with the end of each window, oldest first.

    Where it gives None the window holds too much and is halved; one that is not longer than *least* seconds is asked
    for as the last, which the third argument says, and has to be answered.
    """
    waiting = [(begin, end)]
    while waiting:
        start, stop = waiting.pop()
        is_last = stop - start <= least
        if (answer := ask(start, stop, is_last)) is not None:
            yield stop, answer
        elif not is_last:
            middle = (start + stop) / 2
            waiting += [(middle, stop), (start, middle)]


def in_order(pages: Iterable[tuple[float, Iterable[Item]]], when: Callable[[Item], float]) -> Iterator[Item]:
    """The items of *pages*, the earliest *when* first.

    What a page holds may lie after the end of its window, and is kept until the windows have come that far; nothing
    of a later page lies before that end.
    """
    held: list[tuple[float, int, Item]] = []
    count = 0
    for stop, page in pages:
        for item in page:
            count += 1
            heapq.heappush(held, (when(item), count, item))
        while held and held[0][0] < stop:
            yield heapq.heappop(held)[2]
    while held:
        yield heapq.heappop(held)[2]
