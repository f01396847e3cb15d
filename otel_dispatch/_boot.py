"""What the start-up file runs: looks at a variable, and waits for the first import worth listening to.

Nothing but the standard library's `os` and `sys` is imported here, and running it twice does no harm.
"""

import os
import sys
from typing import Any

_WORDS = ("1", "true", "yes", "on")
_done = False


class Trigger:
    """A finder that sees the first import of a library we listen to, and then steps aside."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def find_spec(self, name: str, *where: Any) -> Any:
        """Instrument before *name* is imported, where it is or begins like one of ours."""
        if not name.startswith(self._names) or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        start()
        # The import that asks goes on behind the finders that starting has just put in front: ask those, too.
        found = (finder.find_spec(name, *where) for finder in list(sys.meta_path))
        return next((spec for spec in found if spec is not None), None)


def init() -> None:
    """Have this process instrumented as soon as that matters, where DISPATCH_OTEL asks for it; never raises."""
    global _done
    if _done or os.environ.get("DISPATCH_OTEL", "").strip().lower() not in _WORDS:
        return
    _done = True
    names = _names()
    if names is None or any(module.startswith(names) for module in list(sys.modules)):
        start()
    else:
        sys.meta_path.insert(0, Trigger(names))


def start() -> None:
    """Instrument this process now."""
    try:
        from .activate import instrument

        instrument()
    except Exception as error:
        # Not through `guard`: it is the import of our own package that may have failed.
        os.write(
            2,
            f"otel_dispatch could not start ({type(error).__name__}); the program is unaffected.\n".encode(),
        )


def _names() -> tuple[str, ...] | None:
    # A file in transports/ or hosts/ is named for the library it listens to, so the folders are the list.
    here = os.path.dirname(os.path.abspath(__file__))
    files = [name for folder in ("transports", "hosts") for name in os.listdir(os.path.join(here, folder))]
    entries = os.environ.get("DISPATCH_OTEL_ENTRYPOINTS", "")
    if "__main__" in entries or _main_stem() in entries:
        return None
    mine = [entry.partition("=")[2].partition(":")[0].strip() for entry in entries.split(",")]
    return tuple({name.removesuffix(".py") for name in files if not name.startswith("_")} | set(filter(None, mine)))


def _main_stem() -> str:
    for word in sys.orig_argv[1:]:
        if word.endswith(".py"):
            return os.path.basename(word).removesuffix(".py") + ":"
    return "__main__"
