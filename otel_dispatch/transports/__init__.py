"""The libraries that carry model calls: one file each, found by walking this folder."""

import importlib
import pkgutil
from functools import cache

from ..guard import swallow
from ..seam import Seam


@cache
def seams() -> tuple[Seam, ...]:
    """The seams of every transport in this folder."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    # One that cannot be imported must not silence the others.
    found = (swallow(name, importlib.import_module, f"{__name__}.{name}") for name in names)
    return tuple(seam for module in found if module is not None for seam in module.SEAMS)
