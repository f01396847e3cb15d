"""Hosts of other distributions: when they are found and imported, and that a broken one costs its own words alone."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

import otel_dispatch
from otel_dispatch import _registry, guests, patch
from otel_dispatch.seam import Seam
from tests.conftest import Faults, Told
from tests.faulty import boom

FRAME = "class Runner:\n    def run(self, job):\n        return job\n"
HOST = """
from otel_dispatch.hosts import Beginning, entry_at
def begun(runner, given):
    return Beginning("agent", given["job"])
def seams():
    return [entry_at("frame", "Runner.run", begun)]
"""
GROUP = "[otel_dispatch.hosts]\n"


def furnish(folder: Path, entries: str, **modules: str) -> None:
    """Put modules, and a distribution that has these entry points, into *folder*."""
    info = folder / "mine-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entries)
    for name, code in modules.items():
        (folder / f"{name}.py").write_text(code)


def program(folder: Path, code: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(folder), "DISPATCH_OTEL": "1", "DISPATCH_OTEL_TRACES_EXPORTER": "none"}
    env |= {"DISPATCH_OTEL_RECORD_FILE": str(folder / "records.jsonl"), **more}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )


def runs(folder: Path) -> list[str]:
    path = folder / "records.jsonl"
    return [json.loads(line)["name"] for line in path.read_text().splitlines()] if path.exists() else []


IN = (
    "import sys; print([name for name in ('frame_host', 'opentelemetry', 'importlib.metadata') if name in sys.modules])"
)


def test_a_host_is_imported_with_its_library_and_not_before(tmp_path: Path) -> None:
    furnish(tmp_path, f"{GROUP}frame = frame_host", frame=FRAME, frame_host=HOST, other="")
    assert program(tmp_path, IN).stdout == "[]\n"
    assert program(tmp_path, f"import other, json; {IN}").stdout == "[]\n"
    done = program(tmp_path, f"import frame; {IN}; frame.Runner().run('x')")
    assert "frame_host" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert runs(tmp_path) == ["invoke_agent x"]
    # Something else has started us: it still waits for its own library.
    done = program(tmp_path, f"import urllib.request; {IN}; import frame; {IN}; frame.Runner().run('y')")
    assert ["frame_host" in line for line in done.stdout.splitlines()] == [False, True]
    assert runs(tmp_path) == ["invoke_agent x", "invoke_agent y"]


# Debian's Python looks for a library of somebody's at its own start.
READ = "from otel_dispatch import _registry; _registry._seen.clear(); {}; print(bool(_registry._seen))"


@pytest.mark.parametrize(
    ("code", "is_read"), [("pass", False), ("import json, asyncio", False), ("import other", True)]
)
def test_the_path_is_read_only_where_a_library_of_somebodys_is_imported(
    code: str, is_read: bool, tmp_path: Path
) -> None:
    furnish(tmp_path, f"{GROUP}frame = frame_host", other="")
    done = program(tmp_path, READ.format(code))
    assert (done.stdout, done.stderr) == (f"{is_read}\n", "")


def test_switched_off_a_host_is_not_imported(tmp_path: Path) -> None:
    furnish(tmp_path, f"{GROUP}frame = frame_host", frame=FRAME, frame_host=HOST)
    assert program(tmp_path, f"import frame; frame.Runner().run('x'); {IN}", DISPATCH_OTEL="").stdout == "[]\n"
    assert runs(tmp_path) == []


def test_a_host_that_imports_its_library_is_one_too(tmp_path: Path) -> None:
    furnish(tmp_path, f"{GROUP}frame = frame_host", frame=f"print('once')\n{FRAME}", frame_host=f"import frame\n{HOST}")
    done = program(tmp_path, "import frame; frame.Runner().run('x')")
    assert (done.stdout, done.stderr) == ("once\n", "")
    assert runs(tmp_path) == ["invoke_agent x"]


BROKEN = {
    "absent": None,
    "raising": "raise ValueError('secret')",
    "empty": "",
    "wrong": "def seams():\n    return [42]",
    "failing": "def seams():\n    raise ValueError('secret')",
}


def test_a_broken_host_silences_no_other_and_is_told_once(tmp_path: Path) -> None:
    lines = "".join(f"frame.{name} = {name}_host\n" for name in BROKEN)
    entries = f"[console_scripts]\nx = y:z\n{GROUP}{lines}\nframe = frame_host\n"
    files = {f"{name}_host": code for name, code in BROKEN.items() if code is not None}
    furnish(tmp_path, entries, frame_host=HOST, **files)
    package = tmp_path / "frame"
    package.mkdir()
    (package / "__init__.py").write_text(FRAME)
    for name in BROKEN:
        (package / f"{name}.py").touch()
    imports = ", ".join(f"frame.{name}" for name in BROKEN)
    done = program(tmp_path, f"import {imports}\nfor n in 'ab': frame.Runner().run(n)")
    assert done.returncode == 0
    assert runs(tmp_path) == ["invoke_agent a", "invoke_agent b"]
    for name in BROKEN:
        assert done.stderr.count(f"otel_dispatch failed in the host {name}_host (") == 1, done.stderr
    assert "secret" not in done.stderr.replace("ValueError('secret')", "")


@pytest.fixture
def frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A library with a host, on the path of this process."""
    furnish(tmp_path, f"{GROUP}frame = frame_host", frame=FRAME, frame_host=HOST)
    monkeypatch.syspath_prepend(str(tmp_path))
    forget_the_path(monkeypatch)
    monkeypatch.setattr(guests, "_awaited", set())
    monkeypatch.setattr(patch, "_hooked", set())
    yield
    for name in ("frame", "frame_host"):
        sys.modules.pop(name, None)


