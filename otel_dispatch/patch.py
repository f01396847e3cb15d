"""Puts seams into live modules with wrapt and takes them out; the only file that patches."""

import inspect
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt

from .guard import log, once, swallow, warn
from .seam import Seam

_lock = threading.RLock()
_wanted: dict[tuple[str, str], Seam] = {}
_hooked: set[str] = set()
_installed: dict[tuple[str, str], tuple[Any, str, Any, Any]] = {}
_copies: dict[tuple[str, str], tuple[str, ...]] = {}
_ABSENT = object()


def install(seam: Seam) -> None:
    """Wrap what *seam* names: now where its module is loaded, else as soon as it is."""
    with _lock:
        _wanted[seam.module, seam.path] = seam
        module = sys.modules.get(seam.module)
        if module is not None and not _is_loading(module):
            _apply_all(module)
        elif seam.module not in _hooked:
            _hooked.add(seam.module)
            wrapt.register_post_import_hook(_on_import, seam.module)


def when_imported(name: str, action: Callable[[], object]) -> None:
    """Call *action* after the first import of the module *name*."""
    wrapt.register_post_import_hook(lambda _: swallow(name, action), name)


def remove_all() -> None:
    """Put every original back; where somebody has wrapped ours since, ours stays under it and passes calls on."""
    with _lock:
        _wanted.clear()
        for key, (parent, attribute, wrapper, original) in _installed.items():
            _replace_copies(_copies.get(key, ()), attribute, wrapper, original)
            if not _is_ours(vars(parent).get(attribute), wrapper):
                continue
            if original is _ABSENT:
                delattr(parent, attribute)
            else:
                setattr(parent, attribute, original)
        _installed.clear()


def wanted() -> list[Seam]:
    """Every seam that was asked for, in place or waiting for its module."""
    return list(_wanted.values())


def resolves(seam: Seam, module: ModuleType) -> bool:
    """Whether *module* has what *seam* names."""
    return _find(module, seam.path) is not None


def _is_loading(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _on_import(module: ModuleType) -> None:
    # An exception in a post-import hook makes the host's import fail.
    swallow("patch", _apply_all, module)


def _apply_all(module: ModuleType) -> None:
    with _lock:
        for seam in [seam for seam in _wanted.values() if seam.module == module.__name__]:
            swallow(f"{seam.module}:{seam.path}", _apply, module, seam)


def _apply(module: ModuleType, seam: Seam) -> None:
    key = (seam.module, seam.path)
    found = _find(module, seam.path)
    if found is None:
        _say_missing(seam)
        return
    parent, attribute, current = found
    if key in _installed and vars(parent).get(attribute) is _installed[key][2]:
        return
    original = vars(parent).get(attribute, _ABSENT)
    wrapper = wrapt.FunctionWrapper(current if original is _ABSENT else original, seam.wrapper)
    setattr(parent, attribute, wrapper)
    _installed[key] = (parent, attribute, vars(parent)[attribute], original)
    _copies[key] = seam.copied_to
    _replace_copies(seam.copied_to, attribute, original, wrapper)


def _is_ours(current: Any, wrapper: Any) -> bool:
    # Who monkeypatches by hand puts back what the class gave for the asking: ours, bound to the class.
    return current is wrapper or getattr(current, "_self_parent", None) is wrapper


def _replace_copies(modules: tuple[str, ...], name: str, held: Any, by: Any) -> None:
    for module in filter(None, map(sys.modules.get, modules)):
        if vars(module).get(name) is held:
            setattr(module, name, by)


def _find(module: ModuleType, path: str) -> tuple[Any, str, Any] | None:
    try:
        parent, attribute, current = wrapt.resolve_path(module, path)
    except AttributeError:
        return None
    raw = inspect.getattr_static(parent, attribute, current)
    return (parent, attribute, current) if callable(current) or callable(raw) else None


def _say_missing(seam: Seam) -> None:
    if seam.told_by is not None:
        warn("%s: the module %s has no callable %s.", seam.told_by, seam.module, seam.path)
    elif once(f"{seam.module}:{seam.path}"):
        log.info("otel_dispatch: %s has no %s in this version; it is not observed.", seam.module, seam.path)
