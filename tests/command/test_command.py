"""The command line itself: what it says to bad input, how it ends, and what it does not import."""

import subprocess
import sys
from pathlib import Path

import pytest

from otel_dispatch.__main__ import main

LINE = '{"type":"resolved_dispatch","kind":"run_skill","names":{"label":"write-tests"}}'


@pytest.mark.parametrize(
    "words", [["runs"], ["runs", "x", "--limit", "0"], ["runs", "x", "--limit", "no"], ["nope"], []]
)
def test_bad_input_is_told_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("otel-dispatch: ")
    assert captured.err.count("\n") == 1


def test_a_reader_that_has_enough_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text((LINE + "\n") * 5000)
    command = [sys.executable, "-m", "otel_dispatch", "runs", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"RUN")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 0


@pytest.mark.parametrize("words", [["--help"], ["doctor", "--help"], ["runs", "{file}"]])
def test_nothing_heavy_is_imported_for_it(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text(LINE + "\n")
    code = (
        "import sys, contextlib\n"
        "from otel_dispatch.__main__ import main\n"
        "with contextlib.suppress(SystemExit): main(sys.argv[1:])\n"
        "heavy = {'opentelemetry', 'wrapt', 'openai', 'anthropic', 'httpx', 'httpx2', 'rich'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    words = [word.format(file=tmp_path / "records.jsonl") for word in words]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
