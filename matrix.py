"""Runs tests against other versions and neighbours than those of uv.lock, each row in an environment of its own."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ROWS = ROOT / "tests" / "matrix"
HOMES = ROOT / ".venvs"
BASE = ("pytest>=8.3", "pytest-randomly>=3.16", "pytest-timeout>=2.3", "hypothesis>=6.100", "grpcio>=1.60")


@dataclass(frozen=True)
class Row:
    """What is installed beside us, and the tests that then have to pass; none where it is for a benchmark."""

    name: str
    install: tuple[str, ...]
    tests: tuple[str, ...]

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        folder = HOMES / self.name
        return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def rows(folder: Path = ROWS) -> list[Row]:
    """The rows of every file in *folder*, each ``[row]`` with ``install`` and ``tests``."""
    found = []
    for file in sorted(folder.glob("*.toml")):
        for name, row in tomllib.loads(file.read_text(encoding="utf-8")).items():
            found.append(Row(name, tuple(row["install"]), tuple(row.get("tests", ()))))
    return found


def prepare(row: Row) -> bool:
    """Have the environment of *row* as the row says; whether that worked."""
    mark = HOMES / row.name / ".prepared"
    wanted = _fingerprint(row)
    if mark.exists() and row.python.exists() and mark.read_text(encoding="utf-8") == wanted:
        return True
    shutil.rmtree(HOMES / row.name, ignore_errors=True)
    uv = [sys.executable, "-m", "uv"]
    here = ["--python", str(row.python)]
    steps = (
        [*uv, "venv", "--quiet", "--python", sys.executable, str(HOMES / row.name)],
        [*uv, "pip", "install", "--quiet", *here, "-e", str(ROOT), *BASE, *row.install],
    )
    if any(_run(step) for step in steps):
        return False
    mark.write_text(wanted, encoding="utf-8")
    return True


def check(row: Row, more: list[str]) -> bool:
    """Run the tests of *row*; whether they passed."""
    return prepare(row) and not _run([str(row.python), "-m", "pytest", "-q", *row.tests, *more])


def main(arguments: list[str]) -> int:
    """Run the rows that are named, or all that have tests, and say at the end which failed."""
    parser = argparse.ArgumentParser(prog="dev.py matrix", description=__doc__)
    parser.add_argument("rows", nargs="*", help="rows to run; all where none is named")
    parser.add_argument("--list", action="store_true", help="print the rows and stop")
    chosen, more = parser.parse_known_args(arguments)
    table = {row.name: row for row in rows()}
    if unknown := [name for name in chosen.rows if name not in table]:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(table)}")
    if chosen.list:
        for row in table.values():
            print(f"{row.name:24}{' '.join(row.install)}")
        return 0
    wanted = [table[name] for name in chosen.rows] or [row for row in table.values() if row.tests]
    failed = [row.name for row in wanted if not check(row, more)]
    if failed:
        print(f"matrix: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _fingerprint(row: Row) -> str:
    facts = repr((row.install, BASE, sys.version)) + (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return hashlib.sha256(facts.encode()).hexdigest()


def _run(command: list[str]) -> int:
    print("+", *command, file=sys.stderr, flush=True)
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
