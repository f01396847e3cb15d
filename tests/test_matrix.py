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
        self.failing: set[str] = set()
        self._homes = str(matrix.HOMES)

    def __call__(self, command: list[str]) -> int:
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
    rows = module.rows(tmp_path / "rows")
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
