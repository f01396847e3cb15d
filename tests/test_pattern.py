"""What most events of a stream look like: what is taken from their lengths is what reading each of them gives."""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from benchmarks.wire import Wire
from benchmarks.wires import STREAMED
from otel_dispatch import aloft, testing
from otel_dispatch.dialects import Dialect, dialect_at
from otel_dispatch.dialects.anthropic_native import MESSAGES
from otel_dispatch.dialects.gemini import CONTENT
from otel_dispatch.dialects.openai_compat import CHAT
from otel_dispatch.pattern import pattern_of
from otel_dispatch.record import Reply
from tests.dialects.heard import STREAM, hear, said

WORDS = (" token", "x", "läuft", "日本語", " ", "🙂", "{}[],:", 'a "b"', "c\\d", "e\nf", "\u2028", "\x7f", "=" * 300)
TEXTS = [f"{word}{n}" for n in range(9) for word in WORDS]
EVERY_WIRE = pytest.mark.parametrize("wire", STREAMED, ids=lambda wire: wire.name)


def chunks_of(wire: Wire, texts: Sequence[str]) -> list[bytes]:
    """The events of a stream with these *texts*, a chunk each."""
    assert wire.streamed is not None
    return [bytes(chunk) for chunk in wire.streamed(texts).chunks or ()]  # type: ignore[arg-type]


def dialect_of(wire: Wire) -> Dialect:
    """The dialect that reads a *wire*'s stream."""
    found = dialect_at(wire.streamed_url)
    assert found is not None
    return found


def counting(dialect: Dialect) -> tuple[Dialect, list[bytes]]:
    """*dialect*, and the events that its reader is given."""
    read: list[bytes] = []

    def event(data: bytes, reply: Reply) -> None:
        read.append(data)
        dialect.event(data, reply)

    return replace(dialect, event=event), read


def chat(text: str, **more: Any) -> bytes:
    """A chunk of a chat."""
    told = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return f"data: {json.dumps({**told, **more}, ensure_ascii=False)}\n\n".encode()


def delta(kind: str, key: str, text: str) -> bytes:
    """A chunk of a message."""
    told = {"type": "content_block_delta", "index": 0, "delta": {"type": kind, key: text}}
    return f"event: content_block_delta\ndata: {json.dumps(told)}\n\n".encode()


@EVERY_WIRE
def test_what_is_heard_in_chunks_is_what_is_heard_in_any_other_pieces(wire: Wire) -> None:
    chunks, kind = chunks_of(wire, TEXTS), wire.stream_headers()["content-type"]
    one_by_one = said(hear(dialect_of(wire), chunks, kind))
    body = b"".join(chunks)
    assert one_by_one == said(hear(dialect_of(wire), [body[at : at + 7] for at in range(0, len(body), 7)], kind))
    assert one_by_one["content_len"] == len("".join(TEXTS).encode())


@EVERY_WIRE
def test_most_events_of_a_stream_are_not_read(wire: Wire) -> None:
    dialect, read = counting(dialect_of(wire))
    chunks = chunks_of(wire, [f" token{n}" for n in range(200)])
    hear(dialect, chunks, wire.stream_headers()["content-type"])
    assert len(read) < 20


@pytest.mark.parametrize(
    "other",
    [
        chat("abc") + chat("abc"),
        chat("abc")[:-1],
        chat("abc", model="other"),
        chat("abc").replace(b"null", b'"stop"'),
        chat("abc").replace(b"null", b'"length"'),
        chat("").replace(b'"delta"', b'"error": {"code": "overloaded"}, "delta"'),
        chat('a"b'),
        chat("a\\b"),
        chat("a\tb"),
        chat("abc").replace(b"abc", b"a\xffc"),
        chat("abc").replace(b"abc", b"a\rc"),
        chat("abc").replace(b"abc", b"a\nc"),
        b"",
        b"data: [DONE]\n\n",
        b": ping\n\n",
    ],
)
def test_what_may_say_more_is_no_other_such_event(other: bytes) -> None:
    pattern = pattern_of(chat("four"), 4)
    assert pattern is not None
    assert pattern.grown(chat("three")) == 5
    assert pattern.grown(chat("日本")) == 6
    assert pattern.grown(other) == -1


