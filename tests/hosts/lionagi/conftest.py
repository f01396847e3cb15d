"""What lionagi needs to run in a test: token counts without a download, no logs of its own, a home and a collector."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import tiktoken
import tiktoken.registry

from tests.hosts.lionagi.library import settings
from tests.hosts.lionagi.runs import Home
from tests.sinks import HttpSink


@pytest.fixture(autouse=True)
def a_tokenizer_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for the vocabularies that tiktoken fetches: lionagi counts tokens before it sends."""
    ranks = {bytes([byte]): byte for byte in range(256)}
    for name in ("o200k_base", "cl100k_base"):
        encoding = tiktoken.Encoding(name, pat_str=r"(?s).", mergeable_ranks=ranks, special_tokens={})
        monkeypatch.setitem(tiktoken.registry.ENCODINGS, name, encoding)


@pytest.fixture(autouse=True)
def no_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps lionagi from writing what was said into the current folder as the process ends."""
    as_set = settings.LOG_CONFIG
    monkeypatch.setattr(type(settings), "LOG_CONFIG", property(lambda _: {**as_set, "auto_save_on_exit": False}))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of this test's own."""
    return Home.made_in(tmp_path)


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    """A collector."""
    with HttpSink() as made:
        yield made
