"""Every public way of the OpenAI SDK that asks a model, each written once for its two clients and all its versions."""

import inspect
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from typing import Any

import openai
from pydantic import BaseModel

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Answer
from tests.wires.openai import completion, completion_stream, decision, embeddings

MODEL = "gpt-6-luna"
CHAT: Any = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
RESPONSE: Any = {"model": MODEL, "input": "hi"}
TEXT: Any = {"model": MODEL, "prompt": "hi"}
VECTORS: Any = {"model": MODEL, "input": ["hi", "you"]}
QUESTIONS: Any = {**RESPONSE, "questions": [{"type": "predicate", "instructions": "Is it a greeting?"}]}
STREAM: Any = {"stream": True}
COUNTED: Any = {"stream": True, "stream_options": {"include_usage": True}}


class Weather(BaseModel):
    """What is asked for where an answer is parsed."""

    degrees: int


JSON = '{"degrees": 21}'


async def settled(value: Any) -> Any:
    """*value*, awaited where it is an asynchronous client's."""
    return await value if inspect.isawaitable(value) else value


async def every(items: Any) -> list[Any]:
    """All that *items* gives, of either client."""
    return [item async for item in items] if hasattr(items, "__aiter__") else list(items)


async def first(items: Any) -> Any:
    """The first that *items* gives, of either client."""
    return await anext(aiter(items)) if hasattr(items, "__aiter__") else next(iter(items))


@asynccontextmanager
async def inside(manager: Any) -> AsyncIterator[Any]:
    """The inside of a context manager of either client."""
    if hasattr(manager, "__aenter__"):
        async with manager as entered:
            yield entered
    else:
        with manager as entered:
            yield entered


async def reads(answer: Any) -> None:
    assert (await settled(answer)).model == MODEL


async def reads_pieces(stream: Any) -> None:
    assert await every(await settled(stream))


async def reads_pieces_inside(stream: Any) -> None:
    async with inside(await settled(stream)) as entered:
        assert await every(entered)


async def reads_events(manager: Any) -> None:
    async with inside(manager) as stream:
        assert await every(stream)


async def waits(manager: Any) -> None:
    async with inside(manager) as stream:
        await settled(stream.until_done())


async def takes_the_end(manager: Any) -> None:
    async with inside(manager) as stream:
        end = stream.get_final_completion if hasattr(stream, "get_final_completion") else stream.get_final_response
        assert (await settled(end())).model == MODEL


async def compacts(answer: Any) -> None:
    assert (await settled(answer)).output[0].type == "compaction"


async def parsed(answer: Any) -> None:
    found = await settled(answer)
    weather = found.output_parsed if hasattr(found, "output_parsed") else found.choices[0].message.parsed
    assert weather == Weather(degrees=21)


async def parses(response: Any) -> None:
    assert (await settled((await settled(response)).parse())).model == MODEL


async def parses_pieces(response: Any) -> None:
    assert await every(await settled((await settled(response)).parse()))


async def parses_within(manager: Any) -> None:
    async with inside(manager) as response:
        assert (await settled(response.parse())).model == MODEL


async def parses_pieces_within(manager: Any) -> None:
    async with inside(manager) as response:
        assert await every(await settled(response.parse()))


async def reads_within(manager: Any) -> None:
    async with inside(manager) as response:
        assert await settled(response.read())


async def reads_lines_within(manager: Any) -> None:
    async with inside(manager) as response:
        assert await every(response.iter_lines())


async def reads_pieces_of_a_size_within(manager: Any) -> None:
    async with inside(manager) as response:
        assert await every(response.iter_bytes(7))