@pytest.mark.parametrize("value", ["12", "0", "7" * 30])
def test_a_number_that_nobody_reads_may_be_any_number(value: str) -> None:
    event = b'data: {"type":"response.output_text.delta","delta":"four","sequence_number":9}\n\n'
    pattern = pattern_of(event, 4)
    assert pattern is not None
    assert pattern.grown(event.replace(b"9", value.encode())) == 4
    for other in (b"null", b'"9"', b'9,"error":{}', b"{}"):
        assert pattern.grown(event.replace(b"9", other)) == -1


def test_of_two_texts_of_one_length_neither_is_taken_for_the_visible_one() -> None:
    assert pattern_of(b'{"content":"four","text":"five"}\n', 4) is None
    assert pattern_of(b'{"content":"four","text":"other"}\n', 4) is not None


def parts(*texts: str) -> bytes:
    """A chunk of Gemini's with a thought before its texts."""
    thought, *said = ({"text": text} for text in texts)
    content = {"parts": [{**thought, "thought": True}, *said], "role": "model"}
    return f"data: {json.dumps({'candidates': [{'content': content}], 'modelVersion': 'm'})}\n\n".encode()


def test_a_text_as_long_as_several_others_together_is_not_taken_for_the_visible_one() -> None:
    assert pattern_of(parts("four", "ab", "cd"), 4) is None
    assert pattern_of(parts("four", "a", "bc"), 3) is None
    assert pattern_of(parts("ab", "four"), 4) is not None
    assert pattern_of(parts("longer", "four"), 4) is not None
    chunks = [parts("four", "ab", "cd"), parts("four", "ab", "cd"), parts("a longer thought", "ab", "cd")]
    assert hear(CONTENT, chunks, STREAM).reply.content_len == 12


def test_an_escaped_text_makes_no_pattern() -> None:
    assert pattern_of(chat("a\\b"), 3) is None


def test_thoughts_and_arguments_are_read_once() -> None:
    for kind, key in (("thinking_delta", "thinking"), ("input_json_delta", "partial_json")):
        dialect, read = counting(MESSAGES)
        landing = hear(dialect, [delta(kind, key, f"word {n}") for n in range(50)], STREAM)
        assert len(read) == 1
        assert landing.reply.committed
        assert landing.reply.content_len == 0


def test_text_that_was_white_space_so_far_is_read() -> None:
    dialect, read = counting(CHAT)
    landing = hear(dialect, [chat(" ") for _ in range(9)] + [chat("word")], STREAM)
    assert len(read) == 10
    assert not landing.reply.blank


def counted(text: str, output: int, **more: Any) -> bytes:
    """A chunk of Gemini's, which counts the tokens so far."""
    usage = {"promptTokenCount": 9, "candidatesTokenCount": output, "details": [{"modality": "TEXT", "n": output}]}
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **more}
    told = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r1"}
    return f"data: {json.dumps(told)}\n\n".encode()


COUNTED = [counted("word", n * 7) for n in range(1, 40)]


def test_of_events_that_count_what_was_used_the_last_is_read() -> None:
    dialect, read = counting(CONTENT)
    landing = hear(dialect, COUNTED, STREAM)
    assert len(read) == 2
    assert (landing.reply.usage.output, landing.reply.content_len) == (39 * 7, 39 * 4)


@pytest.mark.parametrize("last", [counted("end", 300, finishReason="STOP"), b"data: {}\n\n", b": ping\n\n"])
def test_an_event_that_counts_is_read_before_another_that_says_more(last: bytes) -> None:
    landing = hear(CONTENT, [*COUNTED, last], STREAM)
    whole = hear(CONTENT, [b"".join([*COUNTED, last])], STREAM)
    assert said(landing) == said(whole)


