"""Files and variables that others may have had a hand in: the record file, the start-up file, what a parent left."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_dispatch import recordfile
from otel_dispatch.baton import receive
from otel_dispatch.definition import hash_of
from otel_dispatch.program_files import text_in
from otel_dispatch.recordfile import append, append_all

SECRET = "sk-CANARY-0123456789abcdef"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
LINE = {"type": "resolved_dispatch"}


def test_a_symbolic_link_in_the_place_of_the_record_file_is_not_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    victim, link, dangling = tmp_path / "victim", tmp_path / "record.jsonl", tmp_path / "dangling.jsonl"
    victim.write_text("precious")
    link.symlink_to(victim)
    dangling.symlink_to(tmp_path / "new")
    with caplog.at_level(logging.WARNING, "otel_dispatch"):
        append(str(link), LINE)
        append(str(dangling), LINE)
    assert victim.read_text() == "precious"
    assert not (tmp_path / "new").exists()
    assert [record.getMessage().partition("(")[2] for record in caplog.records] == [
        "it is a symbolic link) and are lost."
    ] * 2
    with pytest.raises(OSError, match="it is a symbolic link"):
        append_all(str(link), [LINE])


def test_a_folder_of_the_record_file_may_be_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    append(str(tmp_path / "link" / "record.jsonl"), LINE)
    assert list(recordfile.read(tmp_path / "real" / "record.jsonl")) == [LINE]


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert text_in(tmp_path / "pipe") is None
    with pytest.raises(OSError, match="not a regular file"):
        hash_of(str(tmp_path / "pipe"))


@pytest.mark.parametrize(
    "state",
    [SECRET, f"a={SECRET}\x1b", f"A={SECRET}", f"a=b,{SECRET}", ",".join(f"k{n}={SECRET}" for n in range(40)), "0=1"],
)
def test_a_trace_state_that_is_none_is_not_printed(
    state: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        receive({"TRACEPARENT": PARENT, "TRACESTATE": state})
    receive({})
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")


def test_a_scope_that_is_none_is_told_without_its_value(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        receive({"DISPATCH_OTEL_SCOPE": f'{{"provenance":{{"model":"{SECRET}"}}}}'})
        receive({"DISPATCH_OTEL_SCOPE": SECRET})
    receive({})
    assert len(caplog.records) == 2
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_HEADERS", f"Bearer {SECRET}"),
        ("DISPATCH_OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer {SECRET}\nx"),
        ("OTEL_RESOURCE_ATTRIBUTES", SECRET),
    ],
)
def test_a_variable_that_opentelemetry_does_not_take_is_named_without_its_value(name: str, value: str) -> None:
    exporters = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("METRICS", "LOGS")}
    env = {**os.environ, **exporters, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", name: value}
    program = "import otel_dispatch as od; od.instrument(); od.entry_point('run_skill')(int)()"
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"does not take the value of {name.removeprefix('DISPATCH_')} as it is." in done.stderr
    assert SECRET not in done.stderr
    assert "Traceback" not in done.stderr


def test_the_start_up_file_runs_nothing_of_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "otel_dispatch.py").write_text("print('planted')")
    env = {**os.environ, "DISPATCH_OTEL": "1", "OTEL_TRACES_EXPORTER": "none"}
    done = subprocess.run(
        [sys.executable, "-c", "import httpx"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")
