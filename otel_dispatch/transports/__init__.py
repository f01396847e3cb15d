"""The libraries that carry model calls: one file each, found by walking this folder."""

import importlib
import pkgutil
from functools import cache

from ..seam import Seam


@cache
def seams() -> tuple[Seam, ...]:
    """The seams of every transport in this folder."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(seam for name in names for seam in importlib.import_module(f"{__name__}.{name}").SEAMS)
