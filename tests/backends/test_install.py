"""How a Jaeger is built, with a stand-in for Go; and what the tests are told where none can be."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.backends import install

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no Jaeger is built on Windows")

GO = """
import json, pathlib, sys
arguments = sys.argv[1:]
folder = pathlib.Path({folder!r})
with open(folder / "said", "a") as said:
    print(*arguments, file=said)
if arguments[0] == {failing!r}:
    sys.exit("go: a first line\\ngo: no such host")
if arguments[:2] == ["mod", "download"]:
    print(json.dumps({{"Dir": str(folder / "jaeger"), "GoMod": str(folder / "jaeger.mod")}}))
if arguments[:3] == ["mod", "edit", "-json"]:
    new = {{"Path": "a.example/x", "Version": "v1"}}
    print(json.dumps({{"Replace": [{{"Old": {{"Path": "a.example/x"}}, "New": new}}]}}))
if arguments[0] == "build":
    assert pathlib.Path("go.sum").read_text() == "sums"
    pathlib.Path(arguments[arguments.index("-o") + 1]).write_text("jaeger")
"""


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no Jaeger built, no build going on, and no Go."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(install, "USUAL", tmp_path / "nowhere" / "go")
    for name in (install.FOLDER, install.UNTIL):
        monkeypatch.delenv(name, raising=False)


def put_go(folder: Path, failing: str = "") -> None:
    """Put a stand-in for Go on the PATH."""
    (folder / "jaeger").mkdir()
    (folder / "jaeger" / "go.sum").write_text("sums")
    (folder / "go").write_text(f"#!{sys.executable} -IS\n{GO.format(folder=str(folder), failing=failing)}")
    (folder / "go").chmod(0o755)


def test_it_is_built_once_from_a_module_of_our_own(tmp_path: Path) -> None:
    put_go(tmp_path)
    assert install.build() == install.build() == install.built()
    assert install.built().read_text() == "jaeger"
    *made, built = (tmp_path / "said").read_text().splitlines()
    assert made == [
        "mod init otel_dispatch/jaeger",
        "mod download -json github.com/jaegertracing/jaeger@v1.76.0",
        "mod edit -require github.com/jaegertracing/jaeger@v1.76.0",
        f"mod edit -json {tmp_path / 'jaeger.mod'}",
        "mod edit -replace a.example/x=a.example/x@v1",
    ]
    assert built.startswith("build -mod=mod -p=1 -trimpath -ldflags -s -w -o ")
    assert built.endswith(" github.com/jaegertracing/jaeger/cmd/jaeger")
    assert [each.name for each in install.built().parent.iterdir()] == ["jaeger-v1.76.0"]


@pytest.mark.parametrize("failing", ["mod", "build"])
def test_a_build_that_fails_says_why_and_leaves_nothing(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_go(tmp_path, failing)
    # Both are of this process, which goes on.
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(install.signal, "signal", lambda *_: None)
    folder = tmp_path / "build"
    folder.mkdir()
    monkeypatch.setenv(install.FOLDER, str(folder))
    monkeypatch.setenv(install.UNTIL, str(time.time() + 60))
    assert install.main() == 1
    assert not install.built().exists()
    assert install.awaited() == f"no Jaeger could be built: go {failing}: go: no such host"


def test_without_go_there_is_none() -> None:
    with pytest.raises(install.CannotBuildError, match="there is no Go on PATH"):
        install.build()


def test_go_is_found_where_its_archive_puts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert install.go_found() is None
    put_go(tmp_path)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(install, "USUAL", tmp_path / "go")
    assert install.go_found() == str(tmp_path / "go")


def test_where_nobody_builds_one_the_tests_are_told_how_to_name_one() -> None:
    assert install.awaited() == f"no Jaeger: {install.HOW}"


def test_a_build_that_goes_on_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(install.FOLDER, str(tmp_path))
    monkeypatch.setenv(install.UNTIL, str(time.time() + 60))
    install.built().parent.mkdir(parents=True)
    builder = threading.Timer(0.2, install.built().touch)
    builder.start()
    assert install.awaited() == install.built()
    builder.join()


def test_it_is_not_waited_for_beyond_the_time_that_the_run_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(install.FOLDER, str(tmp_path))
    monkeypatch.setenv(install.UNTIL, str(time.time() - 1))
    assert str(install.awaited()).startswith("no Jaeger yet: ")
