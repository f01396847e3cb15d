"""Waits for the first launch of an agent program, in programs that import nothing else we listen to.

Too much imports `subprocess` to start for that. So its `Popen.__init__` is stood in for by a function that only looks
whether the command may be an agent program, and then starts us and steps aside.
"""

import os
from collections.abc import Callable
from typing import Any

MODULE = "subprocess"

_LONGEST = 65_536
_MOST = 64
_posted: list[tuple[Any, Any, Any]] = []


class Loader:
    """Loads the module as its own loader does, which then takes its place again, and posts the sentry in it."""

    def __init__(self, loader: Any, names: tuple[str, ...], start: Callable[[], None]) -> None:
        self._loader, self._names, self._start = loader, names, start

    def create_module(self, spec: Any) -> Any:
        """Create the module."""
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        """Run the module, and post the sentry."""
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        post(module, self._names, self._start)


def post(module: Any, names: tuple[str, ...], start: Callable[[], None]) -> None:
    """Stand in for ``Popen.__init__`` of *module* until a program of *names* may be launched; then call *start*."""
    kind: Any = getattr(module, "Popen", None)
    original = vars(kind).get("__init__") if isinstance(kind, type) else None
    if original is None or _posted:
        return

    def __init__(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 - stands in for one
        if _posted and _is_worth(args[0] if args else kwargs.get("args"), names):
            is_gone = dismiss()
            start()
            # Where somebody has wrapped the sentry since, going in again would run theirs twice.
            if is_gone:
                return kind.__init__(self, *args, **kwargs)
        return original(self, *args, **kwargs)

    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(__init__, name, getattr(original, name, None))
    __init__.__wrapped__ = original  # type: ignore[attr-defined]
    kind.__init__ = __init__
    _posted.append((kind, __init__, original))


def dismiss() -> bool:
    """Put the original back; whether that was possible, as nobody had wrapped the sentry."""
    is_gone = True
    while _posted:
        kind, mine, original = _posted.pop()
        is_gone = vars(kind).get("__init__") is mine
        if is_gone:
            kind.__init__ = original
    return is_gone


def _is_worth(args: Any, names: tuple[str, ...]) -> bool:
    words = args if isinstance(args, list | tuple) else (args,)
    for word in words[:_MOST]:
        if isinstance(word, str | bytes | os.PathLike):
            text = os.fsdecode(word)[:_LONGEST]
            if any(name in text for name in names):
                return True
    return False
