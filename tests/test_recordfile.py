"""The record file: whole lines from many processes, one warning for what cannot be written, never an exception."""

import json
import logging
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from otel_dispatch.recordfile import UnreadableError, append, read

NUL = "(open: )?embedded null (byte|character in path)"
WRITER = """
import sys
from otel_dispatch.recordfile import append
for n in range(200):
    append(sys.argv[1], {"type": "resolved_dispatch", "writer": sys.argv[2], "n": n, "pad": "x" * (n * 37 % 9000)})
"""


def line(**told: Any) -> dict[str, Any]:
    return {"type": "resolved_dispatch", **told}


def test_a_line_is_json_with_its_end(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    for n in (1, 2):
        append(str(path), line(n=n, text='é"\n', none=None))
    assert path.read_bytes() == b"".join(
        b'{"type":"resolved_dispatch","n":%d,"text":"\xc3\xa9\\"\\n","none":null}\n' % n for n in (1, 2)
    )


def test_lines_of_many_processes_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(n)]) for n in range(6)]
    assert [writer.wait(30) for writer in writers] == [0] * 6
    lines = [json.loads(each) for each in path.read_bytes().splitlines()]
    assert len(lines) == 6 * 200
    for n in range(6):
        mine = [each for each in lines if each["writer"] == str(n)]
        assert [each["n"] for each in mine] == list(range(200))
        assert [len(each["pad"]) for each in mine] == [n * 37 % 9000 for n in range(200)]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    mask = os.umask(0)
    try:
        append(str(path), line())
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_rights_of_a_file_that_is_there_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.touch(0o640)
    path.chmod(0o640)
    append(str(path), line())
    assert path.stat().st_mode & 0o777 == 0o640


def warnings_of(caplog: pytest.LogCaptureFixture, path: str) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.WARNING, "otel_dispatch"):
        for _ in range(3):
            append(path, line())
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("directory", "Is a directory"),
        ("missing/records.jsonl", "No such file or directory"),
        ("file/records.jsonl", "Not a directory"),
        ("pipe", "No such device or address"),
        ("read_pipe", "it is not a regular file"),
        ("x" * 300, "File name too long"),
        ("nul\x00", NUL),
        ("", "No such file or directory"),
    ],
)
def test_a_path_that_cannot_be_written_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, reason: str
) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "read_pipe")
    reader = os.open(tmp_path / "read_pipe", os.O_RDONLY | os.O_NONBLOCK)
    path = f"{tmp_path}/{name}" if name else ""
    try:
        (warning,) = warnings_of(caplog, path)
        # What is no character for a log is left out of it.
        path = re.escape(path.rstrip("\0"))
        told = rf"DISPATCH_OTEL_RECORD_FILE: records cannot be written to {path} \({reason}\) and are lost\."
        assert re.fullmatch(told, warning)
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has it")
def test_a_device_costs_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    (warning,) = warnings_of(caplog, "/dev/full")
    assert "(it is not a regular file)" in warning


@pytest.mark.parametrize("room", [0, 20])
def test_a_full_disk_costs_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture, room: int) -> None:
    path = tmp_path / "records.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        warnings = warnings_of(caplog, str(path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"({'File too large'}) and are lost." in warnings[-1]
    assert len(warnings) == (2 if room else 1)
    assert path.stat().st_size == room
    assert list(read(path)) == []


@pytest.mark.parametrize("value", ["\ud800", {"\ud800": 1}, 2**64, {1, 2}, object, b"\xff", float("nan"), (1, "x")])
def test_no_value_makes_it_raise(tmp_path: Path, value: object) -> None:
    path = tmp_path / "records.jsonl"
    append(str(path), line(value=value))
    append(str(path), line(n=2))
    assert list(read(path))[-1] == line(n=2)


def test_torn_and_foreign_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    append(str(path), line(n=1))
    with path.open("ab") as file:
        file.write(b'\n\n[]\n3\n"x"\nnull\n\xff\xfe\n{"type":"provider_call_request"}\n{}\n{"type":["x"]}\n')
        file.write(b"[" * 100_000 + b"\n" + b'{"type":"resolved_dispatch","n":' + b"9" * 5000 + b"}\n")
        file.write(b'{"type":"resolved_dispatch","n":2}\r\n{"type":"resolved_dis\n')
        file.write(b'  {"n":3,"type":"resolved_dispatch"}\n{"type":"resolved_dispatch","n":4')
    assert [record["n"] for record in read(str(path))] == [1, 2, 3]


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").touch()
    assert list(read(tmp_path / "records.jsonl")) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none", "No such file or directory"), ("directory", "Is a directory"), ("nul\x00", NUL)],
)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(UnreadableError) as caught:
        list(read(tmp_path / name))
    assert re.fullmatch(rf"{re.escape(str(tmp_path / name))} cannot be read: {reason}\.", str(caught.value))
