"""The record file: one JSON line a dispatch, appended whole, so that many processes can share it."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from .definition import reason_of
from .guard import warn

VARIABLE = "DISPATCH_OTEL_RECORD_FILE"
TYPE = "resolved_dispatch"
"""The type that a line of ours has, as harn's does."""

_encode = msgspec.json.Encoder(enc_hook=str).encode
# O_NONBLOCK: a named pipe that nobody reads must not stop the host. 0600: a route is nobody else's business.
# O_NOFOLLOW: in a folder that others may write to, a symbolic link would choose for the host what it appends to.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT
for _name in ("O_CLOEXEC", "O_NONBLOCK", "O_NOFOLLOW"):
    _FLAGS |= getattr(os, _name, 0)


class UnreadableError(Exception):
    """A record file that cannot be read; its text is one sentence for the user."""


def append(path: str, line: dict[str, Any] | None) -> None:
    """Append *line* to the file at *path* in one write; a bad path or a full disk costs one warning a process.

    Without a line it is only seen whether the file can be written, so that a wrong path is told at the start.
    """
    try:
        _write(path, b"" if line is None else _encode(line) + b"\n")
    except (OSError, ValueError) as error:
        warn("%s: records cannot be written to %s (%s) and are lost.", VARIABLE, path, reason_of(error))


def append_all(path: str, lines: Sequence[dict[str, Any]]) -> None:
    """Append *lines* to the file at *path* in one write; raises `OSError` where they cannot be written whole."""
    _write(path, b"".join(_encode(line) + b"\n" for line in lines))


def _write(path: str, data: bytes) -> None:
    descriptor = _opened(path)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is not a regular file")
        if os.write(descriptor, data) != len(data):
            raise OSError(0, "the disk is full")
    finally:
        os.close(descriptor)


def _opened(path: str) -> int:
    try:
        return os.open(path, _FLAGS, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(error.errno, "it is a symbolic link") from error
        raise


def read(path: str | Path) -> Iterator[dict[str, Any]]:
    """The records of the file at *path*, oldest first; torn and foreign lines are left out.

    Raises `UnreadableError` where there is no such file or it cannot be read.
    """
    return (record for line in lines(path) if (record := record_in(line)) is not None)


def lines(path: str | Path) -> Iterator[bytes]:
    """The lines of the file at *path*, whatever they are; raises `UnreadableError` where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            yield from file
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path} cannot be read: {reason_of(error)}.") from error


def record_in(line: bytes) -> dict[str, Any] | None:
    """The record that *line* is, or None where it is none."""
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return record if isinstance(record, dict) and record.get("type") == TYPE else None
