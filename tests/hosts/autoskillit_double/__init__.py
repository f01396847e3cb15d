"""A minimal double of AutoSkillit: the modules, names, signatures and order of calls of its version lines A to E.

Nothing of it is AutoSkillit's own code. `load` puts one line's package in place, `unload` takes it away.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from wrapt import importer

from otel_dispatch import patch

from .layouts import LINES, Fill

NAME = "autoskillit"


class Finder:
    """Finds and makes the modules of one line."""

    def __init__(self, modules: dict[str, Fill]) -> None:
        self.modules = modules

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if name not in self.modules:
            return None
        is_package = any(other.startswith(f"{name}.") for other in self.modules)
        return ModuleSpec(name, self, is_package=is_package)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self.modules[module.__name__](module)


def load(line: str) -> None:
    """Make the modules of *line* importable."""
    sys.meta_path.append(Finder(LINES[line]()))  # type: ignore[arg-type]


def server() -> Any:
    """The server's module of the line that is loaded."""
    return importlib.import_module(f"{NAME}.server")


def unload() -> None:
    """Forget every module of the double."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]
    # What has been imported once is not waited for again: no program imports a package anew.
    for waited in (patch._hooked, importer._post_import_hooks):
        for name in [name for name in waited if name.partition(".")[0] == NAME]:
            waited.remove(name) if isinstance(waited, set) else waited.pop(name)
