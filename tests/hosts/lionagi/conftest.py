"""What lionagi needs to run in a test: token counts without a download, no logs of its own, a home and a collector."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.lionagi.quiet import a_tokenizer_of_bytes as a_tokenizer_of_bytes
from tests.hosts.lionagi.quiet import no_logs as no_logs
from tests.hosts.lionagi.runs import Home
from tests.sinks import HttpSink


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of this test's own."""
    return Home.made_in(tmp_path)


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    """A collector."""
    with HttpSink() as made:
        yield made
