"""The lines of a body of JSON lines, whatever pieces its bytes come in, and which body is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_dispatch import framing
from otel_dispatch.framing import EVENTS, JsonLines, framing_of
from otel_dispatch.sse import Lines


def lines_of(*chunks: bytes) -> list[bytes]:
    lines = JsonLines()
    found = [line for chunk in chunks for line in lines.events(chunk)]
    return [*found, *lines.end()]


STREAMS = [
    (b"", []),
    (b"\n\n \n\r\n", []),
    (b"1\n", [b"1"]),
    (b"1", [b"1"]),
    (b"1\n2\n", [b"1", b"2"]),
    (b"1\r\n2\r\n", [b"1", b"2"]),
    (b"1\n2", [b"1", b"2"]),
    (b"\n\n1\n\n\n2\n\n", [b"1", b"2"]),
    (b'  {"a": 1}  \n', [b'{"a": 1}']),
    (b"\xff\x00\n", [b"\xff\x00"]),
    ('{"a":"\u2028"}\n'.encode(), ['{"a":"\u2028"}'.encode()]),
]


@pytest.mark.parametrize(("stream", "expected"), STREAMS)
def test_lines_are_what_is_between_line_breaks(stream: bytes, expected: list[bytes]) -> None:
    assert lines_of(stream) == expected


@pytest.mark.parametrize(("stream", "expected"), STREAMS)
def test_a_stream_may_be_cut_anywhere(stream: bytes, expected: list[bytes]) -> None:
    for here in range(len(stream) + 1):
        for there in range(here, len(stream) + 1):
            assert lines_of(stream[:here], stream[here:there], stream[there:]) == expected
    assert lines_of(*(bytes([byte]) for byte in stream)) == expected


@given(st.lists(st.binary() | st.sampled_from([b"\n", b"\r\n", b"{", b" "])))
def test_the_pieces_make_no_difference(chunks: list[bytes]) -> None:
    assert lines_of(*chunks) == lines_of(b"".join(chunks))


def test_a_line_is_told_as_soon_as_it_is_complete() -> None:
    lines = JsonLines()
    assert [list(lines.events(chunk)) for chunk in (b"1", b"\n2", b"\n", b"3\n4")] == [[], [b"1"], [b"2"], [b"3"]]


def test_after_a_line_that_is_too_long_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "LIMIT", 8)
    lines = JsonLines()
    assert list(lines.events(b"1\n12345678")) == [b"1"]
    assert not lines.overrun
    assert list(lines.events(b"9")) == []
    assert lines.overrun
    for late in (b"\n", b"2\n", b"3\n4\n"):
        assert list(lines.events(late)) == []
    assert list(lines.end()) == []


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        (EVENTS, Lines),
        ("Text/Event-Stream; charset=utf-8", Lines),
        ("application/x-ndjson", JsonLines),
        ("application/x-ndjson; charset=utf-8", JsonLines),
        ("Application/NDJSON", JsonLines),
        ("application/jsonl", JsonLines),
        ("application/stream+json", JsonLines),
    ],
)
def test_the_content_type_says_how_a_body_is_split(content_type: str, kind: type) -> None:
    assert type(framing_of(content_type)) is kind


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "text/html; charset=utf-8", "", "x"])
def test_any_other_body_is_read_as_a_whole(content_type: str) -> None:
    assert framing_of(content_type) is None


def test_each_body_has_a_framing_of_its_own() -> None:
    assert framing_of(EVENTS) is not framing_of(EVENTS)
