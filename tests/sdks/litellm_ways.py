"""LiteLLM, as each test of it needs it: loaded without the network, its clients forgotten, and asked in every mode."""

import asyncio
import gc
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from otel_dispatch.demo.answer import Answer
from otel_dispatch.demo.provider import Provider
from otel_dispatch.demo.server import Seen

# Else it fetches a list of prices as it is imported.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

with warnings.catch_warnings(action="ignore"):
    litellm: Any = pytest.importorskip("litellm", reason="runs in its rows: dev.py matrix litellm-1.106 litellm-1.83")

litellm.suppress_debug_info = True

HI: Any = [{"role": "user", "content": "hi"}]


class Shop(Provider):
    """A provider that knows nothing of the models it has, which LiteLLM asks Ollama for behind our back."""

    def _answer(self, seen: Seen) -> Answer:
        if seen.path.endswith("/api/show"):
            return Answer(404, {"content-type": "application/json"}, b'{"error":"not found"}')
        return super()._answer(seen)


@contextmanager
def fresh_clients() -> Iterator[None]:
    """Has LiteLLM make its HTTP clients anew: it keeps them, and an asynchronous one outlives no event loop."""
    litellm.in_memory_llm_clients_cache.flush_cache()
    yield
    litellm.in_memory_llm_clients_cache.flush_cache()
    # Those that it does not close complain, here where nobody minds.
    gc.collect()


def whole(**call: Any) -> str:
    """What one call says."""
    return str(litellm.completion(messages=HI, api_key="k", num_retries=0, **call).choices[0].message.content)


def awaited(**call: Any) -> str:
    """What one asynchronous call says."""

    async def ask() -> str:
        answer = await litellm.acompletion(messages=HI, api_key="k", num_retries=0, **call)
        return str(answer.choices[0].message.content)

    return asyncio.run(ask())


def streamed(**call: Any) -> str:
    """What one call says, piece by piece."""
    pieces = litellm.completion(messages=HI, api_key="k", num_retries=0, stream=True, **call)
    return "".join(piece.choices[0].delta.content or "" for piece in pieces)


def awaited_stream(**call: Any) -> str:
    """What one asynchronous call says, piece by piece."""

    async def ask() -> str:
        pieces = await litellm.acompletion(messages=HI, api_key="k", num_retries=0, stream=True, **call)
        return "".join([piece.choices[0].delta.content or "" async for piece in pieces])

    return asyncio.run(ask())


MODES: dict[str, Callable[..., str]] = {
    "sync": whole,
    "async": awaited,
    "sync stream": streamed,
    "async stream": awaited_stream,
}
