"""Messages that Anthropic's server-side fallback made, in the shape that the API documents, with made-up content."""

import json
from collections.abc import Iterator
from typing import Any

from otel_dispatch.demo.answer import Answer, Json, event, streamed, whole
from otel_dispatch.demo.message_replies import messages, messages_stream

HOP: Json = {"type": "refusal", "category": None}


def block(declined: str, served: str) -> Json:
    """What stands in the content where one model's output gives way to another's."""
    return {"type": "fallback", "from": {"model": declined}, "to": {"model": served}, "trigger": HOP}


def iterations(declined: str, served: str) -> list[Json]:
    """The usage of each attempt."""
    return [
        {"type": "message", "model": declined, "input_tokens": 9, "output_tokens": 0},
        {"type": "fallback_message", "model": served, "input_tokens": 9, "output_tokens": 12},
    ]


def fallen_back(declined: str, served: str, *, ran: bool = True, told: bool = True) -> Answer:
    """A whole message that *served* wrote; with a block where *declined* *ran*, with the usage of each if *told*."""
    body = json.loads(messages(model=served).body)
    body["content"] = [*([block(declined, served)] if ran else []), *body["content"]]
    if told:
        body["usage"]["iterations"] = iterations(declined, served)
    return whole("anthropic", body)


def fallen_back_stream(declined: str, served: str, *, ran: bool = True, told: bool = True) -> Answer:
    """The same, streamed: what it began with names *declined*."""
    events = _events(messages_stream(model=declined))
    hop = [
        {"type": "content_block_start", "index": 0, "content_block": block(declined, served)},
        {"type": "content_block_stop", "index": 0},
    ]
    made = []
    for each in events:
        moved = {**each, "index": each["index"] + ran} if "index" in each else each
        if told and each["type"] == "message_delta":
            moved = {**each, "usage": {**each["usage"], "iterations": iterations(declined, served)}}
        made += [moved, *(hop if ran and each["type"] == "message_start" else [])]
    return streamed("anthropic", (event(each["type"], each) for each in made))


def _events(answer: Answer) -> Iterator[Any]:
    for chunk in answer.chunks or ():
        assert isinstance(chunk, bytes)
        yield json.loads(chunk.partition(b"data: ")[2])