@pytest.mark.parametrize(
    "other",
    [
        counted("word", 7).replace(b'"TEXT"', b'"AUDIO"'),
        counted("word", 7, finishReason="STOP"),
        counted("word", 7).replace(b'"r1"', b'"r1", "promptFeedback": {"blockReason": "SAFETY"}'),
        counted("word", 7).replace(b'"candidatesTokenCount"', b'"thoughtsTokenCount"'),
        counted("word", 7) + counted("word", 7),
    ],
)
def test_an_event_that_counts_something_else_is_no_other_such_event(other: bytes) -> None:
    pattern = pattern_of(counted("word", 7), 4)
    assert pattern is not None
    assert pattern.counts
    assert pattern.grown(counted("another", 1234)) == 7
    assert pattern.grown(other) == -1


@pytest.mark.parametrize("way", ["break", "error", "exit"])
def test_a_stream_that_stops_says_what_its_last_event_counted(way: str) -> None:
    class Body(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from COUNTED
            raise httpx2.ReadError("gone")

    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers={"content-type": STREAM}, stream=Body()))
    url = "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse"
    with testing.recorded() as records, httpx2.Client(transport=transport) as client:
        response = client.send(client.build_request("POST", url, json={"contents": []}), stream=True)
        pieces = response.iter_bytes()
        for _ in COUNTED:
            next(pieces)
        if way == "break":
            response.close()
        elif way == "error":
            with pytest.raises(httpx2.ReadError):
                next(pieces)
        else:
            aloft.end_all()
    (call,) = records.calls
    assert call.usage.output == 39 * 7


def wrapped(text: str, padding: str | None = "abc", kind: str = "text_delta") -> bytes:
    """What an event of InvokeModelWithResponseStream holds, with or without its padding."""
    inner = json.dumps({"type": "content_block_delta", "index": 0, "delta": {"type": kind, "text": text}})
    told = {"bytes": b64encode(inner.encode()).decode(), **({} if padding is None else {"p": padding})}
    return json.dumps(told).encode()


@pytest.mark.parametrize("padding", [None, "abc", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"])
def test_what_is_wrapped_in_base64_is_as_long_as_what_it_holds(padding: str | None) -> None:
    pattern = pattern_of(wrapped("four", padding), 4)
    assert pattern is not None
    for text in ("a", "ab", "abc", "abcd", "x" * 500):
        assert pattern.grown(wrapped(text, padding and padding[1:])) == len(text)
    for other in (
        wrapped("four", padding, "other"),
        wrapped('a"b', padding),
        wrapped("four", padding)[:-1],
        wrapped("four", padding).replace(b"}", b',"error":{}}'),
        wrapped("four", None if padding else "abc"),
        wrapped("four", padding).replace(b'"bytes": "', b'"bytes": "*'),
        wrapped("four", padding).replace(b"X0=", b""),
        b"",
    ):
        assert pattern.grown(other) == -1


def test_text_after_thoughts_is_read() -> None:
    chunks = [delta("thinking_delta", "thinking", "hm")] * 3 + [delta("text_delta", "text", "Yes.")] * 3
    landing = hear(MESSAGES, chunks, STREAM)
    assert landing.reply.content_len == 12
    assert not landing.reply.blank


def test_what_the_last_event_counted_is_what_counts() -> None:
    one, two = (chat("text", usage={"completion_tokens": count}) for count in (1, 2))
    for chunks, count in (([one, one, two], 2), ([one, one, two, one], 1), ([one, two, two, one, one, two], 2)):
        assert hear(CHAT, chunks, STREAM).reply.usage.output == count


def test_a_stream_whose_events_are_all_unlike_is_not_learned_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[bytes] = []

    def learn(event: bytes, grown: int) -> Any:
        learned.append(event)
        return pattern_of(event, grown)

    monkeypatch.setattr("otel_dispatch.sse.pattern_of", learn)
    hear(CHAT, [chat("text", id=f"c{n}") for n in range(50)], STREAM)
    assert len(learned) == 4


def test_one_escaped_text_among_many_does_not_end_the_learning() -> None:
    dialect, read = counting(CHAT)
    chunks = [chat("a\nb" if n % 10 == 0 else "text") for n in range(300)]
    landing = hear(dialect, chunks, STREAM)
    assert len(read) < 80
    assert landing.reply.content_len == 30 * 3 + 270 * 4
