"""Interrupts: one that strikes the host arrives, whatever of ours it strikes in, and what comes after is observed."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import httpx2
import pytest
from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.context import Context

import otel_dispatch
from otel_dispatch import aloft, context
from otel_dispatch.demo.provider import Answer, Provider, chat_stream
from tests.conftest import Told
from tests.faults.programs import run

OURS = str(Path(otel_dispatch.__file__).parent)
CHUNKS = chat_stream(["a ", "b "], model="m", usage=(3, 4))
BODY = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'

INTERRUPTED = {
    "a call": 'client.chat.completions.create(model="m", messages=HI)',
    "a stream": 'list(client.chat.completions.create(model="m", messages=HI, stream=True))',
}
HOSTS = {
    "sync": """
        import os, signal, threading, openai
        client = openai.OpenAI(max_retries=0)
        threading.Timer(TIMER, os.kill, (os.getpid(), signal.SIGINT)).start()
        {ask}
    """,
    "async": """
        import asyncio, os, signal, threading, openai
        async def main():
            client = openai.AsyncOpenAI(max_retries=0)
            threading.Timer(TIMER, os.kill, (os.getpid(), signal.SIGINT)).start()
            {aask}
        asyncio.run(main())
    """,
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX signals")
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("what", INTERRUPTED)
def test_an_interrupt_arrives_and_leaves_one_cancelled_call(
    provider: Provider, tmp_path: Path, what: str, host: str
) -> None:
    asked = INTERRUPTED[what]
    awaited = asked.replace("client.", "await client.", 1)
    if what == "a stream":
        awaited = f"async for _ in {awaited.removeprefix('list(').removesuffix(')')}: pass"
    code = HOSTS[host].format(ask=asked, aask=awaited).replace("TIMER", "1.0")
    slow = Answer(delay=20) if what == "a call" else Answer(headers=CHUNKS.headers, chunks=[b"data: {}\n\n", 20.0])
    provider.script(slow, slow)
    ran = run(provider, tmp_path, code)
    assert ran.code == -signal.SIGINT
    assert ran.err.splitlines()[-1] == "KeyboardInterrupt"
    assert ran.told() == {"m": ("cancelled", "cancelled")}


class Striker:
    """Raises KeyboardInterrupt at the n-th line of ours that runs."""

    def __init__(self, at: int) -> None:
        self.left, self.has_struck = at, False

    def __enter__(self) -> "Striker":
        self._before = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        # A finaliser swallows what strikes it, with us and without.
        is_ours = frame.f_code.co_filename.startswith(OURS) and frame.f_code.co_name != "__del__"
        return self._line if is_ours and not self.has_struck else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line" and not self.has_struck:
            self.left -= 1
            if self.left < 0:
                self.has_struck = True
                raise KeyboardInterrupt
        return self._line


def chunks() -> Iterator[bytes]:
    for piece in CHUNKS.chunks or ():
        if isinstance(piece, bytes):
            yield piece


class Pieces(httpx2.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        return chunks()


def client() -> httpx2.Client:
    headers = dict(CHUNKS.headers)
    return httpx2.Client(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, stream=Pieces()))
    )


def stream(over: httpx2.Client) -> bytes:
    with over.stream("POST", "http://127.0.0.1:9/v1/chat/completions", content=BODY) as response:
        return b"".join(response.iter_raw())


@pytest.mark.timeout(240)
def test_an_interrupt_at_any_line_of_ours_arrives_and_the_next_call_is_observed(
    make_told: Callable[[], Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What strikes inside a finaliser no host ever gets, with us and without: Python hands it to this hook.
    finalisers: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: finalisers.append(unraisable.exc_type))
    told, over = make_told(), client()
    whole = stream(over)
    at, arrived, left = 0, 0, list[int]()
    while True:
        told.exporter.clear()
        striker = Striker(at)
        try:
            with striker:
                assert stream(over) == whole
        except KeyboardInterrupt:
            arrived += 1
        if not striker.has_struck:
            break
        if trace.get_current_span().get_span_context().is_valid:
            left.append(at)
            otel.attach(Context())
        assert stream(over) == whole
        names = [(span.attributes or {}).get("dispatch.outcome.kind") for span in told.spans()]
        assert names[-1:] == ["served"], f"after line {at} the next call is not observed"
        assert len(names) <= 2, f"line {at} ends a span twice"
        at += 1
    assert at > 100
    assert arrived + len(finalisers) == at
    assert set(finalisers) <= {KeyboardInterrupt}
    assert len(finalisers) < at / 10
    # Python runs no line of ours without a moment before it: those that put the context back cannot guard themselves.
    assert len(left) <= 5, left
    # One that is struck as it ends, after it has been marked as ended, stays open: these are its few lines.
    aloft.end_all()
    assert aloft.count() <= 10
    aloft._open.clear()


class Entering(Striker):
    """Raises KeyboardInterrupt as the first context of ours has been entered, and nobody has its token yet."""

    def __init__(self) -> None:
        super().__init__(0)

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        is_entered = frame.f_code is context.attach.__code__ and not self.has_struck
        return self._line if is_entered else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "return":
            self.has_struck = True
            raise KeyboardInterrupt
        return self._line


def by_urllib(provider: Provider, _: Path) -> None:
    asked = urllib.request.Request(f"{provider.url}/v1/chat/completions", data=BODY)
    urllib.request.urlopen(asked, timeout=20).close()


def by_httpx(provider: Provider, _: Path) -> None:
    httpx2.post(f"{provider.url}/v1/chat/completions", content=BODY)


def by_launch(_: Provider, folder: Path) -> None:
    program = folder / "claude"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    subprocess.run([str(program), "-p", "hi"], timeout=20, check=True)


@pytest.mark.skipif(os.name == "nt", reason="starts a script by its first line")
@pytest.mark.parametrize("dispatch", [by_urllib, by_httpx, by_launch])
def test_an_interrupt_as_a_dispatch_is_entered_leaves_the_thread_as_it_was(
    told: Told, provider: Provider, tmp_path: Path, dispatch: Callable[[Provider, Path], None]
) -> None:
    with pytest.raises(KeyboardInterrupt), Entering():
        dispatch(provider, tmp_path)
    assert not context.current().in_flight
    told.exporter.clear()
    dispatch(provider, tmp_path)
    assert len(told.spans()) == 1


@otel_dispatch.entry_point("agent")
def plain() -> None: ...


@otel_dispatch.entry_point("agent")
def generator() -> Iterator[int]:
    yield 1


@otel_dispatch.entry_point("agent")
async def coroutine() -> None: ...


@otel_dispatch.entry_point("agent")
async def async_generator() -> AsyncIterator[int]:
    yield 1


def scoped() -> None:
    with otel_dispatch.scope("escalation"):
        plain()


ENTRIES: dict[str, Callable[[], Any]] = {
    "a function": plain,
    "a generator": lambda: next(iter(generator())),
    "a coroutine": lambda: coroutine().send(None),
    "an async generator": lambda: anext(aiter(async_generator())).send(None),
    "a scope": scoped,
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_interrupt_as_an_entry_is_entered_leaves_the_thread_as_it_was(told: Told, entry: str) -> None:
    before = otel.get_current()
    with pytest.raises(KeyboardInterrupt), Entering():
        ENTRIES[entry]()
    assert otel.get_current() is before
    # The interrupt came before the host's own first line.
    assert {(span.attributes or {})["dispatch.outcome.kind"] for span in told.spans()} <= {"cancelled"}
