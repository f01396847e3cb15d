"""What most events of a stream look like: the same bytes around a text, so that only the text's length is news."""

import re
from collections.abc import Callable, Iterator
from typing import Final, Literal

_TEXT: Final = b"content|text|delta|response|thinking|reasoning_content|reasoning|partial_json|arguments"
"""The names under which a stream's text, thoughts and tool arguments come, of which a reply keeps no word."""

_ASIDE: Final = b"created_at|obfuscation|p|sequence_number"
"""Names whose values no reader looks at, and which differ from event to event."""

_HOLE: Final = re.compile(
    rb'"(?:(?:%b)": ?"(?P<text>[^"\\]+)|(?:%b)": ?(?:"(?P<word>[^"\\]+)|(?P<number>\d+)))' % (_TEXT, _ASIDE)
)
_QUOTE, _BACKSLASH = b'"\\'
_BREAK: Final = ord("\n")
_ASCII: Final = 0x7F
_PLAIN: Final = bytes(byte for byte in range(ord(" "), _ASCII) if byte not in (_QUOTE, _BACKSLASH))

Pattern = Callable[[bytes], int]
"""By how many bytes a chunk lengthens the visible text, if it is another such event whole; -1 if it may say more."""

_Kind = Literal["text", "word", "number"]
_Hole = tuple[int, int, _Kind]
"""Where what may differ begins and ends in an event, and what it is."""

_After = tuple[bytes, _Kind]
"""What stands after a hole up to the next, and what is in the hole."""


def pattern_of(event: bytes, grown: int) -> Pattern | None:
    """The pattern of an *event* that lengthened the visible text by *grown* bytes, or None where it is not plain.

    One that lengthens it by none is of thoughts or arguments: those are to have been heard of before.
    """
    holes = [] if _BACKSLASH in event else list(_holes(event, grown))
    # Of two texts of one length it cannot be told which of them is the visible one.
    if [kind for *_, kind in holes].count("text") != 1:
        return None
    starts = [start for start, *_ in holes[1:]] + [len(event)]
    after = [(event[end:start], kind) for (_, end, kind), start in zip(holes, starts, strict=True)]
    head = event[: holes[0][0]]
    return _one(head, after[0][0], grown > 0) if len(after) == 1 else _several(head, after, grown > 0)


def _holes(event: bytes, grown: int) -> Iterator[_Hole]:
    for found in _HOLE.finditer(event):
        kind: _Kind = found.lastgroup  # type: ignore[assignment]
        start, end = found.span(kind)
        if kind != "text" or not grown or end - start == grown:
            yield start, end, kind


def _one(head: bytes, tail: bytes, is_said: bool) -> Pattern:
    start, rest = len(head), len(tail)

    def grown(chunk: bytes) -> int:
        end = len(chunk) - rest
        if end > start and chunk.startswith(head) and chunk.endswith(tail):
            text = chunk[start:end]
            # What JSON has to escape, and what is no UTF-8, is for the reader.
            if not (odd := text.translate(None, _PLAIN)) or (min(odd) > _ASCII and _is_utf8(text)):
                return end - start if is_said else 0
        return -1

    return grown


def _several(head: bytes, after: list[_After], is_said: bool) -> Pattern:
    first, steps = len(head), [(tail[0], tail, len(tail), kind) for tail, kind in after]
    breaks = head.count(_BREAK) + sum(tail.count(_BREAK) for tail, _ in after)

    def grown(chunk: bytes) -> int:
        if not chunk.startswith(head) or _BACKSLASH in chunk or chunk.count(_BREAK) != breaks:
            return -1
        at, found = first, 0
        for stop, tail, size, kind in steps:
            end = chunk.find(stop, at)
            if end <= at or not chunk.startswith(tail, end):
                return -1
            if kind == "text":
                found = end - at
            elif kind == "number" and not chunk[at:end].isdigit():
                return -1
            at = end + size
        if at != len(chunk) or not (chunk.isascii() or _is_utf8(chunk)):
            return -1
        return found if is_said else 0

    return grown


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
