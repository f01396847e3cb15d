"""The fuzzing itself: each target holds for its corpus and for a little chance, and one that does not is told."""

from pathlib import Path

import pytest

from fuzz import __main__ as command
from fuzz import blind, seeds
from fuzz.targets import targets
from otel_dispatch.dialects import clis, dialects

TARGETS = pytest.mark.parametrize("name", sorted(targets()))


def test_every_dialect_and_agent_program_is_fuzzed() -> None:
    assert {dialect.name for dialect in dialects()} | {f"{cli.name}_cli" for cli in clis()} < set(targets())


def test_the_corpus_is_of_targets_that_are_there_is_tried_and_small() -> None:
    files = [path for path in seeds.CORPUS.rglob("*") if path.is_file()]
    # A new dialect begins with its samples, and has a corpus once something is found.
    assert {path.parent.name for path in files} <= set(targets())
    assert len(files) > 50
    assert all(path.read_bytes() in seeds.seeds_of(path.parent.name) for path in files)
    assert sum(path.stat().st_size for path in files) < 2**20


@TARGETS
def test_what_was_found_before_stays_mended_and_a_little_chance_finds_no_more(name: str) -> None:
    given = seeds.seeds_of(name)
    assert given
    assert blind.run(targets()[name], given, 0) == len(given) + blind.LEAST


def test_an_input_that_fails_is_kept_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(data: bytes) -> None:
        assert b"\xff" not in data

    monkeypatch.setattr(seeds, "CORPUS", tmp_path)
    monkeypatch.setattr(command, "targets", lambda: {"framing": fails})
    monkeypatch.setattr(command, "_python", lambda: None)
    assert command.main(["20", "--target", "framing"]) == 1
    (kept,) = (tmp_path / "framing").iterdir()
    assert b"\xff" in kept.read_bytes()
    out = capsys.readouterr().out
    assert out.startswith("atheris==3.0.0 cannot be had: inputs are changed by chance")
    assert f"framing: fails for {kept}\n1 targets, 1 failed: framing\n" in out
