"""Draw the pictures of the docs: what the commands write to a terminal about a real run of the demo.

Run by hand, with the development environment: ``python docs/pictures.py``. Each picture goes to docs/pictures/.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from otel_dispatch.__main__ import main

PICTURES: Final = Path(__file__).parent / "pictures"
RECORDS: Final = "records.jsonl"

# Each with what it shows, in columns of its own.
COMMANDS: Final = {
    "show": (104, ["show", RECORDS, "fix-tests"]),
    "show-fleet": (104, ["show", RECORDS, "nightly-audit"]),
    "runs": (100, ["runs", RECORDS]),
    "audit": (150, ["audit", RECORDS]),
    "explain": (
        112,
        [
            *("explain", "--base-url", "https://api.minimax.io/anthropic", "--model", "claude-opus-5-5"),
            *("--primary-provider", "minimax", "--primary-model", "MiniMax-M2"),
        ],
    ),
}

# What is drawn in is the reader's own font: a picture must not ask a server for one.
FORMAT: Final = re.sub(r"@font-face {{.*?}}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)

# The colours of rich's own pictures, with a yellow that can be told from the text.
THEME: Final = TerminalTheme(
    (30, 32, 38),
    (208, 212, 220),
    [
        *((70, 74, 84), (232, 92, 92), (126, 196, 120), (240, 186, 66)),
        *((106, 154, 232), (200, 130, 216), (94, 188, 196), (208, 212, 220)),
    ],
)


class Terminal(io.StringIO):
    """Something that is written to and says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Say yes."""
        return True


def record() -> None:
    """Run the demo, and have it recorded here."""
    env = {**os.environ, "DISPATCH_OTEL_TRACES_EXPORTER": "none"}
    command = [sys.executable, "-m", "otel_dispatch", "demo", "--record", RECORDS]
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True, timeout=120)  # noqa: S603 - our own


def written(columns: int, words: list[str]) -> str:
    """What the command of these *words* writes to a terminal that is so many *columns* wide."""
    os.environ["COLUMNS"] = str(columns)
    with Terminal() as out, redirect_stdout(out), redirect_stderr(out):
        main(words)
        return out.getvalue()


def draw(name: str, columns: int, words: list[str]) -> None:
    """Draw what the command of these *words* writes."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    prompt = subprocess.list2cmdline(["otel-dispatch", *words])
    console.print(Text(f"$ {prompt}", style="bold"), overflow="fold")
    console.print(Text.from_ansi(written(columns, words)), soft_wrap=True)
    svg = console.export_svg(title="otel-dispatch", theme=THEME, code_format=FORMAT, unique_id=name)
    (PICTURES / f"{name}.svg").write_text("".join(f"{line.rstrip()}\n" for line in svg.splitlines()), "utf-8")


if __name__ == "__main__":
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
    os.environ.pop("NO_COLOR", None)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        record()
        for picture, (width, told) in COMMANDS.items():
            draw(picture, width, told)
        os.chdir(PICTURES)
