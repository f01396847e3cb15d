"""Rows of text as an aligned table: coloured by rich on a terminal where it is installed, else plain."""

import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final, TextIO

from ..vocabulary import clean

_GAP: Final = "  "
ON: Final = re.compile(r"\S*\s+|\S+")
_PIECES: Final = re.compile(r"[^\s_,/:.=-]*[\s_,/:.=-]*")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, and how rich styles it."""

    text: str
    style: str = ""


Row = Sequence[Cell]
Block = list[list[str]]
"""A row that is laid out: the lines of each of its cells."""


def show(titles: Sequence[str], rows: Sequence[Row], out: TextIO | None = None) -> None:
    """Write *rows* under *titles*; a column that is empty throughout is left out.

    On a terminal the table keeps to its width: long cells are broken, and where even that is too wide each row
    becomes a block of its own. Elsewhere every row is one line.
    """
    out = out or sys.stdout
    rows = [[Cell(clean(cell.text), cell.style) for cell in row] for row in rows]
    kept = [n for n in range(len(titles)) if any(row[n].text for row in rows)]
    titles, rows = [titles[n] for n in kept], [[row[n] for n in kept] for row in rows]
    room = shutil.get_terminal_size().columns if out.isatty() else None
    widths = _widths(titles, rows, room)
    if widths is None:
        _write_blocks(titles, rows, out)
    elif out.isatty() and find_spec("rich") is not None:
        _write_rich(titles, rows, widths, out)
    else:
        _write_plain(titles, rows, widths, out)


def width_of(text: str) -> int:
    """The columns that *text* takes on a terminal."""
    return len(text) if text.isascii() else sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _widths(titles: Sequence[str], rows: Sequence[Row], room: int | None) -> list[int] | None:
    columns = [[title, *(row[n].text for row in rows)] for n, title in enumerate(titles)]
    widths = [max(map(width_of, column)) for column in columns]
    if room is None:
        return widths
    least = [max(width_of(piece.rstrip()) for text in column for piece in _pieces(text)) for column in columns]
    spare = room - len(_GAP) * (len(widths) - 1)
    if sum(least) > spare:
        return None
    while sum(widths) > spare:
        widest = max((n for n in range(len(widths)) if widths[n] > least[n]), key=widths.__getitem__)
        widths[widest] -= 1
    return widths


def _pieces(text: str) -> list[str]:
    return [piece for piece in _PIECES.findall(text) if piece] or [""]


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    # A word that fits into a line stays whole.
    words = ON.findall(text)
    pieces = [part for word in words for part in ([word] if width_of(word.rstrip()) <= width else _pieces(word))]
    for piece in pieces:
        if lines[-1] and width_of(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def _blocks(rows: Sequence[Row], widths: Sequence[int]) -> list[Block]:
    return [[_wrapped(cell.text, width) for cell, width in zip(row, widths, strict=True)] for row in rows]


def _write_plain(titles: Sequence[str], rows: Sequence[Row], widths: Sequence[int], out: TextIO) -> None:
    head = [Cell(title.upper()) for title in titles]
    for block in _blocks([head, *rows] if any(titles) else rows, widths):
        for n in range(max(map(len, block))):
            cells = [lines[n] if n < len(lines) else "" for lines in block]
            padded = [text + " " * (width - width_of(text)) for text, width in zip(cells, widths, strict=True)]
            out.write(_GAP.join(padded).rstrip() + "\n")


def _write_blocks(titles: Sequence[str], rows: Sequence[Row], out: TextIO) -> None:
    margin = max(map(width_of, titles))
    for row in rows:
        for title, cell in zip(titles, row, strict=True):
            if cell.text:
                out.write(f"{title:{margin}}{_GAP}{cell.text}\n".lstrip())
        out.write("\n")


def _write_rich(titles: Sequence[str], rows: Sequence[Row], widths: Sequence[int], out: TextIO) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    has_head = any(titles)
    table = Table(box=SIMPLE_HEAD if has_head else None, show_header=has_head, show_edge=False, pad_edge=False)
    # The box puts a column of its own between two of ours.
    table.padding = (0, len(_GAP) - has_head, 0, 0)
    for title, width in zip(titles, widths, strict=True):
        table.add_column(Text("\n".join(_wrapped(title, width))), min_width=width, no_wrap=True)
    for row, block in zip(rows, _blocks(rows, widths), strict=True):
        table.add_row(*(Text("\n".join(lines), style=cell.style) for cell, lines in zip(row, block, strict=True)))
    Console(file=out, width=sum(widths) + len(_GAP) * (len(widths) - 1), highlight=False).print(table)
