"""`hash`: what stands on the spans of an agent that a file defines."""

import hashlib
import os
from pathlib import Path

import pytest

from otel_dispatch.__main__ import main


def test_each_file_is_a_line_with_its_hash_and_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / name for name in ("one.md", "two with spaces.md")]
    for path in paths:
        path.write_text(path.name)
    assert main(["hash", *map(str, paths)]) == 0
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in paths]
    captured = capsys.readouterr()
    assert captured.out == "".join(f"{found}  {path}\n" for found, path in zip(hashes, paths, strict=True))
    assert captured.err == ""


def test_a_file_that_changed_has_another_hash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "agent.md"
    for text in ("one", "two"):
        path.write_text(text)
        os.utime(path, (1, 1))
        main(["hash", str(path)])
        assert capsys.readouterr().out.startswith(hashlib.sha256(text.encode()).hexdigest()[:16])
        path.unlink()


@pytest.mark.parametrize(
    ("name", "why"),
    [("none", "No such file or directory"), (".", "it is not a regular file"), ("pipe", "it is not a regular file")],
)
def test_what_cannot_be_hashed_is_told_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, why: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    path = os.path.join(tmp_path, name)
    assert main(["hash", path]) == 2
    assert capsys.readouterr() == ("", f"otel-dispatch: {path} cannot be read: {why}.\n")
