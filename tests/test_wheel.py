"""What we publish: the wheel's content, and that it switches on where it is installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_the_package_the_start_up_file_and_nothing_else(names: list[str]) -> None:
    roots = {name.partition("/")[0] for name in names}
    (info,) = [root for root in roots if root.endswith(".dist-info")]
    assert roots == {"otel_dispatch", "zz_otel_dispatch.pth", info}
    assert "otel_dispatch/py.typed" in names
    assert f"{info}/licenses/LICENSE" in names
    suffixes = {Path(name).suffix for name in names if name.startswith("otel_dispatch/")}
    assert suffixes == {".py", ".typed"}


def test_nothing_of_the_work_on_it_is_in_the_wheel(names: list[str]) -> None:
    folders = {part for name in names for part in Path(name).parts[:-1]}
    assert not folders & {
        *("tests", "fuzz", "corpus", "benchmarks", "examples", "docs", "deploy", "startup", "build", "dist"),
        *(".git", ".github", ".ci", ".venv", ".venvs", "__pycache__", ".hypothesis", ".pytest_cache", "node_modules"),
        *(".mypy_cache", ".ruff_cache", ".import_linter_cache"),
    }
    files = {Path(name).name for name in names}
    assert not files & {"dev.py", "matrix.py", "audit_deps.py", "conftest.py", "uv.lock", "pyproject.toml", ".env"}
    # Records, logs, keys, what is compiled, what an editor leaves: and whatever hides.
    assert not [name for name in files if name.startswith((".", "test_")) or name.endswith("~")]
    assert {Path(name).suffix for name in names} == {".py", ".typed", ".pth", ".txt", ""}
    assert {Path(name).name for name in names if not Path(name).suffix} == {"METADATA", "RECORD", "WHEEL", "LICENSE"}


def test_the_start_up_file_is_one_line_that_looks_at_one_variable() -> None:
    (line,) = (ROOT / "startup" / "zz_otel_dispatch.pth").read_text().splitlines()
    assert line.startswith("import os; exec(")
    assert line.endswith('if os.environ.get("DISPATCH_OTEL") else None')
