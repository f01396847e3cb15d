"""The rows of the version matrix, without a network: what would be made and run, and what is said."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).resolve().parent.parent / "matrix.py"
TABLE = """
[old-sdk]
install = ["sdk==1"]
tests = ["tests/a.py"]

[new-sdk]
install = ["sdk==2", "extra"]
tests = ["tests/a.py", "tests/b.py"]

[for-a-benchmark]
install = ["peer"]
"""


class Runs:
    """Stands in for running a command; `failing` names what exits with 1."""

    def __init__(self, matrix: ModuleType) -> None:
        self.lines: list[str] = []
        self.folders: list[Path | None] = []
        self.failing: set[str] = set()
        self._homes = str(matrix.HOMES)

    def __call__(self, command: list[str], folder: Path | None = None) -> int:
        self.folders.append(folder)
        line = " ".join(command).replace(sys.executable, "python").replace(self._homes, "HOMES")
        self.lines.append(line)
        if "uv venv" in line:
            python = Path(command[-1]) / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
            python.parent.mkdir(parents=True)
            python.touch()
        return int(any(word in line for word in self.failing))


@pytest.fixture
def matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load matrix.py over a table and environments of the test's own."""
    spec = importlib.util.spec_from_file_location("matrix_under_test", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "sdk.toml").write_text(TABLE)
    monkeypatch.setattr(module, "HOMES", tmp_path / "homes")
    monkeypatch.setattr(module, "read", module.rows, raising=False)
    rows = module.read(tmp_path / "rows")
    monkeypatch.setattr(module, "rows", lambda: rows)
    return module


