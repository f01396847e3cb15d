"""The file that defines an agent: the hash of what it says, and the path to tell it by."""

import hashlib
import os
import stat

from .guard import warn

LENGTH = 16
"""How many hex digits of the SHA-256 a hash has."""

_LARGEST = 16 * 2**20


def hash_of(path: str) -> str:
    """The hash of the file at *path*; raises `OSError` where it is no regular file, too large, or unreadable."""
    found = os.stat(path)
    # A pipe would block for ever.
    if not stat.S_ISREG(found.st_mode):
        raise OSError(0, "it is not a regular file")
    if found.st_size > _LARGEST:
        raise OSError(0, f"it is larger than {_LARGEST // 2**20} MiB")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:LENGTH]


def hash_now(path: str | None) -> str | None:
    """The hash of the file at *path*; None where there is none, told once where it cannot be read."""
    if path is None:
        return None
    try:
        return hash_of(path)
    except (OSError, ValueError) as error:
        warn("The definition %s cannot be read (%s); its hash is not recorded.", path, reason_of(error))
        return None


def reason_of(error: Exception) -> str:
    """Why a file cannot be read or written, in a few words."""
    return getattr(error, "strerror", None) or str(error)


def shown(path: str) -> str:
    """*path* from the current directory where it lies below it, else whole."""
    try:
        near = os.path.relpath(path)
    except (OSError, ValueError):
        return path
    return path if near.startswith(os.pardir) else near
