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


def test_the_wheel_holds_the_package_the_start_up_files_and_nothing_else(names: list[str]) -> None:
    roots = {name.partition("/")[0] for name in names}
    (info,) = [root for root in roots if root.endswith(".dist-info")]
    assert roots == {"otel_dispatch", "zz_otel_dispatch.pth", "zz_otel_dispatch.start", info}
    assert "otel_dispatch/py.typed" in names
    assert f"{info}/licenses/LICENSE" in names
    suffixes = {Path(name).suffix for name in names if name.startswith("otel_dispatch/")}
    assert suffixes == {".py", ".typed"}


def test_the_start_up_file_is_one_line_that_looks_at_one_variable() -> None:
    (line,) = (ROOT / "startup" / "zz_otel_dispatch.pth").read_text().splitlines()
    assert line.startswith("import os; exec(")
    assert line.endswith('if os.environ.get("DISPATCH_OTEL") else None')
    assert (ROOT / "startup" / "zz_otel_dispatch.start").read_text() == "otel_dispatch._boot:init\n"