@pytest.fixture
def runs(matrix: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Record what would run, and run nothing."""
    recorder = Runs(matrix)
    monkeypatch.setattr(matrix, "_run", recorder)
    return recorder


def pytests_in(runs: Runs) -> list[str]:
    return [line for line in runs.lines if "-m pytest" in line]


def test_every_row_with_tests_runs_them_in_an_environment_of_its_own(matrix: ModuleType, runs: Runs) -> None:
    assert matrix.main([]) == 0
    homes = [line.split("/bin/")[0].rpartition("/")[2] for line in pytests_in(runs)]
    assert homes == ["old-sdk", "new-sdk"]
    assert pytests_in(runs)[1].endswith("-m pytest -q tests/a.py tests/b.py")
    assert [line.rsplit(" ", 2)[1:] for line in runs.lines if "pip install" in line][1] == ["sdk==2", "extra"]


def test_a_row_can_be_chosen_and_pytest_be_told_more(matrix: ModuleType, runs: Runs) -> None:
    assert matrix.main(["new-sdk", "-x"]) == 0
    assert [line.endswith("tests/b.py -x") for line in pytests_in(runs)] == [True]


def test_an_environment_is_made_once_and_anew_when_the_row_changes(
    matrix: ModuleType, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row, *_) = matrix.rows()
    assert matrix.prepare(row)
    assert len(runs.lines) == 2
    assert matrix.prepare(row)
    assert len(runs.lines) == 2
    assert matrix.prepare(matrix.Row(row.name, ("sdk==3",), row.tests))
    assert len(runs.lines) == 4


def test_a_row_that_fails_is_named_and_the_others_still_run(
    matrix: ModuleType, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.failing = {"sdk==1"}
    assert matrix.main([]) == 1
    assert len(pytests_in(runs)) == 1
    assert capsys.readouterr().err.strip() == "matrix: failed: old-sdk"


def test_an_unknown_row_is_said(matrix: ModuleType, runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        matrix.main(["odd"])
    assert stopped.value.code == 2
    assert "no such row: odd; there are old-sdk, new-sdk, for-a-benchmark" in capsys.readouterr().err
    assert not runs.lines


def test_the_rows_can_be_listed(matrix: ModuleType, runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert matrix.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "old-sdk",
        "new-sdk",
        "for-a-benchmark",
    ]
    assert not runs.lines


BUILT = """
wheel = true
install = ["sdk"]
tests = ["tests/test_a.py"]

[oldest]
install = ["wrapt==1"]

[next]
python = "3.99"
"""


@pytest.fixture
def built(matrix: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load it over rows that take the wheel of a project of the test's own."""
    (tmp_path / "built").mkdir()
    (tmp_path / "built" / "wheel.toml").write_text(BUILT)
    rows = matrix.read(tmp_path / "built")
    monkeypatch.setattr(matrix, "rows", lambda: rows)
    project = tmp_path / "project"
    for name in ("tests", "docs", "examples", "otel_dispatch"):
        (project / name).mkdir(parents=True)
    (project / "tests" / "test_a.py").touch()
    (project / "pyproject.toml").touch()
    monkeypatch.setattr(matrix, "ROOT", project)
    wheel = matrix.HOMES / "wheel" / "ours-1.whl"
    monkeypatch.setattr(matrix, "_wheel", lambda: wheel)
    return matrix


def test_what_stands_above_the_rows_holds_for_all_of_a_file(built: ModuleType) -> None:
    oldest, newer = built.rows()
    assert (oldest.install, oldest.tests) == (("sdk", "wrapt==1"), ("tests/test_a.py",))
    assert (oldest.version, oldest.is_built) == (None, True)
    assert (newer.install, newer.version, newer.is_built) == (("sdk",), "3.99", True)


def test_a_wheel_is_tested_where_its_sources_are_not(built: ModuleType, runs: Runs) -> None:
    seen: list[list[str]] = []

    def run(command: list[str], folder: Path | None = None) -> int:
        if folder is not None:
            seen.append(sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*")))
        return runs(command, folder)

    built._run = run
    assert built.main(["oldest"]) == 0
    (install,) = [line for line in runs.lines if "pip install" in line]
    assert " --reinstall-package otel-dispatch HOMES/wheel/ours-1.whl " in install
    assert "-e" not in install.split()
    assert seen == [["docs", "examples", "pyproject.toml", "tests", "tests/test_a.py"]] * 2
    assert ("-c" in runs.lines[-2], "-m pytest -q tests/test_a.py" in runs.lines[-1]) == (True, True)


def test_another_copy_of_the_package_fails_the_row_before_its_tests(built: ModuleType, runs: Runs) -> None:
    runs.failing = {"import otel_dispatch"}
    assert built.main(["oldest"]) == 1
    assert pytests_in(runs) == []


def test_a_wheel_is_installed_anew_each_time(built: ModuleType, runs: Runs) -> None:
    for _ in range(2):
        assert built.main(["oldest"]) == 0
    assert [sum(word in line for line in runs.lines) for word in ("uv venv", "pip install")] == [1, 2]


@pytest.mark.parametrize(("named", "code"), [([], 0), (["next"], 1)])
def test_a_row_without_its_python_is_not_run_and_not_passed(
    built: ModuleType, runs: Runs, capsys: pytest.CaptureFixture[str], named: list[str], code: int
) -> None:
    runs.failing = {"uv python install"}
    assert built.main(named) == code
    told = capsys.readouterr()
    assert told.err == "matrix: not run: next\n"
    (line,) = [line for line in told.out.splitlines() if " next " in line]
    assert line.split(maxsplit=2)[2] == "not run there is no Python 3.99 here, and uv could not fetch one"
    assert len(pytests_in(runs)) == (0 if named else 1)


def test_a_python_counts_only_if_it_runs_and_is_that_one(
    matrix: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"shim": "", "other": "3.98", "right": "3.99"}
    monkeypatch.setattr(matrix, "_candidates", lambda _: iter(said))
    monkeypatch.setattr(matrix, "_said", lambda command: said[command[0]])
    assert matrix.interpreter("3.99") == "right"
    assert matrix.interpreter(None) == sys.executable


def test_pythons_of_pyenv_are_found_the_newest_first(
    matrix: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("3.13.0", "3.13.2", "3.13.1t", "3.1.3", "3.13-dev"):
        (tmp_path / "versions" / name).mkdir(parents=True)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(matrix, "_uvs", lambda _: "")
    found = {version: [Path(path).parts[-3] for path in matrix._candidates(version)] for version in ("3.13", "3.13t")}
    assert found == {"3.13": ["3.13.2", "3.13.0"], "3.13t": ["3.13.1t"]}


def test_what_became_of_each_row_is_told(matrix: ModuleType, runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs.failing = {"sdk==2"}
    assert matrix.main([]) == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["matrix:", "old-sdk", "passed"], ["matrix:", "new-sdk", "failed"]]


def test_every_row_of_ours_names_tests_that_exist() -> None:
    spec = importlib.util.spec_from_file_location("matrix_of_ours", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found = module.rows()
    assert len({row.name for row in found}) == len(found)
    for row in found:
        assert row.install
        assert all((module.ROOT / file.partition("::")[0]).exists() for file in row.tests), row
