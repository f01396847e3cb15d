"""The command: every target for its share of the time; exit code 1 where a promise does not hold."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from . import blind
from .seeds import keep, seeds_of
from .targets import targets

_GRACE = 180
_LARGEST_KEPT = 512
_MOST_KEPT = 24
_ATHERIS = "atheris==3.0.0"
_SECONDS_TO_INSTALL = 300


def main(argv: list[str] | None = None) -> int:
    """Fuzz as the command line says."""
    parser = argparse.ArgumentParser(prog="dev.py fuzz", description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=300.0, help="for all targets together (300)")
    parser.add_argument("--target", action="append", choices=sorted(targets()), help="only this one; may be repeated")
    parser.add_argument("--keep", action="store_true", help="add what reached new code to the corpus (atheris)")
    asked = parser.parse_args(argv)
    names = asked.target or sorted(targets())
    python = _python()
    if python is None:
        print(f"{_ATHERIS} cannot be had: inputs are changed by chance, without looking at the code they reach.")
    try_one = _blind if python is None else partial(_guided, python, asked.keep)
    failed = [name for name in names if not try_one(name, asked.seconds / len(names))]
    print(f"{len(names)} targets, {len(failed)} failed{': ' + ', '.join(failed) if failed else ''}")
    return 1 if failed else 0


def _python() -> list[str] | None:
    """The command of a Python that has atheris; None where uv cannot install it, or there is no uv."""
    if find_spec("atheris") is not None:
        return [sys.executable]
    uv = shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv")
    if uv is None:
        return None
    # It stays out of the environment of the project, where nothing else needs it.
    command = [uv, "run", "--no-sync", "--with", _ATHERIS, "python"]
    try:
        done = subprocess.run([*command, "-c", "import atheris"], capture_output=True, timeout=_SECONDS_TO_INSTALL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return command if done.returncode == 0 else None


def _blind(name: str, seconds: float) -> bool:
    try:
        tried = blind.run(targets()[name], seeds_of(name), seconds)
    except blind.FoundError as found:
        print(f"{name}: fails for {keep(name, found.data)}")
        return False
    print(f"{name}: {tried:,} inputs")
    return True


def _guided(python: list[str], is_kept: bool, name: str, seconds: float) -> bool:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        inputs, crashes = Path(folder, "inputs"), Path(folder, "crashes")
        inputs.mkdir()
        crashes.mkdir()
        _write(inputs, seeds_of(name))
        code, said = _process(python, name, seconds, inputs, crashes)
        if is_kept and code == 0:
            _keep_new(name, inputs)
        found = [keep(name, path.read_bytes()) for path in sorted(crashes.iterdir())]
    if code == 0 and not found:
        print(f"{name}: {_tried_in(said)} inputs, led by coverage")
        return True
    print(f"{name}: fails for {', '.join(map(str, found)) or 'what it was doing when it was stopped'}\n{said[-4000:]}")
    return False


def _keep_new(name: str, inputs: Path) -> None:
    """Put the smallest of the inputs that reached what those before them did not into the corpus."""
    given = set(seeds_of(name))
    new = {path.read_bytes() for path in inputs.iterdir()} - given
    found = sorted((data for data in new if len(data) <= _LARGEST_KEPT), key=lambda data: (len(data), data))[
        :_MOST_KEPT
    ]
    for data in found:
        keep(name, data)
    print(f"{name}: {len(found)} inputs are new in the corpus")


def _write(folder: Path, inputs: list[bytes]) -> None:
    for number, data in enumerate(inputs):
        (folder / str(number)).write_bytes(data)


def _process(python: list[str], name: str, seconds: float, inputs: Path, crashes: Path) -> tuple[int, str]:
    limits = [f"-max_total_time={max(1, round(seconds))}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=65536"]
    told = ["-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={crashes}/"]
    command = [*python, "-m", "fuzz.guided", name, str(inputs), *limits, *told]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds + _GRACE)
    except subprocess.TimeoutExpired:
        return 1, f"It did not stop {_GRACE} s after its time.\n"
    return done.returncode, done.stdout + done.stderr


def _tried_in(said: str) -> str:
    counts = (line.rpartition(":")[2].strip() for line in said.splitlines() if "number_of_executed_units" in line)
    return next((f"{int(count):,}" for count in counts), "some")


if __name__ == "__main__":
    sys.exit(main())
