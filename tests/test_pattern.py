"""What most events of a stream look like: what is taken from their lengths is what reading each of them gives."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.wires import STREAMED, Wire
from otel_dispatch.dialects import Dialect, dialect_at
from otel_dispatch.dialects.anthropic_native import MESSAGES
from otel_dispatch.dialects.openai_compat import CHAT
from otel_dispatch.pattern import pattern_of
from otel_dispatch.record import Reply
from tests.dialects.heard import STREAM, hear, said

WORDS = (" token", "x", "läuft", "日本語", " ", "🙂", "{}[],:", 'a "b"', "c\\d", "e\nf", "\u2028", "\x7f", "=" * 300)
TEXTS = [f"{word}{n}" for n in range(9) for word in WORDS]
EVERY_WIRE = pytest.mark.parametrize("wire", STREAMED, ids=lambda wire: wire.name)
UNALIKE = {"gemini", "invoke"}
"""Whose events differ in what they say: they count tokens in each, or wrap them in base64."""


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
    assert len(read) == len(chunks) if wire.name in UNALIKE else len(read) < 20


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
    assert pattern(chat("three")) == 5
    assert pattern(chat("日本")) == 6
    assert pattern(other) == -1


@pytest.mark.parametrize("value", ["12", "0", "7" * 30])
def test_a_number_that_nobody_reads_may_be_any_number(value: str) -> None:
    event = b'data: {"type":"response.output_text.delta","delta":"four","sequence_number":9}\n\n'
    pattern = pattern_of(event, 4)
    assert pattern is not None
    assert pattern(event.replace(b"9", value.encode())) == 4
    for other in (b"null", b'"9"', b'9,"error":{}', b"{}"):
        assert pattern(event.replace(b"9", other)) == -1


def test_of_two_texts_of_one_length_neither_is_taken_for_the_visible_one() -> None:
    assert pattern_of(b'{"content":"four","text":"five"}\n', 4) is None
    assert pattern_of(b'{"content":"four","text":"other"}\n', 4) is not None


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
