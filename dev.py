"""Set up and run this project on a machine that has only Python and git."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

OLDEST_PYTHON = (3, 11)
OLDEST_UV = (0, 8)

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / ".synced"

JAEGERS = ("DISPATCH_JAEGER_URL", "DISPATCH_JAEGER_BIN", "DISPATCH_JAEGER_BUILD")
SECONDS_FOR_JAEGER = 780

USAGE = """\
usage: python3 dev.py COMMAND

  demo  [args]   the demonstration
  test  [args]   the tests; the arguments go to pytest
  check          every check, the tests last
  matrix [rows]  the tests against other versions and beside other instrumentations
  bench [args]   what an instrumented call costs
  fuzz [seconds] anything in place of what others send, led by coverage where atheris installs
  audit-deps     the locked dependencies against the database of known vulnerabilities
  docs           the API's pages, into build/docs

Each sets up .venv first. Where Go is installed, all the tests and check build a real Jaeger beside them, once.
"""

MODULES = {
    "demo": ["otel_dispatch", "demo"],
    "test": ["pytest", "-n", "auto"],
    "matrix": ["matrix"],
    "bench": ["benchmarks.overhead"],
    "fuzz": ["fuzz"],
    "audit-deps": ["audit_deps"],
    "docs": ["docs.api"],
}

CHECKS = {
    "ruff check": ["ruff", "check"],
    "ruff format": ["ruff", "format", "--check"],
    "mypy": ["mypy"],
    "lint-imports": ["lint-imports"],
    "lionagi's oldest": ["python", "-m", "matrix", "lionagi-host-0.26", "-n", "auto"],
    "pytest": ["python", "-m", "pytest", "-n", "auto"],
}


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    if complaint := version_complaint(sys.version_info[:3]):
        return fail(complaint)
    command, *rest = arguments or [""]
    if command in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if command not in (*MODULES, "check") or (command == "check" and rest):
        print(USAGE, end="", file=sys.stderr)
        return 2
    try:
        if code := set_up():
            return code
        if command == "check":
            return check()
        with jaeger_beside() if (command, rest) == ("test", []) else contextlib.nullcontext({}) as told:
            return run([program("python"), "-m", *MODULES[command], *rest], told)
    except KeyboardInterrupt:
        return 130


def version_complaint(version: tuple[int, ...]) -> str | None:
    """Return why this Python cannot run the project, or None when it can."""
    if version >= OLDEST_PYTHON:
        return None
    return f"Python {dotted(OLDEST_PYTHON)} or newer is needed and this is {dotted(version)}."


def check() -> int:
    """Run every check, whatever the ones before it said, and return 1 if any failed."""
    with jaeger_beside() as told:
        failed = [name for name, (tool, *rest) in CHECKS.items() if run([program(tool), *rest], told)]
    # When only the tests failed, their own summary says so and stays the last thing on the screen.
    if failed and failed != ["pytest"]:
        fail("failed: " + ", ".join(failed))
    return 1 if failed else 0


@contextlib.contextmanager
def jaeger_beside() -> Iterator[dict[str, str]]:
    """Have a real Jaeger built while the checks run, unless there is one; yield the variables that tell the tests."""
    if os.name == "nt" or shutil.which("jaeger") or any(name in os.environ for name in JAEGERS):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="jaeger-build-") as folder:
        until = time.time() + SECONDS_FOR_JAEGER
        told = {"DISPATCH_JAEGER_BUILD": folder, "DISPATCH_JAEGER_UNTIL": str(until)}
        builder = started([program("python"), "-m", "tests.backends.install"], told, Path(folder) / "log")
        try:
            yield told if builder else {}
        finally:
            # What Go has compiled by then stays in its cache, and the next run goes on from there.
            if builder:
                stop(builder)


def started(command: list[str], variables: dict[str, str], log: Path) -> subprocess.Popen[bytes] | None:
    """Echo a command to stderr and start it in a process group of its own; return None if it cannot be."""
    print("+", *command, "&", file=sys.stderr, flush=True)
    environment = {**os.environ, **variables}
    # Not in a session of its own: Linux weighs sessions alike, and the build would take half of the machine.
    with contextlib.suppress(OSError), open(log, "wb") as output:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output, process_group=0)
    return None


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and those it has started, by force if they do not go."""
    if process.poll() is not None:
        return
    for number, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, None)):
        with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
            os.killpg(process.pid, number)
            process.wait(seconds)
            return


def set_up() -> int:
    """Bring .venv in line with uv.lock, unless it is already, and return an exit code."""
    if is_fresh():
        return 0
    if not Path(program("python")).exists() and run([sys.executable, "-m", "venv", str(VENV)]):
        shutil.rmtree(VENV, ignore_errors=True)
        return fail("This Python could not make a virtual environment; the lines above say why.")
    uv = uv_found()
    if uv is None:
        if code := run([program("python"), "-m", "pip", "install", "--quiet", uv_requirement()]):
            return code
        uv = program("uv")
    began = time.time()
    # uv does not look into startup/, so only a reinstall brings a changed file from there into the venv.
    sync = [uv, "sync", "--locked", "--all-extras", "--reinstall-package", "otel-dispatch"]
    if code := run(sync):
        return code
    STAMP.touch()
    # A file saved while uv ran has to count as newer.
    os.utime(STAMP, (began, began))
    return 0


def is_fresh() -> bool:
    """Return whether nothing that decides what is installed changed since the last sync."""
    sources = [ROOT / "pyproject.toml", ROOT / "uv.lock", *(ROOT / "startup").glob("*")]
    if not STAMP.exists() or not Path(program("python")).exists():
        return False
    synced = STAMP.stat().st_mtime
    return all(source.exists() and source.stat().st_mtime < synced for source in sources)


def uv_found() -> str | None:
    """Return a uv that runs and is new enough, from PATH or else from .venv."""
    for candidate in (shutil.which("uv"), program("uv")):
        if candidate is None or not Path(candidate).exists():
            continue
        # A version manager's shim can be on PATH and still not run.
        answer = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        version = re.match(r"uv (\d+)\.(\d+)", answer.stdout)
        if version and tuple(map(int, version.groups())) >= OLDEST_UV:
            return candidate
    return None


def uv_requirement() -> str:
    """Return the uv that uv.lock names, because Windows cannot replace a uv that is running."""
    import tomllib  # no older Python has it, and an older one should reach the complaint about its version

    lock = ROOT / "uv.lock"
    packages = tomllib.loads(lock.read_text(encoding="utf-8")).get("package", []) if lock.exists() else []
    locked = (f"uv=={package['version']}" for package in packages if package["name"] == "uv")
    return next(locked, f"uv>={dotted(OLDEST_UV)}")


def program(name: str, windows: bool = os.name == "nt") -> str:
    """Return the path of a program in .venv, whether or not it is there."""
    return str(VENV / "Scripts" / f"{name}.exe" if windows else VENV / "bin" / name)


def run(command: list[str], variables: dict[str, str] | None = None) -> int:
    """Echo a command to stderr, run it at the repository root and return its exit code."""
    print("+", *command, file=sys.stderr, flush=True)
    environment = {**os.environ, **(variables or {}), "UV_PROJECT_ENVIRONMENT": str(VENV)}
    environment.pop("VIRTUAL_ENV", None)
    try:
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    except FileNotFoundError:
        return fail(f"{command[0]} is missing; delete .venv and try again.")


def fail(sentence: str) -> int:
    """Print one sentence to stderr and return 1."""
    print(f"dev.py: {sentence}", file=sys.stderr, flush=True)
    return 1


def dotted(version: tuple[int, ...]) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
