"""A program of your own: entry points named in ``DISPATCH_OTEL_ENTRYPOINTS``, or marked with `entry_point`."""

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Final

from .. import mainscript, patch
from ..drive import watch
from ..entry import EntryPoint
from ..guard import warn
from ..seam import Seam
from ..vocabulary import ENTRY_KINDS, Kind

VARIABLE: Final = "DISPATCH_OTEL_ENTRYPOINTS"
FORM: Final = "kind=package.module:function or kind=package.module:Class.method"


def seams() -> list[Seam]:
    """A seam for each entry of the variable; a wrong one is told in a sentence and left out."""
    found = []
    for entry in filter(None, (part.strip() for part in os.environ.get(VARIABLE, "").split(","))):
        seam = _seam(entry)
        if seam is not None:
            found.append(seam)
    mains = [seam for seam in found if seam.module in ("__main__", _main_module())]
    if mains:
        mainscript.await_functions([(seam.path, partial(_in_main, seam)) for seam in mains], _say_undefined)
    return [seam for seam in found if seam.module != "__main__"]


def report_missing() -> None:
    """Say which entry's module was neither imported nor can be found."""
    for seam in patch.wanted():
        is_asked = seam.told_by is not None and seam.module not in (*sys.modules, _main_module())
        if is_asked and not _exists(seam.module):
            warn("%s: there is no module %s.", seam.told_by, seam.module)


def stop() -> None:
    """Stop waiting for the main script's functions."""
    mainscript.stop()


def _seam(entry: str) -> Seam | None:
    word, equals, place = (part.strip() for part in entry.partition("="))
    module, colon, path = (part.strip() for part in place.partition(":"))
    where = f"{VARIABLE}: {entry!r}"
    if not (equals and colon and module and path):
        warn("%s is not of the form %s and is left out.", where, FORM)
        return None
    if word not in ENTRY_KINDS:
        warn("%s: the kind is not one of %s; it is left out.", where, ", ".join(sorted(ENTRY_KINDS)))
        return None
    return Seam(module, path, _wrapper(EntryPoint(Kind(word))), where)


def _wrapper(entry: EntryPoint) -> Callable[..., Any]:
    def wrapper(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return watch(entry, wrapped, args, kwargs)

    return wrapper


def _in_main(seam: Seam) -> None:
    patch.install(Seam("__main__", seam.path, seam.wrapper, seam.told_by))


def _say_undefined(path: str) -> None:
    warn("%s: the main script defines no %s.", VARIABLE, path)


def _main_module() -> str:
    script = sys.argv[0] if sys.argv and sys.argv[0].endswith(".py") else ""
    return Path(script).stem if script else "__main__"


def _exists(module: str) -> bool:
    # Step by step over the path, as importlib.util.find_spec would import the packages above.
    path: Any = None
    for depth in range(1, module.count(".") + 2):
        name = ".".join(module.split(".")[:depth])
        loaded = sys.modules.get(name)
        spec = loaded.__spec__ if loaded is not None else PathFinder.find_spec(name, path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return True
