"""Which lines have been read: on disk, so that a long transcript costs no memory."""

import sqlite3
from hashlib import blake2b
from typing import Final

import msgspec

from .transcript import Line

_SET_UP: Final = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA cache_size = -8192",
    "CREATE TABLE seen (line BLOB PRIMARY KEY) WITHOUT ROWID",
)
_encode = msgspec.json.Encoder(order="sorted").encode


class Seen:
    """The lines read so far, by type and call; a line without a call's id by all that it says."""

    def __init__(self) -> None:
        # A nameless database is a temporary file that goes with its connection.
        self._table = sqlite3.connect("", isolation_level=None)
        for statement in _SET_UP:
            self._table.execute(statement)

    def is_new(self, line: Line) -> bool:
        """Whether this is the first time that *line* is read; a sidecar and the event log hold the same ones."""
        call_id = line.call_id
        about = b"all" + _encode(line.told) if call_id is None else b"call" + call_id.encode()
        key = blake2b(line.entry.encode() + about, digest_size=16).digest()
        return self._table.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount == 1

    def close(self) -> None:
        """Give the temporary file back."""
        self._table.close()
