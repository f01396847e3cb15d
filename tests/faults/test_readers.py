"""Every reader of every dialect raising: the host's answer is untouched, and no span is left open."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from benchmarks.wire import Wire, pieces, whole
from benchmarks.wires import STREAMED, WIRES
from otel_dispatch import aloft, dialects, transit
from tests.conftest import Faults, Told
from tests.faulty import boom


@pytest.fixture(autouse=True)
def forget_the_routes() -> Iterator[None]:
    """Leaves no route to a broken dialect."""
    transit.route_at.cache_clear()
    transit.route_at_raw.cache_clear()
    yield
    transit.route_at.cache_clear()
    transit.route_at_raw.cache_clear()


def break_reader(part: str, patcher: pytest.MonkeyPatch) -> None:
    table: dict[str, Any] = {
        last: tuple((ending, replace(dialect, **{part: boom})) for ending, dialect in found)
        for last, found in dialects._by_last_word().items()
    }
    patcher.setattr(dialects, "_by_last_word", lambda: table)


def answer(wire: Wire, is_stream: bool, chunks: tuple[bytes, ...]) -> list[bytes]:
    transport = pieces(chunks, wire.stream_headers()) if is_stream else whole(wire.answer)
    url, body = (wire.streamed_url if is_stream else wire.url), wire.body(1_000, stream=is_stream)
    with httpx2.Client(transport=transport) as client, client.stream("POST", url, content=body) as response:
        return list(response.iter_raw()) if is_stream else [response.read()]


CASES = [
    *((wire, False, part) for wire in WIRES for part in ("request", "reply")),
    *((wire, True, part) for wire in STREAMED for part in ("request", "event")),
]


@pytest.mark.parametrize(
    ("wire", "is_stream", "part"), CASES, ids=[f"{w.name} {'streamed' if s else 'whole'} {p}" for w, s, p in CASES]
)
def test_a_dialects_reader_that_raises_leaves_the_answer_as_it_was(
    make_told: Callable[[], Told],
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
    wire: Wire,
    is_stream: bool,
    part: str,
) -> None:
    faults.expect()
    # Each has ids of its own.
    chunks = wire.chunks(12) if is_stream else ()
    plain = answer(wire, is_stream, chunks)
    told = make_told()
    break_reader(part, monkeypatch)
    assert answer(wire, is_stream, chunks) == plain
    assert {type(error) for _, error in faults.seen} == {ZeroDivisionError}
    assert aloft.count() == 0
    kinds = [(span.attributes or {}).get("dispatch.outcome.kind") for span in told.spans()]
    # What was asked cannot be read: then it is no call of ours. What came back cannot: then it is not judged.
    assert kinds == ([] if part == "request" else ["served"])
