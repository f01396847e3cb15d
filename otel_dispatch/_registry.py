"""Which hosts other distributions register: their entry points, read without `importlib.metadata`.

That would cost a program many times what all of our start-up does. Nothing but `os` and `sys` is imported here.
"""

import os
import sys
from collections.abc import Iterator

GROUP = "otel_dispatch.hosts"
"""The group of entry points: the name is the library that a host observes, the value the host's module."""

_FOLDERS = (".dist-info", ".egg-info")
_seen: set[str] = set()
_found: dict[str, tuple[str, ...]] = {}


def registered() -> dict[str, tuple[str, ...]]:
    """The libraries that hosts are registered for, each with its hosts' modules; a folder of the path is read once."""
    for folder in [folder for folder in sys.path if isinstance(folder, str) and folder not in _seen]:
        _seen.add(folder)
        for library, module in _registered_in(folder or os.curdir):
            _found[library] = tuple(dict.fromkeys((*_found.get(library, ()), module)))
    return _found


def _registered_in(folder: str) -> Iterator[tuple[str, str]]:
    try:
        names = [name for name in os.listdir(folder) if name.endswith(_FOLDERS)]
    except OSError:
        # No folder, or one that may not be read: what lies in an archive is not found.
        return
    for name in names:
        yield from _entries(_text_of(os.path.join(folder, name, "entry_points.txt")))


def _text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _entries(text: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in map(str.strip, text.splitlines() if GROUP in text else ()):
        name, _, value = (part.strip() for part in line.partition("="))
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif section == GROUP and name and value and line[0] not in "#;":
            yield name, value
