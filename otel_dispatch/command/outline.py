"""Trees of text: branches drawn beside it, wrapped to a terminal's width and coloured by rich there, else plain."""

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import chain
from typing import Final, TextIO

from ..vocabulary import clean
from .table import ON, Cell, width_of

_LINES: Final = ("├─ ", "└─ ", "│  ", "   ")
_ASCII: Final = ("|- ", "`- ", "|  ", "   ")
_DEEPEST: Final = 24
"""The most levels whose branches are drawn; further in, a number tells the depth."""
_NARROWEST: Final = 8
_MARK: Final = "x"

Row = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Item:
    """What stands at one place of a tree: its rows of text, its depth from 0 on, and whether a sibling follows."""

    rows: Sequence[Row]
    depth: int
    is_last: bool
    has_below: bool


def draw(title: Row, items: Iterable[Item], out: TextIO | None = None) -> None:
    """Write *title* and below it the tree that *items* tell, each before what is below it.

    On a terminal the rows are wrapped to its width; elsewhere each is one line.
    """
    out = out or sys.stdout
    room = shutil.get_terminal_size().columns if out.isatty() else None
    lines = chain(_wrapped(title, room, "", ""), _drawn(items, room, _marks(out)))
    if room is not None and find_spec("rich") is not None:
        _write_rich(lines, room, out)
    else:
        out.writelines("".join(cell.text for cell in line).rstrip() + "\n" for line in lines)


def _marks(out: TextIO) -> Sequence[str]:
    try:
        "".join(_LINES).encode(out.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return _ASCII
    return _LINES


def _drawn(items: Iterable[Item], room: int | None, marks: Sequence[str]) -> Iterator[Row]:
    middle, last, through, nothing = marks
    passing: list[str] = []
    for item in items:
        del passing[item.depth :]
        before = _guide(passing, room)
        hang = nothing if item.is_last else through
        follow = _guide([*passing, hang], room) + (through if item.has_below else nothing)
        head = before + (last if item.is_last else middle)
        for number, row in enumerate(item.rows):
            first = head if number == 0 else follow
            yield from _wrapped(row, room, first, follow)
        passing.append(hang)


def _guide(passing: Sequence[str], room: int | None) -> str:
    # A tree that is deeper than the terminal is wide keeps its innermost branches and half of the width for text.
    most = _DEEPEST if room is None else min(_DEEPEST, max(room // 2 - 8, 0) // 3)
    if len(passing) <= most:
        return "".join(passing)
    return f"[{len(passing)}] " + "".join(passing[-most:] if most else ())


def _wrapped(row: Row, room: int | None, first: str, follow: str) -> Iterator[Row]:
    row = [Cell(_clean(cell.text), cell.style) for cell in row]
    if room is None:
        yield [Cell(first, "dim"), *row]
        return
    width = max(room - max(width_of(first), width_of(follow)), _NARROWEST)
    guide = first
    for line in _lines(row, width):
        yield [Cell(guide, "dim"), *line]
        guide = follow


def _clean(text: str) -> str:
    # Every value is clean by itself; a list of many is longer than one may be.
    return text if text.isprintable() else " ".join(map(clean, text.splitlines()))


def _lines(row: Row, width: int) -> Iterator[Row]:
    line: list[Cell] = []
    used = 0
    for cell in _pieces(row, width):
        if used and used + width_of(cell.text.rstrip()) > width:
            yield line
            line, used = [], 0
        text = cell.text if used else cell.text.lstrip()
        if line and line[-1].style == cell.style:
            line[-1] = Cell(line[-1].text + text, cell.style)
        else:
            line.append(Cell(text, cell.style))
        used += width_of(text)
    yield line


def _pieces(row: Row, width: int) -> Iterator[Cell]:
    for cell in row:
        # A short phrase stays in one line.
        if width_of(cell.text.strip()) <= width // 2:
            yield cell
            continue
        lead = cell.text[: len(cell.text) - len(cell.text.lstrip())]
        for word in ([lead] if lead else []) + ON.findall(cell.text.lstrip()):
            for piece in _cut(word, width):
                yield Cell(piece, cell.style)


def _cut(word: str, width: int) -> Iterator[str]:
    while width_of(word.rstrip()) > width:
        fits = next(n for n in range(len(word), 0, -1) if width_of(word[:n]) <= width)
        yield word[:fits]
        word = word[fits:]
    yield word


def _write_rich(lines: Iterable[Row], room: int, out: TextIO) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, width=room, highlight=False)

    # A large tree has tens of thousands of lines and a dozen styles: rich is asked once for each of these.
    @cache
    def around(style: str) -> list[str]:
        with console.capture() as captured:
            console.print(Text(_MARK, style), end="")
        return captured.get().split(_MARK)

    for line in lines:
        out.write("".join(cell.text.join(around(cell.style)) for cell in line if cell.text).rstrip() + "\n")
