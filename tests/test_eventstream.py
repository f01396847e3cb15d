"""The messages of an Amazon event stream, whatever pieces their bytes come in, checked against botocore's parser."""

import json
import struct
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_dispatch import eventstream
from otel_dispatch.eventstream import Messages
from otel_dispatch.framing import framing_of
from tests.wires.bedrock import STREAM, event, exception, framed, header, message, sized, unmodelled

ONE, TWO = event("messageStart", {"role": "assistant"}), event("messageStop", {"stopReason": "end_turn"})
STARTED, STOPPED = {"messageStart": {"role": "assistant"}}, {"messageStop": {"stopReason": "end_turn"}}


def messages_of(*chunks: bytes) -> tuple[list[bytes], bool]:
    messages = Messages()
    found = [data for chunk in chunks for data in messages.events(chunk)]
    return [*found, *messages.end()], messages.overrun


def read(*chunks: bytes) -> list[Any]:
    """What is told of each message, without the padding."""
    told = [json.loads(data) for data in messages_of(*chunks)[0]]
    return [{name: without_padding(value) for name, value in each.items()} for each in told]


def without_padding(value: Any) -> Any:
    return {name: each for name, each in value.items() if name != "p"} if isinstance(value, dict) else value


def read_by_botocore(stream: bytes) -> list[tuple[Any, bytes]] | None:
    """The headers and payload of each message as botocore reads them, or None where it refuses the stream."""
    buffer = EventStreamBuffer()
    buffer.add_data(stream)
    try:
        return [(each.headers, each.payload) for each in buffer]
    except Exception:
        return None


def test_its_content_type_names_it() -> None:
    assert isinstance(framing_of(STREAM), Messages)


def test_an_event_is_named_by_its_type() -> None:
    assert read(ONE + TWO) == [STARTED, STOPPED]
    odd = 'a "name"\n\N{GRINNING FACE}'
    assert read(event(odd, {"x": 1})) == [{odd: {"x": 1}}]
    assert read(message({":event-type": "initial-response", ":message-type": "event"})) == [{"initial-response": {}}]
    # As botocore takes it: what is called neither an exception nor an error is an event.
    assert read(message({":event-type": "e"}, b"1"), message({":event-type": "e", ":message-type": "x"}, b"2")) == [
        {"e": 1},
        {"e": 2},
    ]


def test_of_an_exception_only_its_code_is_told() -> None:
    assert messages_of(exception("throttlingException", "a secret")) == (
        [b'{"error": {"code": "throttlingException"}}'],
        False,
    )
    assert messages_of(unmodelled("InternalFailure", "a secret")) == (
        [b'{"error": {"code": "InternalFailure"}}'],
        False,
    )
    nameless = message({":message-type": "exception", ":event-type": "chunk"}, b'"a secret"')
    assert read(nameless) == [{"error": {"code": ""}}]


def test_a_message_without_a_type_says_nothing() -> None:
    assert messages_of(message({}), message({":message-type": "event"}, b"{}"), framed(b"", b"x")) == ([], False)


EVERY_TYPE = b"".join(
    [
        header("true", 0, b""),
        header("false", 1, b""),
        header("byte", 2, b"\x01"),
        header("short", 3, b"\x00\x01"),
        header("integer", 4, b"\x00" * 4),
        header("long", 5, b"\x00" * 8),
        header("bytes", 6, sized(b"\xff\xfe")),
        header("timestamp", 8, b"\x00" * 8),
        header("uuid", 9, b"\x00" * 16),
        header(":event-type", 7, sized(b"e")),
        header("", 7, sized(b"")),
    ]
)


def test_headers_of_every_type_are_passed_over() -> None:
    stream = framed(EVERY_TYPE, b"3")
    assert read(stream) == [{"e": 3}]
    told = read_by_botocore(stream)
    assert told is not None
    assert len(told[0][0]) == 11
    # The type of an event is a text and nothing else.
    assert messages_of(framed(header(":event-type", 6, sized(b"e")), b"3")) == ([], False)


def test_a_stream_may_be_cut_anywhere() -> None:
    stream = ONE + TWO + exception("x")
    for here in range(len(stream) + 1):
        assert read(stream[:here], stream[here:]) == [STARTED, STOPPED, {"error": {"code": "x"}}]
    assert read(*(bytes([byte]) for byte in stream)) == read(stream)


def test_a_message_is_known_as_soon_as_it_is_whole() -> None:
    messages = Messages()
    assert [len(list(messages.events(chunk))) for chunk in (ONE[:-1], ONE[-1:] + TWO[:1], TWO[1:] + ONE)] == [0, 1, 2]


def test_a_message_that_is_not_all_there_says_nothing() -> None:
    for length in range(len(TWO)):
        assert messages_of(ONE + TWO[:length])[1] is False
        assert read(ONE + TWO[:length]) == [STARTED]


