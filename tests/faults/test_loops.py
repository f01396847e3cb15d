"""Hosts on other event loops than asyncio's own, and on none: uvloop, trio, anyio; and no gevent anywhere."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from otel_dispatch import aloft
from otel_dispatch.demo.provider import Answer, Provider
from tests.conftest import Told
from tests.faults.programs import run

BODY = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
Main = Callable[[], Awaitable[Any]]


def on_uvloop(main: Main) -> Any:
    uvloop = pytest.importorskip("uvloop", reason="runs in the row loops of the matrix")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())  # type: ignore[arg-type]


def on_trio(main: Main) -> Any:
    pytest.importorskip("trio", reason="runs in the row loops of the matrix")
    return anyio.run(main, backend="trio")


LOOPS: dict[str, Callable[[Main], Any]] = {
    "anyio on asyncio": lambda main: anyio.run(main, backend="asyncio"),
    "anyio on trio": on_trio,
    "uvloop": on_uvloop,
}


@pytest.mark.parametrize("loop", LOOPS)
def test_calls_at_the_same_time_are_a_span_each_on_any_loop(told: Told, provider: Provider, loop: str) -> None:
    async def main() -> None:
        async def call(over: httpx2.AsyncClient, model: str) -> None:
            url = f"{provider.url}/v1/chat/completions"
            async with over.stream("POST", url, json={**BODY, "model": model}) as response:
                assert [piece async for piece in response.aiter_bytes()]

        async with httpx2.AsyncClient() as over, anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(call, over, f"m{number}")

    LOOPS[loop](main)
    assert sorted(span.name for span in told.spans()) == [f"chat m{n}" for n in range(8)]
    assert {(span.attributes or {})["dispatch.outcome.kind"] for span in told.spans()} == {"served"}
    assert aloft.count() == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_a_call_that_is_cancelled_on_any_loop_is_cancelled(told: Told, provider: Provider, loop: str) -> None:
    provider.script(Answer(headers={"content-type": "text/event-stream"}, chunks=[b"data: {}\n\n", 20.0]))

    async def main() -> bool:
        async with httpx2.AsyncClient() as over:
            with anyio.move_on_after(0.5) as deadline:
                async with over.stream("POST", f"{provider.url}/v1/chat/completions", json=BODY) as response:
                    async for _ in response.aiter_bytes():
                        pass
        return deadline.cancelled_caught

    assert LOOPS[loop](main)
    assert (told.only().attributes or {})["dispatch.outcome.kind"] == "cancelled"
    assert aloft.count() == 0


def test_where_gevent_and_uvloop_cannot_be_had_all_is_as_it_was(provider: Provider, tmp_path: Path) -> None:
    code = """
    import sys
    for name in ("gevent", "uvloop", "trio", "eventlet"):
        sys.modules[name] = None
    import openai
    with openai.OpenAI() as client:
        client.chat.completions.create(model="m", messages=HI)
    """
    ran = run(provider, tmp_path, code)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert ran.told() == {"m": ("served", None)}
