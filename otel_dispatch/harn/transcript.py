"""Lines of harn's transcripts: from bytes, in whichever of its wrappings, to the entry that each carries."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Any, BinaryIO, Final

import msgspec

from ..thinking import as_map
from ..vocabulary import clean, count_of, text_of

STDIN: Final = "-"
_LONGEST: Final = 64 * 2**20
_SECONDS: Final = re.compile(r"(\d{1,10})(?:\.(\d{1,9}))?")
_FOLDER: Final = "-llm"
_FILE: Final = "llm_transcript"
# What wraps an entry, and the key it then lies under: an event-log topic's line, one of `harn run --json`.
_WRAPPED: Final = ("event", "data")
_OURS: Final = "otel_span_id"


class Entry(StrEnum):
    """The entries that tell of a model call; all others are context or content."""

    REQUEST = "provider_call_request"
    RESPONSE = "provider_call_response"
    ERROR = "provider_call_error"
    EMPTY_RETRY = "empty_completion_retry"
    RECORD = "resolved_dispatch"


class Left(StrEnum):
    """Why a line tells of no model call."""

    OTHER = "other"
    UNREADABLE = "unreadable"


_MARKS: Final = tuple(str(entry).encode() for entry in Entry)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry: its type, its fields, and when it was written in Unix nanoseconds, where it says so."""

    entry: Entry
    told: Mapping[str, Any]
    at_ns: int | None

    @property
    def call_id(self) -> str | None:
        """The id of the attempt that it is about."""
        return text_of(self.told.get("call_id"))


def lines_in(file: BinaryIO) -> Iterator[bytes]:
    """The lines of *file* with their ends; one that is too long to be held comes as its beginning, which is torn."""
    while data := file.readline(_LONGEST):
        yield data
        while len(data) == _LONGEST and not data.endswith(b"\n"):
            data = file.readline(_LONGEST)


def read(data: bytes) -> Line | Left:
    """The entry that the line *data* carries, or why it carries none."""
    # Most of a transcript is messages and prompts: they need not be decoded to be left out.
    if not any(mark in data for mark in _MARKS):
        return Left.OTHER if data.rstrip().endswith(b"}") else Left.UNREADABLE
    try:
        whole = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Left.UNREADABLE
    wrapper, told = _unwrapped(as_map(whole))
    word = told.get("type", wrapper.get("kind"))
    # A line of our own record file has been told.
    if not isinstance(word, str) or word not in _ENTRIES or _OURS in told:
        return Left.OTHER
    at_ns = nanoseconds_of(told.get("timestamp"))
    if at_ns is None and (millis := count_of(wrapper.get("occurred_at_ms"))):
        at_ns = nanoseconds_of(f"{millis // 1000}.{millis % 1000:03d}")
    return Line(Entry(word), told, at_ns)


_ENTRIES: Final = frozenset(map(str, Entry))


def nanoseconds_of(value: object) -> int | None:
    """*value*, Unix seconds with a fraction, as a word or a number, in nanoseconds; None where it is no such time."""
    match = _SECONDS.fullmatch(str(value)) if isinstance(value, str | int | float) else None
    if match is None:
        return None
    return int(match[1]) * 1_000_000_000 + int((match[2] or "").ljust(9, "0")) or None


def run_name(source: str) -> str:
    """The name of the run whose transcript lies at *source*: its folder's in harn's layout, else the file's."""
    if source == STDIN:
        return "stdin"
    path = PurePath(source)
    folder = path.parent.name
    if folder.endswith(_FOLDER) and folder != _FOLDER:
        return clean(folder.removesuffix(_FOLDER))
    return clean(folder if path.stem == _FILE and folder else path.stem) or "transcript"


def _unwrapped(whole: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    wrapper = next((inner for key in _WRAPPED if (inner := as_map(whole.get(key)))), whole)
    return wrapper, as_map(wrapper.get("payload")) or (whole if wrapper is whole else {})
