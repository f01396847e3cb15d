"""What every test of lionagi needs: no download, and no log of its own."""

import pytest
import tiktoken
import tiktoken.registry

from tests.hosts.lionagi.library import settings


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
