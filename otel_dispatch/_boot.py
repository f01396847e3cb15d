"""What the start-up file runs: looks at a variable, and waits for the first import worth listening to.

Nothing but the standard library's `os` and `sys` is imported here, and running it twice does no harm.
"""

import os
import sys
from typing import Any

from . import _registry, _sentry

ON = ("1", "true", "yes", "on")
_AFTER = ("", ".", *"0123456789")
# Every interpreter asks for these, and no host observes them: they are not worth reading the path for.
_NOBODYS = frozenset({"otel_dispatch", "sitecustomize", "usercustomize"})
_done = False


class Trigger:
    """A finder that sees the first import of a module we listen to, and then steps aside.

    *libraries* are names of libraries (``httpx`` stands for httpx2, too), *modules* are whole names. What other
    distributions register hosts for is looked up when something is imported that neither is, nor Python's own.
    """

    def __init__(self, libraries: tuple[str, ...], modules: frozenset[str]) -> None:
        self._libraries, self._modules = libraries, modules

    def is_meant(self, name: str) -> bool:
        """Whether the import of *name* is worth starting for."""
        # Not whatever begins so: requests_oauthlib is no requests.
        begun = (library for library in self._libraries if name.startswith(library))
        is_ours = name in self._modules or any(name[len(library) :][:1] in _AFTER for library in begun)
        return is_ours or _is_hosted(name)

    def find_spec(self, name: str, *where: Any) -> Any:
        """Instrument before *name* is imported, where it is one of ours."""
        if name == _sentry.MODULE:
            return self._guarded(name, *where)
        if not self.is_meant(name) or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        start()
        # The import that asks goes on behind the finders that starting has just put in front: ask those, too.
        found = (finder.find_spec(name, *where) for finder in list(sys.meta_path))
        return next((spec for spec in found if spec is not None), None)

    def _guarded(self, name: str, *where: Any) -> Any:
        others = (finder for finder in list(sys.meta_path) if finder is not self)
        spec: Any = next((found for finder in others if (found := finder.find_spec(name, *where)) is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _sentry.Loader(spec.loader, _programs(), start)
        return spec


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
        from .activate import wait

        wait(start)
        if _sentry.MODULE in sys.modules:
            _sentry.post(sys.modules[_sentry.MODULE], _programs(), start)


def start() -> None:
    """Instrument this process now."""
    _sentry.dismiss()
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
    # A file in transports/ or hosts/ is named for the library it listens to, so the folders are the list; an
    # underscore may stand for a dot.
    here = os.path.dirname(os.path.abspath(__file__))
    files = [name for folder in ("transports", "hosts") for name in os.listdir(os.path.join(here, folder))]
    names = [name.removesuffix(".py") for name in files if name.endswith(".py") and name[0] != "_"]
    return tuple({*names, *(name.replace("_", ".") for name in names)} - {_sentry.MODULE})


def _is_hosted(name: str) -> bool:
    top = name.partition(".")[0]
    is_somebodys = name[:1] != "_" and top not in sys.stdlib_module_names and top not in _NOBODYS
    return is_somebodys and name in _registry.registered()


def _programs() -> tuple[str, ...]:
    # Likewise, a file in dialects/ that ends so is named for the agent program it reads.
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dialects")
    return tuple(name.removesuffix("_cli.py") for name in os.listdir(folder) if name.endswith("_cli.py"))


def _entry_modules() -> frozenset[str]:
    entries = os.environ.get("DISPATCH_OTEL_ENTRYPOINTS", "").split(",")
    return frozenset(entry.partition("=")[2].partition(":")[0].strip() for entry in entries) - {""}


def _main_module() -> str:
    script = next((word for word in sys.orig_argv[1:] if word.endswith(".py")), "")
    return os.path.basename(script).removesuffix(".py") or "__main__"
