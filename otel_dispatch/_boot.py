"""What the start-up file runs: looks at a variable, and waits for the first import worth listening to.

Nothing but the standard library's `os` and `sys` is imported here, and running it twice does no harm.
"""

import os
import sys
from typing import Any

ON = ("1", "true", "yes", "on")
_done = False


class Trigger:
    """A finder that sees the first import of a module we listen to, and then steps aside.

    *libraries* are how names of libraries begin (``httpx`` stands for httpx2, too), *modules* are whole names.
    """

    def __init__(self, libraries: tuple[str, ...], modules: frozenset[str]) -> None:
        self._libraries, self._modules = libraries, modules

    def is_meant(self, name: str) -> bool:
        """Whether the import of *name* is worth starting for."""
        return name in self._modules or name.startswith(self._libraries)

    def find_spec(self, name: str, *where: Any) -> Any:
        """Instrument before *name* is imported, where it is one of ours."""
        if not self.is_meant(name) or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        start()
        # The import that asks goes on behind the finders that starting has just put in front: ask those, too.
        found = (finder.find_spec(name, *where) for finder in list(sys.meta_path))
        return next((spec for spec in found if spec is not None), None)


def init() -> None:
    """Have this process instrumented as soon as that matters, where DISPATCH_OTEL asks for it; never raises."""
    global _done
    if _done or os.environ.get("DISPATCH_OTEL", "").strip().lower() not in ON:
        return
    _done = True
    modules = _entry_modules()
    trigger = Trigger(_libraries(), modules)
    if modules & {"__main__", _main_module()} or any(map(trigger.is_meant, list(sys.modules))):
        start()
    else:
        sys.meta_path.insert(0, trigger)


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


def _libraries() -> tuple[str, ...]:
    # A file in transports/ or hosts/ is named for the library it listens to, so the folders are the list.
    here = os.path.dirname(os.path.abspath(__file__))
    files = [name for folder in ("transports", "hosts") for name in os.listdir(os.path.join(here, folder))]
    return tuple(name.removesuffix(".py") for name in files if name.endswith(".py") and name[0] != "_")


def _entry_modules() -> frozenset[str]:
    entries = os.environ.get("DISPATCH_OTEL_ENTRYPOINTS", "").split(",")
    return frozenset(entry.partition("=")[2].partition(":")[0].strip() for entry in entries) - {""}


def _main_module() -> str:
    script = next((word for word in sys.orig_argv[1:] if word.endswith(".py")), "")
    return os.path.basename(script).removesuffix(".py") or "__main__"