@dataclass(frozen=True)
class Way:
    """A method, what it is asked, the answer it gets, how that is read, and what its span tells beyond the usual."""

    path: str
    read: Callable[[Any], Any]
    asks: dict[str, Any]
    answer: Callable[[], Answer]
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What a test calls it."""
        kind = "-counted" if "stream_options" in self.asks else "-streamed" if "stream" in self.asks else ""
        return f"{self.path}-{self.read.__name__}{kind}"

    async def go(self, client: Any) -> None:
        """Ask and read."""
        await self.read(attrgetter(self.path)(client)(**self.asks))


@cache
def is_there(path: str) -> bool:
    """Whether this version of the SDK has what *path* names."""
    try:
        attrgetter(path)(_client())
    except AttributeError:
        return False
    return True


@cache
def _client() -> Any:
    return openai.OpenAI(api_key="k")


_STREAMED = {"gen_ai.request.stream": True}
_UNCOUNTED = {
    **_STREAMED,
    **dict.fromkeys(
        (
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.reasoning.output_tokens",
            "dispatch.outcome.completion_tokens",
        )
    ),
}
_CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "openai.api.type": "chat_completions",
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.usage.cache_read.input_tokens": 0,
    "gen_ai.usage.reasoning.output_tokens": 0,
}
_RESPONSE: dict[str, Any] = {
    **_CHAT,
    "openai.api.type": "responses",
    "gen_ai.usage.cache_write.input_tokens": 0,
    "gen_ai.response.finish_reasons": ("completed",),
    "dispatch.wire_format": "openai_responses",
}
_COMPACTED = {
    **_RESPONSE,
    "gen_ai.response.model": None,
    "gen_ai.response.finish_reasons": None,
    "dispatch.outcome.content_len": 0,
}
_TEXT: dict[str, Any] = {"gen_ai.operation.name": "text_completion", "gen_ai.response.finish_reasons": ("stop",)}
_VECTORS: dict[str, Any] = {
    "gen_ai.operation.name": "embeddings",
    "gen_ai.usage.output_tokens": None,
    "dispatch.outcome.completion_tokens": None,
    "dispatch.outcome.content_len": 0,
}
_ANSWERS: dict[str, Any] = {
    "gen_ai.operation.name": "decisions",
    "gen_ai.usage.cache_read.input_tokens": 0,
    "gen_ai.usage.cache_write.input_tokens": 0,
    "gen_ai.usage.reasoning.output_tokens": 0,
    "dispatch.outcome.content_len": 0,
}
_LONG = {"dispatch.outcome.content_len": len(JSON)}


def _chat() -> Answer:
    return wire.chat(model=MODEL)


def _json() -> Answer:
    return wire.chat(JSON, model=MODEL)


def _chunks() -> Answer:
    return wire.chat_stream(model=MODEL, usage=None)


def _counted() -> Answer:
    return wire.chat_stream(model=MODEL)


def _compacted() -> Answer:
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 12,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 21,
    }
    output = [{"type": "compaction", "id": "cmp_1", "encrypted_content": "Eq"}]
    head = {"id": "resp_1", "object": "response.compaction", "created_at": 1}
    return Answer(
        headers={"content-type": "application/json"},
        body=json.dumps({**head, "output": output, "usage": usage}).encode(),
    )


def _response() -> Answer:
    return wire.responses(model=MODEL)


def _events() -> Answer:
    return wire.responses_stream(model=MODEL)


def _raw(
    path: str, asks: dict[str, Any], answer: Callable[[], Answer], pieces: Callable[[], Answer], told: dict[str, Any]
) -> tuple[Way, ...]:
    method = path.rpartition(".")[0]
    raw, streaming = f"{method}.with_raw_response.create", f"{method}.with_streaming_response.create"
    streamed = {**told, **(_STREAMED if "responses" in path else _UNCOUNTED)}
    return (
        Way(raw, parses, asks, answer, told),
        Way(raw, parses_pieces, {**asks, **STREAM}, pieces, streamed),
        *(
            Way(streaming, read, asks, answer, told)
            for read in (parses_within, reads_within, reads_lines_within, reads_pieces_of_a_size_within)
        ),
        *(
            Way(streaming, read, {**asks, **STREAM}, pieces, streamed)
            for read in (parses_pieces_within, reads_lines_within, reads_pieces_of_a_size_within)
        ),
    )


def _helped(path: str, asks: dict[str, Any], pieces: Callable[[], Answer], told: dict[str, Any]) -> tuple[Way, ...]:
    return tuple(Way(path, read, asks, pieces, told) for read in (reads_events, waits, takes_the_end))


_ALL = (
    Way("chat.completions.create", reads, CHAT, _chat, _CHAT),
    Way("chat.completions.create", reads_pieces, {**CHAT, **STREAM}, _chunks, {**_CHAT, **_UNCOUNTED}),
    Way("chat.completions.create", reads_pieces, {**CHAT, **COUNTED}, _counted, {**_CHAT, **_STREAMED}),
    Way("chat.completions.create", reads_pieces_inside, {**CHAT, **STREAM}, _chunks, {**_CHAT, **_UNCOUNTED}),
    *_raw("chat.completions.create", CHAT, _chat, _chunks, _CHAT),
    *(
        way
        for path in ("chat.completions", "beta.chat.completions")
        for way in (
            *_helped(f"{path}.stream", CHAT, _chunks, {**_CHAT, **_UNCOUNTED}),
            Way(f"{path}.parse", parsed, {**CHAT, "response_format": Weather}, _json, {**_CHAT, **_LONG}),
        )
    ),
    *(
        way
        for path in ("responses", "beta.responses")
        for way in (
            Way(f"{path}.create", reads, RESPONSE, _response, _RESPONSE),
            Way(f"{path}.create", reads_pieces, {**RESPONSE, **STREAM}, _events, {**_RESPONSE, **_STREAMED}),
            *_raw(f"{path}.create", RESPONSE, _response, _events, _RESPONSE),
        )
    ),
    *(Way(f"{path}.compact", compacts, RESPONSE, _compacted, _COMPACTED) for path in ("responses", "beta.responses")),
    *_helped("responses.stream", RESPONSE, _events, {**_RESPONSE, **_STREAMED}),
    Way(
        "responses.parse",
        parsed,
        {**RESPONSE, "text_format": Weather},
        lambda: wire.responses(JSON, model=MODEL),
        {**_RESPONSE, **_LONG},
    ),
    Way("completions.create", reads, TEXT, lambda: completion(model=MODEL), _TEXT),
    Way(
        "completions.create",
        reads_pieces,
        {**TEXT, **COUNTED},
        lambda: completion_stream(model=MODEL),
        {**_TEXT, **_STREAMED},
    ),
    *_raw(
        "completions.create",
        TEXT,
        lambda: completion(model=MODEL),
        lambda: completion_stream(model=MODEL, usage=None),
        _TEXT,
    ),
    *(
        Way(path, read, VECTORS, lambda: embeddings(model=MODEL, vectors=["AACAPg==", "AACAPg=="]), _VECTORS)
        for path, read in (
            ("embeddings.create", reads),
            ("embeddings.with_raw_response.create", parses),
            ("embeddings.with_streaming_response.create", parses_within),
        )
    ),
    *(
        Way(path, read, QUESTIONS, lambda: decision(model=MODEL), _ANSWERS)
        for path, read in (
            ("decisions.create", reads),
            ("decisions.with_raw_response.create", parses),
            ("decisions.with_streaming_response.create", parses_within),
        )
    ),
)
WAYS = tuple(way for way in _ALL if is_there(way.path))
