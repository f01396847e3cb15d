"""No test with aiohttp leaves a stream behind that is still overheard."""

import gc
from collections.abc import Iterator

import pytest

from otel_dispatch import aiostream


@pytest.fixture(autouse=True)
def no_stream_stays_overheard() -> Iterator[None]:
    yield
    gc.collect()
    assert aiostream._bodies == {}
