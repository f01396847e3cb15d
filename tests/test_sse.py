"""The data of events, whatever pieces their bytes come in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_dispatch import sse
from otel_dispatch.sse import Lines


def data_of(*chunks: bytes) -> list[bytes]:
    lines = Lines()
    found = [data for chunk in chunks for data in lines.events(chunk)]
    return [*found, *lines.end()]


STREAMS = [
    (b"", []),
    (b"\n\n\n", []),
    (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
    (b"data:a\n\n", [b"a"]),
    (b"data:  a \n\n", [b" a "]),
    (b"data: a\ndata: b\n\n", [b"a\nb"]),
    (b"data: a\ndata:\ndata: b\n\n", [b"a\n\nb"]),
    (b"data:\n\n", [b""]),
    (b"event: x\nid: 1\nretry: 5\ndata: a\n\n", [b"a"]),
    (b": a comment\n\n: another\ndata: a\n: a third\n\n", [b"a"]),
    (b"event: ping\n\ndata: a\n\n", [b"a"]),
    (b"database: a\n\ndat: b\n\n", []),
    (b"data: a: b\n\n", [b"a: b"]),
    (b"data: a\n\n\n\ndata: b\n\n", [b"a", b"b"]),
    (b"data: \xff\x00\n\n", [b"\xff\x00"]),
    (b'data: a\n\n{\n  "x": {\n\n  }\n}\n', [b"a", b'{\n  "x": {\n\n  }\n}']),
    (b'{"x":1}\n\ndata: a\n\n', [b'{"x":1}\n', b"a"]),
    (b"data: a\n{\ndata: b\n\n", [b"a\nb"]),
    ("data: \N{GRINNING FACE}\n\n".encode(), ["\N{GRINNING FACE}".encode()]),
]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
@pytest.mark.parametrize(("stream", "expected"), STREAMS)
def test_events_are_what_is_between_blank_lines(stream: bytes, expected: list[bytes], end: bytes) -> None:
    assert data_of(stream.replace(b"\n", end)) == expected


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_a_stream_may_be_cut_anywhere(end: bytes) -> None:
    stream = b"event: x\ndata: one\ndata: two\n\n: c\n\ndata: three\n\n".replace(b"\n", end)
    for here in range(len(stream) + 1):
        for there in range(here, len(stream) + 1):
            assert data_of(stream[:here], stream[here:there], stream[there:]) == [b"one\ntwo", b"three"]
    assert data_of(*(bytes([byte]) for byte in stream)) == [b"one\ntwo", b"three"]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\ndata: b\n", [b"a", b"b"]),
        (b"data: a\n\ndata: b", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r", [b"a", b"b"]),
        (b"data: a\ndata: b", [b"a\nb"]),
        (b"data: a\n\nevent: b", [b"a"]),
        (b"data: a\n\ndat", [b"a"]),
    ],
)
def test_the_last_blank_line_may_be_missing(stream: bytes, expected: list[bytes]) -> None:
    assert data_of(stream) == expected


def test_an_event_is_known_as_soon_as_its_blank_line_is() -> None:
    lines = Lines()
    seen = [list(lines.events(chunk)) for chunk in (b"data: a\n", b"\n", b"data: b\r\n\r", b"\n", b"data: c\r\r")]
    assert seen == [[], [b"a"], [], [b"b"], []]
    assert list(lines.end()) == [b"c"]
    assert list(lines.end()) == []


@pytest.mark.parametrize("line", [b"x" * 64, b"data: " + b"x" * 64, b"data: x\n" * 9])
def test_an_event_that_does_not_end_is_given_up_with_the_rest(monkeypatch: pytest.MonkeyPatch, line: bytes) -> None:
    monkeypatch.setattr(sse, "LIMIT", 32)
    lines = Lines()
    assert list(lines.events(b"data: a\n\n")) == [b"a"]
    for chunk in (line[:30], line[30:], b"\n\ndata: b\n\n"):
        assert list(lines.events(chunk)) == []
    assert list(lines.end()) == []
    assert lines.overrun


def test_what_is_kept_is_bounded() -> None:
    lines = Lines()
    for _ in range(3 * sse.LIMIT // 2**16):
        assert list(lines.events(b"data: " + b"x" * 2**16 + b"\n")) == []
    assert lines.overrun
    assert (lines._rest, lines._data) == (b"", [])


def test_many_events_that_end_are_no_overrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LIMIT", 32)
    lines = Lines()
    assert [len(list(lines.events(b"data: 0123456789\n\n"))) for _ in range(9)] == [1] * 9
    assert not lines.overrun


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("ad:t \r\n", max_size=12).map(str.encode) | st.binary(max_size=8)))
def test_pieces_make_no_difference(chunks: list[bytes]) -> None:
    assert data_of(*chunks) == data_of(b"".join(chunks))
