"""Runs tests against other versions and neighbours than those of uv.lock, each row in an environment of its own."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matrix_table

ROOT = Path(__file__).resolve().parent
ROWS = ROOT / "tests" / "matrix"
HOMES = ROOT / ".venvs"
BASE = (
    "pytest>=8.3",
    "pytest-randomly>=3.16",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "hypothesis>=6.100",
    "grpcio>=1.60",
)
UV = (sys.executable, "-m", "uv")

# What the tests of a wheel need beside it; the package itself is not among it.
COPIED = ("tests", "docs", "examples", "pyproject.toml")
TOLD = ("msgspec", "wrapt", "opentelemetry-sdk")

WHICH_PYTHON = """\
import sys, sysconfig
print("%d.%d" % sys.version_info[:2] + "t" * bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
"""
WHICH_VERSIONS = """\
import platform, sys
from importlib.metadata import version
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in sys.argv[1:]))
"""
WHICH_PACKAGE = "import otel_dispatch, sys; sys.exit(not otel_dispatch.__file__.startswith(sys.prefix))"


class Missing(Exception):  # noqa: N818 - an absence, not an error
    """A row cannot be run here; the message says why."""


@dataclass(frozen=True)
class Row:
    """What is installed beside us, and the tests that then have to pass; none where it is for a benchmark.

    *version* is the Python that it takes (``3.12``, ``3.14t`` for the free-threaded one), else ours. *is_built* says
    that the wheel is installed, and that the tests run where the sources of the package cannot be imported.
    """

    name: str
    install: tuple[str, ...]
    tests: tuple[str, ...]
    version: str | None = None
    is_built: bool = False

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        folder = HOMES / self.name
        return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def rows(folder: Path = ROWS) -> list[Row]:
    """The rows of every file in *folder*: ``install``, ``tests``, ``python`` and ``wheel``.

    What stands above the first row of a file holds for all of its rows; what a row installs comes in addition.
    """
    found = []
    for file in sorted(folder.glob("*.toml")):
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        shared = {key: value for key, value in told.items() if not isinstance(value, dict)}
        found += [_row(name, shared, row) for name, row in told.items() if isinstance(row, dict)]
    return found


def _row(name: str, shared: dict[str, Any], own: dict[str, Any]) -> Row:
    both = {**shared, **own}
    install = (*shared.get("install", ()), *own.get("install", ()))
    return Row(name, install, tuple(both.get("tests", ())), both.get("python"), both.get("wheel", False))


def prepare(row: Row) -> bool:
    """Have the environment of *row* as the row says; whether that worked. Raises `Missing` without its Python."""
    mark = HOMES / row.name / ".prepared"
    wanted = _fingerprint(row)
    is_made = mark.exists() and row.python.exists() and mark.read_text(encoding="utf-8") == wanted
    if not is_made:
        shutil.rmtree(HOMES / row.name, ignore_errors=True)
        if _run([*UV, "venv", "--quiet", "--python", interpreter(row.version), str(HOMES / row.name)]):
            return False
    # A wheel is another one each time.
    if (row.is_built or not is_made) and _run(
        [*UV, "pip", "install", "--quiet", "--python", str(row.python), *_package(row), *BASE, *row.install]
    ):
        return False
    mark.write_text(wanted, encoding="utf-8")
    return True


def interpreter(version: str | None) -> str:
    """The path of a Python of *version*, ours where None; raises `Missing` where uv can fetch none either."""
    if version is None:
        return sys.executable
    for candidate in _candidates(version):
        if _said([candidate, "-c", WHICH_PYTHON]) == version:
            return candidate
    if not _run([*UV, "python", "install", "--quiet", version]) and (found := _uvs(version)):
        return found
    raise Missing(f"there is no Python {version} here, and uv could not fetch one")


def check(row: Row, more: list[str]) -> bool:
    """Run the tests of *row*; whether they passed. Raises `Missing` where there is no Python for it."""
    if not prepare(row):
        return False
    tests = [str(row.python), "-m", "pytest", "-q", *row.tests, *more]
    if not row.is_built:
        return not _run(tests)
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        for name in COPIED:
            _copy(ROOT / name, Path(folder) / name)
        # The tests of a wheel are worth nothing where another copy of the package is imported.
        return not (_run([str(row.python), "-c", WHICH_PACKAGE], folder) or _run(tests, folder))


def main(arguments: list[str]) -> int:
    """Run the rows that are named, or all that have tests, and say what became of each.

    A row that cannot be run here is no failure, unless it was asked for by name.
    """
    parser = argparse.ArgumentParser(prog="dev.py matrix", description=__doc__)
    parser.add_argument("rows", nargs="*", help="rows to run; all where none is named")
    parser.add_argument("--list", action="store_true", help="print the rows and stop")
    parser.add_argument("--table", action="store_true", help="print what they cover, as the README has it, and stop")
    chosen, more = parser.parse_known_args(arguments)
    table = {row.name: row for row in rows()}
    if unknown := [name for name in chosen.rows if name not in table]:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(table)}")
    if chosen.list:
        for row in table.values():
            print(f"{row.name:24}{' '.join(row.install)}")
        return 0
    if chosen.table:
        print(matrix_table.table(list(table.values())))
        return 0
    wanted = [table[name] for name in chosen.rows] or [row for row in table.values() if row.tests]
    ended = {row.name: _outcome(row, more) for row in wanted}
    for word in ("failed", "not run"):
        if names := [name for name, outcome in ended.items() if outcome == word]:
            print(f"matrix: {word}: {', '.join(names)}", file=sys.stderr)
    wrong = {"failed", "not run"} if chosen.rows else {"failed"}
    return 1 if wrong & set(ended.values()) else 0


def _outcome(row: Row, more: list[str]) -> str:
    try:
        word = "passed" if check(row, more) else "failed"
        print(f"matrix: {row.name:24}{word:8}{_said([str(row.python), '-c', WHICH_VERSIONS, *TOLD])}", flush=True)
    except Missing as reason:
        word = "not run"
        print(f"matrix: {row.name:24}{word:8}{reason}", flush=True)
    return word


def _package(row: Row) -> list[str]:
    return ["--reinstall-package", "otel-dispatch", str(_wheel())] if row.is_built else ["-e", str(ROOT)]


@cache
def _wheel() -> Path:
    folder = HOMES / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    if _run([*UV, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)]):
        raise SystemExit("matrix: the wheel could not be built; the lines above say why.")
    return next(folder.glob("*.whl"))


def _candidates(version: str) -> Iterator[str]:
    if found := shutil.which(f"python{version}"):
        yield found
    plain, free = version.removesuffix("t"), "t" * version.endswith("t")
    home = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for folder in sorted((home / "versions").glob(f"{plain}.*[0-9]{free}"), reverse=True):
        yield str(folder / "bin" / "python")
    if uvs := _uvs(version):
        yield uvs


def _uvs(version: str) -> str:
    return _said([*UV, "python", "find", "--quiet", "--no-project", "--no-python-downloads", version])


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


def _fingerprint(row: Row) -> str:
    facts = repr((row.install, row.version, row.is_built, BASE, sys.version))
    return hashlib.sha256((facts + (ROOT / "pyproject.toml").read_text(encoding="utf-8")).encode()).hexdigest()


def _said(command: list[str]) -> str:
    """What *command* prints, or "" where it fails or cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _run(command: list[str], folder: str | Path = ROOT) -> int:
    print("+", *command, file=sys.stderr, flush=True)
    return subprocess.run(command, cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
