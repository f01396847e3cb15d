"""The clock: makes a call so many times and gives what each took."""

import time
from collections.abc import Callable

Timer = Callable[[int], list[int]]
"""Makes so many calls and gives the nanoseconds of each."""

LONG, SHORT = 200, 8
"""The chunks of the two streams whose difference tells what one chunk costs."""


def timer(call: Callable[[], object]) -> Timer:
    """Time each *call* by itself."""

    def run(times: int) -> list[int]:
        clock, taken = time.perf_counter_ns, []
        for _ in range(times):
            began = clock()
            call()
            taken.append(clock() - began)
        return taken

    return run
