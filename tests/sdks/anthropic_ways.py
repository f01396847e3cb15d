"""Every public way of the Anthropic SDK that asks a model, each written once for its two clients."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import anthropic
from pydantic import BaseModel

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Answer
from tests.either import every, inside, settled
from tests.either import first as first

MODEL = "claude-opus-5-5"
HI: Any = [{"role": "user", "content": "hi"}]
ASK: Any = {"model": MODEL, "max_tokens": 99, "messages": HI}

OPTIONS = inspect.signature(anthropic.Anthropic.__init__).parameters
HAS_SPANS = "open_telemetry" in OPTIONS


class Weather(BaseModel):
    """What is asked for where an answer is parsed."""

    degrees: int


def is_there(path: str) -> bool:
    """Whether this version of the SDK has what *path* names."""
    with anthropic.Anthropic(api_key="k") as client:
        try:
            attrgetter(path)(client)
        except AttributeError:
            return False
    return True


async def reads(message: Any) -> None:
    assert (await settled(message)).content


async def reads_pieces(stream: Any) -> None:
    assert await every(await settled(stream))


async def reads_text(manager: Any) -> None:
    async with inside(manager) as stream:
        assert await every(stream.text_stream)


async def reads_events(manager: Any) -> None:
    async with inside(manager) as stream:
        assert await every(stream)


async def takes_the_message(manager: Any) -> None:
    async with inside(manager) as stream:
        assert (await settled(stream.get_final_message())).content


async def takes_the_text(manager: Any) -> None:
    async with inside(manager) as stream:
        assert await settled(stream.get_final_text())


async def waits(manager: Any) -> None:
    async with inside(manager) as stream:
        await settled(stream.until_done())


async def parses(response: Any) -> None:
    assert (await settled((await settled(response)).parse())).content


async def parses_pieces(response: Any) -> None:
    assert await every(await settled((await settled(response)).parse()))


async def parses_within(manager: Any) -> None:
    async with inside(manager) as response:
        assert (await settled(response.parse())).content


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


async def parsed(message: Any) -> None:
    assert (await settled(message)).parsed_output == Weather(degrees=21)


@dataclass(frozen=True)
class Way:
    """A method, what it is asked, and how its answer is read; ``answers`` where the provider's own will not do."""

    path: str
    read: Callable[[Any], Any]
    asks: Any = None
    answers: Callable[[], Iterable[Answer]] = tuple
    is_stream: bool = False

    @property
    def name(self) -> str:
        """What a test calls it."""
        return f"{self.path}-{self.read.__name__}{'-streamed' * self.is_stream}"

    async def go(self, client: Any) -> None:
        """Ask and read."""
        await self.read(attrgetter(self.path)(client)(**(self.asks or ASK)))


def _json() -> Iterable[Answer]:
    return (wire.messages('{"degrees": 21}', model=MODEL),)


STREAMED: Any = {**ASK, "stream": True}
WEATHER: Any = {**ASK, "output_format": Weather}

_ALL = (
    Way("messages.create", reads),
    Way("messages.create", reads_pieces, STREAMED, is_stream=True),
    *(
        Way(path, read, is_stream=True)
        for path in ("messages.stream", "beta.messages.stream")
        for read in (reads_text, reads_events, takes_the_message, takes_the_text, waits)
    ),
    Way("messages.parse", parsed, WEATHER, _json),
    Way("beta.messages.create", reads),
    Way("beta.messages.create", reads_pieces, STREAMED, is_stream=True),
    Way("beta.messages.parse", parsed, WEATHER, _json),
    *(
        way
        for path in ("messages", "beta.messages")
        for way in (
            Way(f"{path}.with_raw_response.create", parses),
            Way(f"{path}.with_raw_response.create", parses_pieces, STREAMED, is_stream=True),
            Way(f"{path}.with_streaming_response.create", parses_within),
            Way(f"{path}.with_streaming_response.create", reads_within),
            Way(f"{path}.with_streaming_response.create", reads_lines_within),
            Way(f"{path}.with_streaming_response.create", reads_pieces_of_a_size_within),
            Way(f"{path}.with_streaming_response.create", reads_pieces_of_a_size_within, STREAMED, is_stream=True),
            Way(f"{path}.with_streaming_response.create", parses_pieces_within, STREAMED, is_stream=True),
        )
    ),
)
WAYS = tuple(way for way in _ALL if is_there(way.path))
