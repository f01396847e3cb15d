"""The table of what the matrix covers: read from rows, the lock and the project, and the same in the README."""

from __future__ import annotations

from pathlib import Path

import pytest

import matrix
import matrix_table

README = matrix.ROOT / "README.md"
MARKS = ("<!-- python3 dev.py matrix --table -->\n", "<!-- end of the table -->\n")
PROJECT = """
[project]
dependencies = ["wrapt>=1.17,<3", "msgspec>=0.19"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    return tmp_path


def line(project: Path, installs: list[str], locked: dict[str, str], thing: str = "openai") -> list[str]:
    """The oldest and the newest that the table tells of *thing*."""
    texts = (f'[[package]]\nname = "{name}"\nversion = "{version}"\n' for name, version in locked.items())
    (project / "uv.lock").write_text("package = []\n" if not locked else "".join(texts))
    rows = [matrix.Row(f"row-{n}", (each,), ("tests/a.py",)) for n, each in enumerate(installs)]
    (found,) = [text for text in matrix_table.table(rows, project).splitlines() if f"| `{thing}` |" in text]
    return found.strip("| ").split(" | ")[2:]


@pytest.mark.parametrize(
    ("installs", "locked", "told"),
    [
        (["openai==1.109.1", "openai[aiohttp]==1.40.0"], {}, ["1.40.0", "1.109.1"]),
        (["openai==1.40.0"], {"openai": "3.52.0"}, ["1.40.0", "3.52.0 in uv.lock"]),
        (["openai==1.40.0", "openai>=3"], {"openai": "3.52.0"}, ["1.40.0", "newest; 3.52.0 in uv.lock"]),
        (["openai==3.53.0", "httpx"], {"openai": "3.52.0"}, ["3.52.0", "3.53.0; 3.52.0 in uv.lock"]),
        (["openai==3.2.0", "openai>=3.4,<4"], {}, ["3.2.0", "newest before 4"]),
        (["openai==0.28.1", "openai<1.dev0"], {}, ["0.28.1", "newest before 1"]),
        (["openai<2"], {"openai": "3.52.0"}, ["newest before 2", "3.52.0 in uv.lock"]),
        (["openai"], {}, ["newest", "newest"]),
    ],
)
def test_a_line_tells_the_oldest_and_the_newest(
    project: Path, installs: list[str], locked: dict[str, str], told: list[str]
) -> None:
    assert line(project, installs, locked) == told


def test_what_the_package_itself_depends_on_is_the_newest_in_a_row_that_says_no_more(project: Path) -> None:
    assert line(project, ["wrapt==1.17.0"], {}, "wrapt") == ["1.17.0", "1.17.0"]
    assert line(project, ["wrapt==1.17.0", "msgspec==0.19.0"], {}, "wrapt") == ["1.17.0", "newest before 3"]


def test_a_row_for_a_benchmark_covers_nothing(project: Path) -> None:
    (project / "uv.lock").write_text("package = []\n")
    assert "openai" not in matrix_table.table([matrix.Row("bench", ("openai==1.40.0",), ())], project)


def test_a_thing_that_only_some_tests_are_of_has_a_line_of_the_rows_that_run_them(project: Path) -> None:
    (project / "uv.lock").write_text("package = []\n")
    rows = [
        matrix.Row("sdk", ("lionagi==0.26.18",), ("tests/sdks/test_lionagi.py",)),
        matrix.Row("host", ("lionagi==0.30.2",), ("tests/hosts/lionagi",)),
    ]
    lines = [text for text in matrix_table.table(rows, project).splitlines() if "lionagi" in text]
    assert lines == ["| SDK | `lionagi` | 0.26.18 | 0.26.18 |", "| host | `lionagi` | 0.30.2 | 0.30.2 |"]


def test_pythons_are_ordered_by_number_and_the_free_threaded_ones_apart(project: Path) -> None:
    (project / "uv.lock").write_text("package = []\n")
    versions = ("3.100", "3.11", "3.14t", None)
    rows = [matrix.Row(str(each), ("msgspec",), ("tests/a.py",), version=each) for each in versions]
    lines = [text for text in matrix_table.table(rows, project).splitlines() if "Python" in text]
    assert lines == [
        "| interpreter | Python | 3.11 | 3.100 |",
        "| interpreter | Python, free-threaded | 3.14t | 3.14t |",
    ]


def test_the_command_prints_the_table_and_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(matrix, "check", lambda *_: pytest.fail("a row was run"))
    assert matrix.main(["--table"]) == 0
    assert capsys.readouterr().out == matrix_table.table(matrix.rows()) + "\n"


def test_all_that_rows_install_has_a_line_and_each_line_has_a_row() -> None:
    installed = {each.name for row in matrix.rows() for each in matrix_table.requirements(row)}
    listed = {package for thing in matrix_table.THINGS for package in thing.packages}
    assert (installed - listed, listed & matrix_table.BESIDE) == (matrix_table.BESIDE, set())
    told = matrix_table.table(matrix.rows()).splitlines()
    assert [
        thing.label for thing in matrix_table.THINGS if not any(f" {thing.label} | " in text for text in told)
    ] == []


def test_the_readme_has_the_table_that_the_command_prints() -> None:
    before, *_ = README.read_text(encoding="utf-8").partition(MARKS[1])
    _, _, told = before.partition(MARKS[0])
    assert told.strip() == matrix_table.table(matrix.rows()), "run `python3 dev.py matrix --table`"
