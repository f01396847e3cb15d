"""What most events of a stream look like: the same bytes around a text, so that only the text's length is news."""

import re
from binascii import Error, a2b_base64
from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

_TEXT: Final = b"content|text|delta|response|thinking|reasoning_content|reasoning|partial_json|arguments"
"""The names under which a stream's text, thoughts and tool arguments come, of which a reply keeps no word."""

_ASIDE: Final = b"created_at|obfuscation|p|sequence_number"
"""Names whose values no reader looks at, and which differ from event to event."""

_HOLE: Final = re.compile(
    rb'"(?:(?:%b)": ?"(?P<text>[^"\\]+)|(?:%b)": ?(?:"(?P<word>[^"\\]+)|(?P<number>\d+)))' % (_TEXT, _ASIDE)
)
_FIGURES: Final = re.compile(rb'"usage(?:Metadata)?": ?\{')
_WRAPPED: Final = re.compile(rb'"bytes": ?"([^"\\]+)')
_QUOTE, _BACKSLASH = b'"\\'
_BREAK: Final = ord("\n")
_ASCII: Final = 0x7F
_DIGITS: Final = b"0123456789"
_PLAIN: Final = bytes(byte for byte in range(ord(" "), _ASCII) if byte not in (_QUOTE, _BACKSLASH))

Grown = Callable[[bytes], int]
"""By how many bytes a chunk lengthens the visible text, if it is another such event whole; -1 if it may say more."""


class Pattern(NamedTuple):
    """What another such event looks like; where it ``counts`` what was used so far, the last of them is to be read."""

    grown: Grown
    counts: bool = False


_Kind = Literal["text", "word", "number"]
_Hole = tuple[int, int, _Kind]
"""Where what may differ begins and ends in an event, and what it is."""

_After = tuple[bytes, _Kind]
"""What stands after a hole up to the next, and what is in the hole."""


def pattern_of(event: bytes, grown: int) -> Pattern | None:
    """The pattern of an *event* that lengthened the visible text by *grown* bytes, or None where it is not plain.

    One that lengthens it by none is of thoughts or arguments: those are to have been heard of before.
    """
    if (wrapped := _WRAPPED.search(event)) is not None:
        return _wrapping(event, wrapped, grown)
    cut = _cut(event, grown)
    return None if cut is None else _around(*cut, grown > 0)


def _cut(event: bytes, grown: int) -> tuple[bytes, list[_After]] | None:
    """What stands before the first hole of *event*, and after each."""
    holes = [] if _BACKSLASH in event else list(_holes(event, grown))
    # Of two texts of one length it cannot be told which of them is the visible one, nor whether it is several together.
    if [kind for *_, kind in holes].count("text") != 1 or _is_sum(event, grown):
        return None
    starts = [start for start, *_ in holes[1:]] + [len(event)]
    after = [(event[end:start], kind) for (_, end, kind), start in zip(holes, starts, strict=True)]
    return event[: holes[0][0]], after


def _holes(event: bytes, grown: int) -> Iterator[_Hole]:
    for found in _HOLE.finditer(event):
        kind: _Kind = found.lastgroup  # type: ignore[assignment]
        start, end = found.span(kind)
        if kind != "text" or not grown or end - start == grown:
            yield start, end, kind


def _is_sum(event: bytes, grown: int) -> bool:
    """Whether several texts of *event* may have *grown* the visible text together."""
    shorter = [size for found in _HOLE.finditer(event) if 0 < (size := len(found["text"] or b"")) < grown]
    return sum(shorter) >= grown > 0


def _around(head: bytes, after: list[_After], is_said: bool) -> Pattern:
    tail, _ = after[0]
    if len(after) > 1:
        return Pattern(_several(head, after, is_said))
    if _FIGURES.search(tail):
        return Pattern(_counting(head, tail, is_said), counts=True)
    return Pattern(_one(head, tail, is_said))


def _wrapping(event: bytes, wrapped: re.Match[bytes], grown: int) -> Pattern | None:
    # The model's own event, in base64, in an event of Bedrock's InvokeModelWithResponseStream.
    cut = _cut(_unwrapped(wrapped[1]), grown)
    if cut is None:
        return None
    # Three bytes are four letters: what stands before the text need not be unwrapped again.
    whole = len(cut[0]) // 3
    inner = _around(cut[0][3 * whole :], cut[1], grown > 0)
    start = wrapped.start(1) + 4 * whole
    padding = next((hole for hole in _HOLE.finditer(event, wrapped.end()) if hole["word"]), None)
    first, last = (len(event), len(event)) if padding is None else padding.span("word")
    head, tail, end = event[:start], event[wrapped.end(1) : first], event[last:]
    return Pattern(_within(head, tail, end, inner.grown), inner.counts)


def _within(head: bytes, tail: bytes, last: bytes, grown_by: Grown) -> Grown:
    start, size, rest = len(head), len(tail), len(last)

    def grown(chunk: bytes) -> int:
        end = chunk.find(_QUOTE, start)
        if end <= start or not (chunk.startswith(head) and chunk.startswith(tail, end) and chunk.endswith(last)):
            return -1
        after = end + size
        if (chunk.find(_QUOTE, after) if rest else after) != len(chunk) - rest:
            return -1
        return grown_by(_unwrapped(chunk[start:end]))

    return grown


def _unwrapped(text: bytes) -> bytes:
    try:
        return a2b_base64(text, strict_mode=True)
    except Error:
        return b""


def _one(head: bytes, tail: bytes, is_said: bool) -> Grown:
    start, rest = len(head), len(tail)

    def grown(chunk: bytes) -> int:
        end = len(chunk) - rest
        if end > start and chunk.startswith(head) and chunk.endswith(tail):
            text = chunk[start:end]
            if not text.translate(None, _PLAIN) or _is_plain(text):
                return end - start if is_said else 0
        return -1

    return grown


def _counting(head: bytes, tail: bytes, is_said: bool) -> Grown:
    start, skeleton = len(head), tail.translate(None, _DIGITS)

    def grown(chunk: bytes) -> int:
        if chunk.startswith(head) and (end := chunk.find(_QUOTE, start)) > start:
            text = chunk[start:end]
            if chunk[end:].translate(None, _DIGITS) == skeleton and _is_plain(text):
                return end - start if is_said else 0
        return -1

    return grown


def _several(head: bytes, after: list[_After], is_said: bool) -> Grown:
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


def _is_plain(text: bytes) -> bool:
    # What JSON has to escape, and what is no UTF-8, is for the reader.
    odd = text.translate(None, _PLAIN)
    return not odd or (min(odd) > _ASCII and _is_utf8(text))


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
