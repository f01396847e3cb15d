"""The bootstrap, without a network: what it would run, when, and what it says."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DEV = Path(__file__).resolve().parent.parent / "dev.py"


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load dev.py over an empty project of its own, whose venv looks made."""
    spec = importlib.util.spec_from_file_location("dev_under_test", DEV)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / ".synced")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("DISPATCH_JAEGER_BUILD", "0")
    (tmp_path / "startup").mkdir()
    for name in ("pyproject.toml", "uv.lock", "startup/a.pth"):
        (tmp_path / name).touch()
    python = Path(module.program("python"))
    python.parent.mkdir(parents=True)
    python.touch()
    return module


@pytest.fixture
def commands(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Record what would run, and run nothing."""
    recorder = Commands(dev)
    monkeypatch.setattr(dev.subprocess, "run", recorder)
    return recorder


class Commands:
    """Stands in for subprocess.run; `failing` names what exits with 3."""

    def __init__(self, dev: ModuleType) -> None:
        self.bin = str(Path(dev.program("python")).parent) + os.sep
        self.lines: list[str] = []
        self.environments: list[dict[str, str]] = []
        self.failing: set[str] = set()

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        line = " ".join(command).replace(self.bin, "").replace(".exe", "")
        self.lines.append(line)
        self.environments.append(options.get("env") or {})
        code = 3 if any(word in line for word in self.failing) else 0
        return subprocess.CompletedProcess(command, code, stdout="uv 0.8.0", stderr="")


def test_without_an_argument_it_prints_the_usage() -> None:
    done = subprocess.run([sys.executable, str(DEV)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python3 dev.py COMMAND")


@pytest.mark.parametrize("arguments", [["deploy"], ["check", "-x"]])
def test_what_it_does_not_know_runs_nothing(
    dev: ModuleType, commands: Commands, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev.main(arguments) == 2
    assert capsys.readouterr().err == dev.USAGE
    assert commands.lines == []


def test_help_is_not_an_error(dev: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert dev.main(["--help"]) == 0
    assert capsys.readouterr().out == dev.USAGE


def test_an_old_python_is_told_in_one_sentence(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev.sys, "version_info", (3, 10, 14, "final", 0))
    assert dev.main(["test"]) == 1
    assert capsys.readouterr().err == "dev.py: Python 3.11 or newer is needed and this is 3.10.14.\n"


@pytest.mark.parametrize(("version", "enough"), [((3, 10, 99), False), ((3, 11, 0), True), ((4, 0, 0), True)])
def test_any_python_from_the_oldest_on_will_do(dev: ModuleType, version: tuple[int, ...], enough: bool) -> None:
    assert (dev.version_complaint(version) is None) is enough


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["demo"], "python -m otel_dispatch demo"),
        (["test", "-k", "name"], "python -m pytest -n auto -k name"),
        (["bench", "--quick"], "python -m benchmarks.overhead --quick"),
    ],
)
def test_a_command_syncs_first(
    dev: ModuleType, commands: Commands, arguments: list[str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    assert dev.main(arguments) == 0
    assert commands.lines == [
        f"python -m pip install --quiet {dev.uv_requirement()}",
        "uv sync --locked --all-extras --reinstall-package otel-dispatch",
        line,
    ]
    assert all(env["UV_PROJECT_ENVIRONMENT"] == str(dev.VENV) for env in commands.environments)
    assert not any("VIRTUAL_ENV" in env for env in commands.environments)


def test_the_first_time_it_makes_the_venv(dev: ModuleType, commands: Commands) -> None:
    Path(dev.program("python")).unlink()
    dev.set_up()
    assert commands.lines[0] == f"{sys.executable} -m venv {dev.VENV}"


def test_a_venv_that_could_not_be_made_is_cleared_away(
    dev: ModuleType, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(dev.program("python")).unlink()
    commands.failing = {"-m venv"}
    assert dev.main(["test"]) == 1
    assert not dev.VENV.exists()
    assert "could not make a virtual environment" in capsys.readouterr().err


def test_a_uv_in_the_venv_is_used(dev: ModuleType, commands: Commands) -> None:
    Path(dev.program("uv")).touch()
    dev.set_up()
    assert commands.lines[:2] == [
        "uv --version",
        "uv sync --locked --all-extras --reinstall-package otel-dispatch",
    ]


def test_the_uv_it_installs_is_the_locked_one(dev: ModuleType) -> None:
    (dev.ROOT / "uv.lock").write_text('[[package]]\nname = "uv"\nversion = "0.13.8"\n', encoding="utf-8")
    assert dev.uv_requirement() == "uv==0.13.8"


@pytest.mark.parametrize("changed", [None, "pyproject.toml", "uv.lock", "startup/a.pth"])
def test_it_syncs_again_only_after_a_change(dev: ModuleType, commands: Commands, changed: str | None) -> None:
    for name in ("pyproject.toml", "uv.lock", "startup/a.pth"):
        os.utime(dev.ROOT / name, (1000, 1000))
    assert dev.set_up() == 0
    assert dev.STAMP.exists()
    commands.lines.clear()
    if changed:
        os.utime(dev.ROOT / changed)
        os.utime(dev.STAMP, (2000, 2000))
    assert dev.set_up() == 0
    assert any("uv sync" in line for line in commands.lines) is bool(changed)


def test_a_failed_sync_stops_and_is_tried_again(dev: ModuleType, commands: Commands) -> None:
    commands.failing = {"uv sync"}
    assert dev.main(["test"]) == 3
    assert "-m pytest" not in commands.lines
    assert not dev.STAMP.exists()


def test_check_runs_everything_and_the_tests_last(
    dev: ModuleType, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev.check() == 0
    assert commands.lines == [
        "ruff check",
        "ruff format --check",
        "mypy",
        "lint-imports",
        "python -m matrix lionagi-host-0.26 -n auto",
        "python -m pytest -n auto",
    ]
    assert capsys.readouterr().err.splitlines()[-1].endswith("-m pytest -n auto")


def test_check_goes_on_after_a_failure_and_names_what_failed(
    dev: ModuleType, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.failing = {"ruff check", "mypy"}
    assert dev.check() == 1
    assert len(commands.lines) == len(dev.CHECKS)
    assert capsys.readouterr().err.endswith("dev.py: failed: ruff check, mypy\n")


needs_process_groups = pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups, and builds no Jaeger")


@pytest.fixture
def builder(dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have a Jaeger wanted, and a venv whose Python notes what it was started with and then takes its time."""
    monkeypatch.delenv("DISPATCH_JAEGER_BUILD")
    # The tests themselves may run beside a build.
    monkeypatch.delenv("DISPATCH_JAEGER_UNTIL", raising=False)
    notes = tmp_path / "notes"
    python = Path(dev.program("python"))
    python.write_text(
        f"#!{sys.executable} -IS\nimport os, subprocess, sys, time\n"
        f"child = subprocess.Popen(['/bin/sleep', '60'])\n"
        f"with open({str(notes) + '.part'!r}, 'w') as file:\n"
        "    print(os.getpid(), child.pid, os.environ['DISPATCH_JAEGER_BUILD'], *sys.argv[1:], file=file)\n"
        f"os.rename({str(notes) + '.part'!r}, {str(notes)!r})\n"
        "child.wait()\n"
    )
    python.chmod(0o755)
    return notes


@needs_process_groups
def test_a_jaeger_is_built_beside_the_tests_and_no_longer_than_they_take(
    dev: ModuleType, commands: Commands, builder: Path
) -> None:
    with dev.jaeger_beside() as told:
        eventually(builder.exists)
        dev.run(["pytest"], told)
        pid, child, folder, *arguments = builder.read_text().split()
        assert Path(folder).is_dir()
    assert arguments == ["-m", "tests.backends.install"]
    assert commands.environments[-1]["DISPATCH_JAEGER_BUILD"] == folder
    assert float(commands.environments[-1]["DISPATCH_JAEGER_UNTIL"]) > time.time()
    eventually(lambda: is_gone(int(pid)) and is_gone(int(child)))
    assert not Path(folder).exists()


@needs_process_groups
@pytest.mark.parametrize("arguments", [["check"], ["test"]])
def test_all_the_tests_are_told_of_the_build(
    dev: ModuleType, commands: Commands, builder: Path, arguments: list[str]
) -> None:
    assert dev.main(arguments) == 0
    assert commands.lines[-1].endswith("-m pytest -n auto")
    assert "DISPATCH_JAEGER_UNTIL" in commands.environments[-1]


@needs_process_groups
def test_some_of_the_tests_are_not_worth_a_build(dev: ModuleType, commands: Commands, builder: Path) -> None:
    assert dev.main(["test", "-k", "name"]) == 0
    assert "DISPATCH_JAEGER_UNTIL" not in commands.environments[-1]
    assert not builder.exists()


@needs_process_groups
@pytest.mark.parametrize("variable", ["DISPATCH_JAEGER_URL", "DISPATCH_JAEGER_BIN", "DISPATCH_JAEGER_BUILD", "PATH"])
def test_where_a_jaeger_is_named_none_is_built(
    dev: ModuleType, builder: Path, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jaeger = tmp_path / "jaeger"
    jaeger.touch()
    jaeger.chmod(0o755)
    monkeypatch.setenv(variable, str(tmp_path))
    with dev.jaeger_beside() as told:
        assert told == {}
    assert not builder.exists()


@needs_process_groups
def test_a_build_that_cannot_be_started_stops_nothing(dev: ModuleType, commands: Commands, builder: Path) -> None:
    Path(dev.program("python")).unlink()
    with dev.jaeger_beside() as told:
        assert told == {}


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until it is so, and fail after some seconds."""
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Return whether a process has ended; one that nobody has collected yet has."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except ProcessLookupError:
        return True
    except FileNotFoundError:
        return Path("/proc/self").exists()


def test_windows_keeps_its_programs_elsewhere(dev: ModuleType) -> None:
    assert Path(dev.program("uv", windows=True)) == dev.VENV / "Scripts" / "uv.exe"
    assert Path(dev.program("uv", windows=False)) == dev.VENV / "bin" / "uv"
