"""No bytes make a dialect raise or claim what they do not say."""

import json
import typing
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_dispatch.bodies import Fields
from otel_dispatch.dialects import Dialect, dialects
from otel_dispatch.framing import EVENTS, framing_of
from otel_dispatch.outcome import outcome_of_reply
from otel_dispatch.record import Endpoint, Reply, Request
from otel_dispatch.wording import words_of_outcome, words_of_reply, words_of_request
from tests.dialects.heard import WHOLE, end_of, hear
from tests.dialects.samples import changed, paths_in, samples

ALL = pytest.mark.parametrize("dialect", dialects(), ids=lambda dialect: dialect.name)
STREAMING = pytest.mark.parametrize(
    "dialect", [dialect for dialect in dialects() if samples()[dialect.name].streams], ids=lambda dialect: dialect.name
)
MUCH = settings(max_examples=200, deadline=None)

DEEP = "[" * 100_000 + "]" * 100_000
FRAGMENTS = [
    *(
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1.5",
        "-0.0",
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        str(2**63),
        str(-(2**63)),
    ),
    *(
        str(2**64),
        "9" * 5000,
        "1" * 400 + ".5",
        '""',
        '" "',
        '"x"',
        "[]",
        "{}",
        "[[]]",
        "[null]",
        "[{}]",
        '[{"type":[]}]',
    ),
    *(
        '{"type":{}}',
        '{"type":"text","text":[]}',
        '"\\ud83d"',
        '"\\udc00\\ud800"',
        '"\ud83d"',
        '"\\u0000\\u0007\\u202e"',
    ),
    *(
        json.dumps("x" * 1000),
        json.dumps("\u2028\x85\x7f" * 300),
        DEEP,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[",
        "",
    ),
]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ANY_TEXT = st.sampled_from(FRAGMENTS) | ANY_JSON.map(json.dumps)

ALL_SAMPLES = samples()


def json_events(name: str) -> list[Any]:
    """The events of the streams of a dialect, as JSON has them; what is no JSON is left out."""
    mine = ALL_SAMPLES[name]
    data = [data for stream in mine.streams for data in mine.events(stream)]
    return [json.loads(each) for each in data if each[:1] == b"{"]


BODIES = [body for mine in ALL_SAMPLES.values() for body in (*mine.requests, *mine.answers)]
BODIES += [event for name in ALL_SAMPLES for event in json_events(name)]
PLACES = [(body, path) for body in BODIES for path in paths_in(body)]


def read_all(dialect: Dialect, body: bytes) -> tuple[Request | None, Reply, Reply]:
    whole, streamed = Reply(), Reply()
    dialect.reply(body, whole)
    dialect.event(body, streamed)
    return dialect.request(body, ALL_SAMPLES[dialect.name].path), whole, streamed


def is_fit(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 256 and value.isprintable() and bool(value.encode()) == bool(value)
    if isinstance(value, list | tuple):
        return all(isinstance(each, str) and is_fit(each) for each in value)
    return isinstance(value, int) and 0 <= value < 2**63


def check(request: Request | None, *replies: Reply) -> None:
    words = [words_of_request(request, Endpoint(), 0)] if request is not None else []
    for reply in replies:
        words += [words_of_reply(reply), words_of_outcome(outcome_of_reply(reply))]
        assert reply.code is None or (reply.code.isascii() and is_fit(reply.code))
        assert reply.status is None or 300 <= reply.status < 600
        assert reply.content_len >= 0
        assert reply.blank or reply.content_len
    for name, value in (item for each in words for item in each.items()):
        assert is_fit(value), (name, value)
    json.loads(msgspec.json.encode(words))


def test_every_dialect_has_samples() -> None:
    assert {dialect.name for dialect in dialects()} == set(ALL_SAMPLES)


@ALL
@MUCH
@given(body=st.binary() | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_and_any_json_are_taken(dialect: Dialect, body: bytes) -> None:
    check(*read_all(dialect, body))


@ALL
@pytest.mark.parametrize("text", FRAGMENTS, ids=lambda text: text[:12])
def test_any_fragment_is_taken(dialect: Dialect, text: str) -> None:
    for body in (text, f'{{"x":{text}}}', f'{{"model":{text},"choices":{text},"content":{text},"response":{text}}}'):
        check(*read_all(dialect, body.encode("utf-8", "surrogatepass")))


@ALL
@MUCH
@given(place=st.sampled_from(PLACES), text=ANY_TEXT)
def test_one_field_may_hold_anything(dialect: Dialect, place: tuple[Any, Any], text: str) -> None:
    check(*read_all(dialect, changed(*place, text)))


LOSSY = {DEEP, *(text for text in FRAGMENTS if text.startswith('{"a":{')), "[", "", '"\ud83d"'}
WRONG = [text for text in FRAGMENTS if text not in LOSSY]


@ALL
@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:12])
def test_one_wrong_field_loses_no_other(dialect: Dialect, text: str) -> None:
    mine = ALL_SAMPLES[dialect.name]
    for body in mine.requests:
        for name in body.keys() - mine.needed:
            request = dialect.request(changed(body, (name,), text), mine.path)
            assert request is not None, name
            assert (request.model, request.stream or name == "stream") == ("m", mine.streamed)
    for body in mine.answers[:1]:
        for name in body.keys() - {"model", "modelVersion"}:
            reply = Reply()
            dialect.reply(changed(body, (name,), text), reply)
            assert reply.model == mine.served_model or reply.failed, name
            assert name in mine.heads or reply.usage.output == mine.output_tokens, name


@ALL
def test_of_two_fields_of_one_name_either_is_taken(dialect: Dialect) -> None:
    for body in [*ALL_SAMPLES[dialect.name].requests, *ALL_SAMPLES[dialect.name].answers]:
        once = json.dumps(body)
        for twice in (once[:-1] + "," + once[1:], '{"model":3,' + once[1:]):
            check(*read_all(dialect, twice.encode()))
            assert read_all(dialect, twice.encode()) == read_all(dialect, once.encode())


def kinds_of(kind: type[Fields]) -> list[type[Fields]]:
    return [each for below in kind.__subclasses__() for each in (below, *kinds_of(below))]


def test_no_struct_asks_for_a_type() -> None:
    asked = {(kind, name, hint) for kind in kinds_of(Fields) for name, hint in typing.get_type_hints(kind).items()}
    assert len(asked) > 30
    assert {hint for _, _, hint in asked} == {Any, msgspec.Raw}
    for kind in kinds_of(Fields):
        assert kind() == kind()


@ALL
def test_a_body_that_is_cut_is_malformed(dialect: Dialect) -> None:
    for body in ALL_SAMPLES[dialect.name].answers:
        text = json.dumps(body).encode()
        for length in range(len(text)):
            assert end_of(hear(dialect, [text[:length]], WHOLE)) == ("provider_error", "malformed_response")


@ALL
def test_a_stream_that_is_cut_is_whole_only_if_its_end_was_heard(dialect: Dialect) -> None:
    mine = ALL_SAMPLES[dialect.name]
    for stream in mine.streams:
        whole = hear(dialect, [stream], mine.content_type).reply
        for length in range(len(stream)):
            landing = hear(dialect, [stream[:length]], mine.content_type)
            reply = landing.reply
            heard = bool(reply.finish or reply.done or reply.failed)
            assert (end_of(landing) == ("provider_error", "malformed_response")) == (not heard)
            assert reply.content_len <= whole.content_len
            assert set(reply.finish) <= set(whole.finish)
            assert (reply.usage.output or 0) <= (whole.usage.output or 0)
            check(None, reply)


def said_of(dialect: Dialect, *chunks: bytes) -> Reply:
    reply, framing = Reply(), framing_of(ALL_SAMPLES[dialect.name].content_type)
    assert framing is not None
    for chunk in chunks:
        for data in framing.events(chunk):
            dialect.event(data, reply)
    for data in framing.end():
        dialect.event(data, reply)
    return reply


@STREAMING
@MUCH
@given(data=st.data())
def test_the_pieces_of_a_stream_make_no_difference(dialect: Dialect, data: st.DataObject) -> None:
    mine = ALL_SAMPLES[dialect.name]
    stream = data.draw(st.sampled_from(mine.streams))
    if mine.content_type == EVENTS:
        stream = stream.replace(b"\n", data.draw(st.sampled_from([b"\n", b"\r", b"\r\n"])))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    pieces = [stream[here:there] for here, there in pairwise([0, *cuts, len(stream)])]
    assert said_of(dialect, *pieces) == said_of(dialect, stream)


@ALL
@MUCH
@given(chunks=st.lists(st.binary() | st.sampled_from([b"data: ", b"\n\n", b"{", b"}", b"[DONE]", b"\r"])))
def test_any_stream_is_taken(dialect: Dialect, chunks: list[bytes]) -> None:
    reply = said_of(dialect, *chunks)
    check(None, reply)
    assert reply == said_of(dialect, b"".join(chunks))


@STREAMING
@MUCH
@given(data=st.data())
def test_a_stream_with_one_odd_event_is_taken(dialect: Dialect, data: st.DataObject) -> None:
    events = [json.dumps(event).encode() for event in json_events(dialect.name)]
    at = data.draw(st.integers(0, len(events) - 1))
    body = json.loads(events[at])
    events[at] = changed(body, data.draw(st.sampled_from(list(paths_in(body)))), data.draw(ANY_TEXT))
    reply = Reply()
    for event in events:
        dialect.event(event, reply)
    check(None, reply)
