"""docs/launches.md: the span that the page shows is the span that such a program gives."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Told
from tests.fakes import install
from tests.launches import STREAM, facts

PAGE = Path(__file__).parent.parent / "docs" / "launches.md"


def test_the_page_shows_what_a_child_that_is_told_nothing_gives(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", install(tmp_path)["PATH"])
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://api.minimax.io/anthropic")
    monkeypatch.setenv("ANTHROPIC_MODEL", "MiniMax-M2")
    subprocess.run(STREAM, capture_output=True, check=True)
    span = told.only()
    found = {name: str(value) for name, value in facts(span).items()}
    (shown,) = re.findall(rf"^```\n{span.name}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    expected = dict(line.split() for line in shown.splitlines())
    assert found | expected == found
    assert len(expected) == 19


def test_every_variable_and_option_that_the_page_names_is_read() -> None:
    sources = Path(__file__).parent.parent / "otel_dispatch"
    code = "".join(path.read_text() for path in sources.rglob("*.py"))
    words = set(re.findall(r"`(--?[a-z-]+|[A-Z]+(?:_[A-Z]+)+)[=` ]", PAGE.read_text()))
    # What Claude Code's families of variables are made of, and what is read by another word.
    known = {"ANTHROPIC_DEFAULT_OPUS_MODEL", "OTEL_EXPORTER_OTLP_PROTOCOL"}
    assert len(words) > 20
    assert {word for word in words - known if word not in code} == set()


def test_the_page_is_read_where_it_lies() -> None:
    for link in re.findall(r"\]\(([a-z_./]+)\)", PAGE.read_text()):
        assert os.path.exists(PAGE.parent / link)
