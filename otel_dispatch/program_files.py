"""Files that an agent program is set up by, as far as they can be read: bounded, and never waited for."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

_LARGEST = 2**20


def text_in(path: Path) -> str | None:
    """What the file at *path* says, "" where there is none; None where it cannot be read, is no file or too large."""
    try:
        found = path.stat()
        # A pipe would block for ever.
        is_fit = stat.S_ISREG(found.st_mode) and found.st_size <= _LARGEST
        return path.read_text("utf-8-sig", "replace") if is_fit else None
    except (FileNotFoundError, NotADirectoryError):
        # A link that leads nowhere may lead somewhere for the program.
        return None if os.path.islink(path) else ""
    except (OSError, ValueError):
        return None


def home_in(env: Mapping[str, str], variable: str, name: str) -> Path | None:
    """The folder of a program's own files: what *variable* of *env* says, else *name* in the user's home."""
    if told := env.get(variable, "").strip():
        return Path(told)
    home = env.get("HOME") or env.get("USERPROFILE")
    return Path(home, name) if home else None
