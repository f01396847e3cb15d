"""The only place that swallows an exception: what fails in here is ours, and the host never sees it."""

import functools
import logging
import traceback
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

from .legible import LINE, clean

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("otel_dispatch")

_MOST_TOLD: Final = 1000
_told: set[str] = set()


def once(key: str) -> bool:
    """True the first time this process asks for *key*, so that a fault is reported once and not once a call.

    After a thousand different ones nothing more is told: what comes from outside could make up new ones for ever.
    """
    if key in _told or len(_told) >= _MOST_TOLD:
        return False
    _told.add(key)
    return True


def report(place: str, error: Exception) -> None:
    """Log a fault of ours once per place: the frames and the type, never the message, which may quote content."""
    if once(place):
        frames = "".join(traceback.format_tb(error.__traceback__))
        log.warning(
            "otel_dispatch failed in %s (%s); your call is unaffected.\n%s",
            place,
            clean(type(error).__name__),
            frames,
        )


def warn(sentence: str, *args: object) -> None:
    """Say one sentence about wrong configuration, once per process."""
    # A path or a name from outside must not look like a line of the log's own, nor steer a terminal.
    told = tuple(clean(each, LINE) if isinstance(each, str) else each for each in args)
    if once(sentence % told if told else sentence):
        swallow("warn", log.warning, sentence, *told)


def swallow(place: str, function: Callable[..., R], *args: Any, **kwargs: Any) -> R | None:
    """Call *function*; give None and report once if it raises."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        _report_safely(place, error)
        return None


def succeeds(function: Callable[..., object], *args: Any) -> bool:
    """Call *function*; give whether it did not raise, and report once if it did."""
    try:
        function(*args)
    except Exception as error:
        _report_safely(f"{function.__module__}.{function.__qualname__}", error)
        return False
    return True


def sure(function: Callable[[Any], object], instead: Callable[[], object]) -> Callable[[Any], None]:
    """Make *function* unable to raise an ``Exception``: *instead* is then called, and the fault is reported once."""

    def call(given: Any) -> None:
        try:
            function(given)
        except Exception as error:
            _report_safely(f"{function.__module__}.{function.__qualname__}", error)
            instead()

    return call


def guarded(function: Callable[P, R]) -> Callable[P, R | None]:
    """Make *function* unable to raise an ``Exception``: it then gives None, and the fault is reported once."""
    place = f"{function.__module__}.{function.__qualname__}"

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            _report_safely(place, error)
            return None

    return call


def _report_safely(place: str, error: Exception) -> None:
    # `report` is looked up at call time: the tests put their own in its place, so that a swallowed fault is red.
    try:
        report(place, error)
    except Exception:
        pass