def forget_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_registry, "_seen", set())
    monkeypatch.setattr(_registry, "_found", {})


def run(job: str) -> None:
    import frame  # type: ignore[import-not-found]

    assert frame.Runner().run(job) == job


@pytest.mark.usefixtures("frame")
def test_it_comes_and_goes_with_the_instrumentation(make_told: Callable[[], Told]) -> None:
    run("before")
    told = make_told()
    run("during")
    otel_dispatch.uninstrument()
    run("after")
    again = make_told()
    run("again")
    assert [span.name for span in told.spans()] == ["invoke_agent during"]
    assert [span.name for span in again.spans()] == ["invoke_agent again"]


@pytest.mark.usefixtures("frame")
def test_a_library_that_is_imported_after_uninstrumenting_is_left_alone(make_told: Callable[[], Told]) -> None:
    told = make_told()
    otel_dispatch.uninstrument()
    run("after")
    assert "frame_host" not in sys.modules
    assert told.spans() == []


@pytest.mark.usefixtures("frame")
def test_a_place_that_another_host_observes_stays_that_hosts(
    make_told: Callable[[], Told], caplog: pytest.LogCaptureFixture
) -> None:
    told = make_told()
    patch.install(Seam("frame", "Runner.run", lambda wrapped, _, args, kwargs: wrapped(*args, **kwargs)))
    run("x")
    assert told.spans() == []
    assert [record.getMessage() for record in caplog.records] == [
        "The host frame_host: frame:Runner.run is observed by another host already."
    ]


@pytest.mark.usefixtures("frame")
def test_a_fault_of_ours_while_a_host_is_looked_for_is_none_of_the_imports(
    make_told: Callable[[], Told], faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.expect()
    make_told()
    monkeypatch.setattr(guests, "registered", boom)
    run("x")
    assert [type(error) for _, error in faults.seen] == [ZeroDivisionError]


REGISTERED = [
    ("", {}),
    ("[other]\nframe = x", {}),
    (f"{GROUP}\n# frame = x\n; frame = x\nframe\nframe =\n= x\n", {}),
    (f"{GROUP} a = b \n[other]\nc = d\n [otel_dispatch.hosts] \ne.f=g.h\n", {"a": ("b",), "e.f": ("g.h",)}),
    (f"{GROUP}a = b\na = c\na = b", {"a": ("b", "c")}),
    (f"{GROUP}a = \udcff", {"a": ("\ufffd\ufffd\ufffd",)}),
]


@pytest.mark.parametrize(("text", "expected"), REGISTERED)
def test_entry_points_are_read_as_they_are_written(
    text: str, expected: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "a.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_bytes(text.encode("utf-8", "surrogatepass"))
    (tmp_path / "no.dist-info").mkdir()
    (tmp_path / "file.egg-info").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "nothing"), str(tmp_path / "file.egg-info"), b"x"])
    forget_the_path(monkeypatch)
    assert _registry.registered() == expected


def test_the_same_is_found_as_by_importlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_registry, "GROUP", "opentelemetry_instrumentor")
    forget_the_path(monkeypatch)
    theirs = {(each.name, each.value) for each in entry_points(group="opentelemetry_instrumentor")}
    ours = {(name, value) for name, values in _registry.registered().items() for value in values}
    assert ours == theirs != set()


@pytest.mark.parametrize(
    ("modules", "state", "words"),
    [
        ({"frame": FRAME, "frame_host": HOST}, "ok", "frame_host, of another distribution"),
        ({"frame_host": HOST}, "note", "not installed"),
        ({"frame": FRAME}, "wrong", "frame_host cannot be found"),
    ],
    ids=["both there", "no library", "no host"],
)
def test_doctor_names_a_registered_host(tmp_path: Path, modules: dict[str, str], state: str, words: str) -> None:
    furnish(tmp_path, f"{GROUP}frame = frame_host", **modules)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "otel_dispatch", "doctor", "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    (finding,) = [each for each in json.loads(done.stdout)["findings"] if each["what"] == "frame"]
    assert (finding["part"], finding["state"]) == ("hosts", state)
    assert words in finding["detail"]
