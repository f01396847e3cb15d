"""lionagi used as a library: models at a local provider, and the spans of the steps and calls that come of it."""

import asyncio
import contextvars
import warnings
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from pydantic import BaseModel

from otel_dispatch.demo.provider import Provider
from otel_dispatch.hosts import lionagi as host
from tests.conftest import Told

with warnings.catch_warnings(action="ignore"):
    from lionagi import Branch as Branch
    from lionagi import Session as Session
    from lionagi import iModel as iModel
    from lionagi.config import settings as settings

MESSAGES: Any = [{"role": "user", "content": "hi"}]
VERSION = tuple(map(int, version("lionagi").split(".")[:2]))


class Answered(BaseModel):
    """What a repair is to give."""

    colour: str


def since(*first: int) -> pytest.MarkDecorator:
    """Only from this version of lionagi on is there what the test is about."""
    return pytest.mark.skipif(first > VERSION, reason=f"it came with lionagi {'.'.join(map(str, first))}")


def local(server: Provider) -> dict[str, Any]:
    """The settings of a model whose provider is *server*."""
    return {"base_url": server.url + "/v1", "api_key": "k", "allow_local_network": True}


def made(server: Provider, model: str = "gpt-4.1-mini", **more: Any) -> Any:
    """A model, with *server* as its provider."""
    return iModel(provider="openai", model=model, **local(server), **more)


def run(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Await what *ask* gives, in a context of its own, as a program does."""
    return contextvars.copy_context().run(asyncio.run, _awaited(ask))


async def _awaited(ask: Callable[[], Awaitable[Any]]) -> Any:
    return await ask()


def in_a_command(given: dict[str, Any], act: Callable[[], Awaitable[Any]]) -> Any:
    """Do *act* as `li agent` would that is given *given*."""

    async def _run_agent(
        model_str: str | None = None,
        effort: str | None = None,
        agent_name: str | None = None,
        resume: str | None = None,
    ) -> Any:
        await act()
        return "", "", "", "completed", None

    command = next(seam.wrapper for seam in host.seams() if seam.path == "_run_agent")
    return run(lambda: command(_run_agent, None, (), given))


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """What stands on *span*."""
    return dict(span.attributes or {})


def steps(told: Told) -> list[ReadableSpan]:
    """The spans of steps and runs."""
    return [span for span in told.spans() if attributes(span)["dispatch.kind"] == "agent"]


def calls(told: Told) -> list[ReadableSpan]:
    """The spans of model calls."""
    return [span for span in told.spans() if attributes(span)["dispatch.kind"] == "llm_call"]


def parent_of(span: ReadableSpan) -> int | None:
    """The id of the span above, or None."""
    return span.parent.span_id if span.parent is not None else None


def id_of(span: ReadableSpan) -> int:
    """The id of *span*."""
    assert span.context is not None
    return span.context.span_id
