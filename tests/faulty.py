"""Makes functions of ours raise."""

from collections.abc import Callable
from typing import Any

import pytest


def boom(*_: Any, **__: Any) -> Any:
    """Raise what only we raise."""
    raise ZeroDivisionError("ours")


def raising(module: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Makes one function of ours raise."""
    return lambda patcher: patcher.setattr(module, name, boom)
