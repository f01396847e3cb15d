"""The main script's own functions: no import hook sees them, so its lines are watched until they are defined."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from .guard import swallow, warn

Waiting = list[tuple[str, Callable[[], object]]]

_waiting: Waiting = []
_on_missing: Callable[[str], object] = print


def await_functions(wanted: Waiting, on_missing: Callable[[str], object]) -> None:
    """Call each (path, action) of *wanted* once the main script has defined *path*; *on_missing* if it never does.

    Where a debugger or a coverage tool is tracing, or the script is running already, what is defined by now counts.
    """
    global _waiting, _on_missing
    _waiting, _on_missing = _undefined(wanted), on_missing
    if not _waiting:
        return
    if sys.gettrace() is not None:
        warn(
            "A debugger is tracing; the main script's %s are not observed.",
            ", ".join(path for path, _ in _waiting),
        )
        return
    sys.settrace(_trace)


def stop() -> None:
    """Stop watching."""
    if sys.gettrace() is _trace:
        sys.settrace(None)
    _waiting.clear()


def _trace(frame: FrameType, _: str, __: Any) -> Any:
    # Only the body of the main script is followed line by line; every other call is left alone.
    if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__main__":
        return _follow
    return None


def _follow(_: FrameType, event: str, __: Any) -> Any:
    global _waiting
    _waiting = _undefined(_waiting)
    if event == "return":
        for path, _action in _waiting:
            swallow("mainscript", _on_missing, path)
    if event == "return" or not _waiting:
        stop()
        return None
    return _follow


def _undefined(wanted: Waiting) -> Waiting:
    names = vars(sys.modules["__main__"])
    left = []
    for path, action in wanted:
        if path.partition(".")[0] in names:
            swallow("mainscript", action)
        else:
            left.append((path, action))
    return left
