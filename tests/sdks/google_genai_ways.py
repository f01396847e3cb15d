"""The public ways of google-genai that ask a model, each written once for its two clients."""

import inspect
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from google import genai
from google.genai import _api_client, types

from otel_dispatch.demo.provider import Answer, Provider
from tests.wires import gemini as wire

MODEL = "gemini-2.5-flash"
HI: Any = {"model": MODEL, "contents": "hi"}
QUESTIONS: Any = {"model": MODEL, "input": "hi", "questions": {"q0": {"type": "noul", "instructions": "Is it?"}}}
WORDS = ["Hel", "lo ", "you é"]

HAS_AIOHTTP: bool = getattr(_api_client, "has_aiohttp", False)
OPTIONS = types.HttpOptions.model_fields
HAS_INTERACTIONS = hasattr(genai.Client, "interactions")
HAS_STEPS = HAS_INTERACTIONS and int(genai.__version__.partition(".")[0]) >= 2
HAS_DECISIONS = hasattr(genai.Client, "decisions")
HAS_INLINE_BATCHES = hasattr(types, "InlinedRequest")
HAS_LEVELS = "thinking_level" in types.ThinkingConfig.model_fields

CLIENTS = ("sync", "httpx", *(["aiohttp"] if HAS_AIOHTTP else []))
"""The synchronous client, and the asynchronous one over each library that can carry it."""


async def settled(value: Any) -> Any:
    """*value*, awaited where it is an asynchronous client's."""
    return await value if inspect.isawaitable(value) else value


async def every(items: Any) -> list[Any]:
    """All that *items* gives, of either client."""
    items = await settled(items)
    return [item async for item in items] if hasattr(items, "__aiter__") else list(items)


async def first(items: Any) -> Any:
    """The first that *items* gives, of either client."""
    return await anext(aiter(items)) if hasattr(items, "__aiter__") else next(iter(items))


async def shut(items: Any) -> None:
    """Close *items*, of either client."""
    await settled(items.aclose() if hasattr(items, "aclose") else items.close())


@contextmanager
def opened(provider: Provider, kind: str = "sync", **options: Any) -> Iterator[genai.Client]:
    """A client that asks *provider*, and that is closed at the end."""
    http: dict[str, Any] = {"base_url": provider.url, **options.pop("http_options", {})}
    if kind == "httpx" and HAS_AIOHTTP:
        http["async_client_args"] = {"transport": httpx.AsyncHTTPTransport()}
    client = genai.Client(**{"api_key": "k", "vertexai": False, **options}, http_options=types.HttpOptions(**http))
    try:
        yield client
    finally:
        getattr(client, "close", client._api_client._httpx_client.close)()


async def with_client(client: genai.Client, kind: str, ask: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
    """What *ask* gives, handed the half of *client* that *kind* names."""
    if kind == "sync":
        return await ask(client)
    try:
        return await ask(client.aio)
    finally:
        # Old versions have no way to close the clients.
        await getattr(client.aio, "aclose", client._api_client._async_httpx_client.aclose)()


@dataclass(frozen=True)
class Way:
    """One public way: how it is asked, what answers it, and what is then told."""

    ask: Callable[[Any], Coroutine[Any, Any, Any]]
    answer: Callable[[], Answer]
    gives: str | None = "".join(WORDS)
    stream: bool = False
    operation: str = "generate_content"
    wire_format: str = "gemini"


def _whole() -> Answer:
    return wire.whole(wire.content("".join(WORDS), model=MODEL))


def _streamed() -> Answer:
    return wire.streamed(*wire.contents(WORDS, model=MODEL))


def _interaction() -> Answer:
    if HAS_STEPS:
        return wire.whole(wire.interaction("".join(WORDS), model=MODEL))
    return wire.whole(wire.interaction("", model=MODEL, outputs=[{"type": "text", "text": "".join(WORDS)}]))


def _interactions() -> Answer:
    return wire.streamed(*(wire.interactions if HAS_STEPS else wire.outputs)(WORDS, model=MODEL), name="event_type")


async def _generate(client: Any) -> str:
    return str((await settled(client.models.generate_content(**HI))).text)


async def _stream(client: Any) -> str:
    return "".join(chunk.text or "" for chunk in await every(client.models.generate_content_stream(**HI)))


async def _chat(client: Any) -> str:
    return str((await settled(client.chats.create(model=MODEL).send_message("hi"))).text)


async def _chat_stream(client: Any) -> str:
    chunks = await every(client.chats.create(model=MODEL).send_message_stream("hi"))
    return "".join(chunk.text or "" for chunk in chunks)


async def _embed(client: Any) -> None:
    answer = await settled(client.models.embed_content(model=MODEL, contents=["a", "b"]))
    assert len(answer.embeddings) == 2


async def _decide(client: Any) -> None:
    assert (await settled(client.decisions.create(**QUESTIONS))).answers["q0"].noul == 0.95


async def _decide_raw(client: Any) -> None:
    response = await settled(client.decisions.with_raw_response.create(**QUESTIONS))
    assert (await settled(response.parse())).answers["q0"].noul == 0.95


async def _interact(client: Any) -> None:
    assert (await settled(client.interactions.create(model=MODEL, input="hi"))).status == "completed"


async def _interact_stream(client: Any) -> None:
    assert len(await every(client.interactions.create(model=MODEL, input="hi", stream=True))) > 4


WAYS = {
    "generate_content": Way(_generate, _whole),
    "generate_content_stream": Way(_stream, _streamed, stream=True),
    "send_message": Way(_chat, _whole),
    "send_message_stream": Way(_chat_stream, _streamed, stream=True),
    "embed_content": Way(_embed, lambda: wire.whole(wire.embeddings(2)), None, operation="embeddings"),
}
if HAS_DECISIONS:
    for name, ask in (("decisions", _decide), ("decisions_raw", _decide_raw)):
        WAYS[name] = Way(ask, lambda: wire.whole(wire.decision()), None, operation="decisions")
if HAS_INTERACTIONS:
    WAYS["interactions"] = Way(_interact, _interaction, None, wire_format="gemini_interactions")
    WAYS["interactions_stream"] = Way(_interact_stream, _interactions, None, True, wire_format="gemini_interactions")