@pytest.mark.parametrize("at", range(len(ONE)))
def test_after_one_wrong_byte_nothing_is_heard(at: int) -> None:
    wrong = ONE[:at] + bytes([ONE[at] ^ 1]) + ONE[at + 1 :]
    found, overrun = messages_of(TWO + wrong + TWO)
    assert (len(found), overrun) == (1, True)
    assert read_by_botocore(TWO + wrong + TWO) is None


GARBLED = {
    "too short for its headers": struct.pack("!II", 16, 1),
    "shorter than any message": struct.pack("!II", 15, 0),
    "of no length": struct.pack("!II", 0, 0),
    "too large": struct.pack("!II", eventstream.LIMIT + 1, 0),
    "of too many headers": struct.pack("!II", 256 * 1024, 128 * 1024 + 1),
}


@pytest.mark.parametrize("name", GARBLED)
def test_lengths_that_cannot_be_are_given_up_at_once(name: str) -> None:
    lengths = GARBLED[name]
    prelude = lengths + struct.pack("!I", eventstream.crc32(lengths))
    assert messages_of(ONE, prelude, TWO)[1]
    assert read(ONE, prelude, TWO) == [STARTED]


BLOCKS = {
    "an unknown type": header("x", 10, b""),
    "a text that is no UTF-8": header("x", 7, sized(b"\xff")),
    "a name that is no UTF-8": b"\x01\xff\x00",
    "a name twice": header("x", 0, b"") * 2,
    "a name cut short": b"\x05abc",
    "no type": b"\x01x",
    "no length": b"\x01x\x07\x00",
    "a value cut short": header("x", 7, b"\x00\x05abc"),
    "a number cut short": header("x", 5, b"\x00"),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_headers_that_cannot_be_read_end_it(name: str) -> None:
    assert messages_of(ONE, framed(BLOCKS[name]), TWO)[1]
    assert read(ONE, framed(BLOCKS[name]), TWO) == [STARTED]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventstream, "LIMIT", 1024)
    messages = Messages()
    large = event("x", {"y": "z" * 1024})
    assert len(list(messages.events(ONE + large[:100]))) == 1
    assert messages.overrun
    assert not messages._rest
    assert list(messages.events(large[100:] + TWO)) == []
    assert not messages._rest
    many = Messages()
    assert [len(list(many.events(ONE * 20))) for _ in range(20)] == [20] * 20
    assert not many.overrun


def test_nothing_is_kept_when_the_body_ends() -> None:
    messages = Messages()
    assert list(messages.events(ONE[:-1])) == []
    assert list(messages.end()) == []
    assert not messages._rest


ANY_HEADERS = st.dictionaries(
    st.sampled_from([":event-type", ":message-type", ":exception-type", ":error-code", ":content-type"])
    | st.text(max_size=9),
    st.text(max_size=20) | st.sampled_from(["event", "exception", "error"]),
    max_size=5,
)
ANY_MESSAGE = st.builds(message, ANY_HEADERS, st.binary(max_size=40) | st.just(b'{"text":"x"}'))
ANY_BLOCK = st.builds(framed, st.binary(max_size=60), st.binary(max_size=20))
ANY_STREAM = st.lists(ANY_MESSAGE | ANY_BLOCK | st.binary(max_size=30), max_size=6)


@settings(max_examples=400, deadline=None)
@given(ANY_STREAM)
def test_what_we_frame_botocore_reads(pieces: list[bytes]) -> None:
    stream = b"".join(pieces)
    found, overrun = messages_of(stream)
    if overrun:
        return
    told = read_by_botocore(stream)
    assert told is not None
    expected = [shown for headers, payload in told if (shown := shown_of(headers, payload)) is not None]
    assert found == expected


def shown_of(headers: Any, payload: bytes) -> bytes | None:
    """What is to be told of a message that botocore read."""
    texts = {name: value for name, value in headers.items() if isinstance(value, str)}
    codes = {"exception": ":exception-type", "error": ":error-code"}
    if (code := codes.get(texts.get(":message-type", ""))) is not None:
        return json.dumps({"error": {"code": texts.get(code, "")}}).encode()
    name = texts.get(":event-type")
    return None if name is None else b"{" + json.dumps(name).encode() + b":" + (payload or b"{}") + b"}"


@settings(max_examples=200, deadline=None)
@given(st.lists(ANY_MESSAGE, max_size=6))
def test_what_is_well_formed_is_all_heard(pieces: list[bytes]) -> None:
    told = read_by_botocore(b"".join(pieces))
    assert told is not None
    assert messages_of(*pieces) == (
        [shown for each in told if (shown := shown_of(*each)) is not None],
        False,
    )


@settings(max_examples=300, deadline=None)
@given(ANY_STREAM, st.data())
def test_pieces_make_no_difference(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    chunks = [stream[here:there] for here, there in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert messages_of(*chunks) == messages_of(stream)
