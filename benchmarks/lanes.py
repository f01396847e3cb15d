"""The lanes of a race: the same call made plainly, with the floor's span, and with ours, each timed call by call."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx2
import openai
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from otel_dispatch import attributes as a

from .floor import AsyncFloored, AsyncPlain, AsyncWatched, Floored, Plain, Watched, Words
from .timing import LONG, SHORT, Timer, timer
from .wire import SIZES, Wire, pieces, whole
from .wires import CHAT, MESSAGES, RESPONSES, STREAMED, WIRES

_KEY = "no-key-is-needed"


@dataclass(frozen=True)
class Case:
    """Lanes that are compared with each other and hence run next to each other."""

    name: str
    lanes: dict[str, Timer]


class Lanes:
    """Makes the lanes of every case: *said* are the words of the floor's spans, by the name of their wire."""

    def __init__(self, provider: TracerProvider, said: dict[str, Words], runner: asyncio.Runner) -> None:
        self._provider, self._said, self._runner = provider, said, runner
        self._floor = provider.get_tracer("floor")

    def cases(self) -> list[Case]:
        """Every case; otel_dispatch is to be on when its lanes are run."""
        found = [self._direct(wire, size) for wire in WIRES for size in SIZES]
        for size in SIZES:
            found += [self._chat(size), self._async_chat(size), self._responses(size), self._messages(size)]
        found += [_direct_stream(wire) for wire in STREAMED]
        found += [_chat_stream(), _messages_stream()]
        return [*found, _uninteresting("GET", "/v1/models"), _uninteresting("POST", "/v1/files")]

    def _clients(self, wire: Wire) -> dict[str, httpx2.Client]:
        transport = whole(wire.answer)
        floored = Floored(self._floor, self._said[wire.name], transport=transport)
        return {"base": Plain(transport=transport), "floor": floored, "ours": Watched(transport=transport)}

    def _direct(self, wire: Wire, size: str) -> Case:
        def lane(client: httpx2.Client) -> Callable[[], object]:
            body = wire.body(SIZES[size])
            request = client.build_request("POST", wire.url, content=body, headers={"content-type": "application/json"})
            return lambda: client.send(request)

        calls = {name: lane(client) for name, client in self._clients(wire).items()}
        timers = {name: timer(call) for name, call in calls.items()}
        if wire is MESSAGES:
            timers["owner"] = timer(self._owned(wire, calls["base"]))
            timers["enriched"] = timer(self._owned(wire, calls["ours"]))
        return Case(f"send {wire.name} {size}", timers)

    def _owned(self, wire: Wire, call: Callable[[], object]) -> Callable[[], object]:
        """Wrap *call* in a span as other people's instrumentations open it."""
        tracer = self._provider.get_tracer("owner")
        words = {name: value for name, value in self._said[wire.name].start.items() if not name.startswith(a.OURS)}

        def owned() -> None:
            with tracer.start_as_current_span("chat", kind=SpanKind.CLIENT, attributes=words):
                call()

        return owned

    def _chat(self, size: str) -> Case:
        given = CHAT.arguments(SIZES[size])

        def lane(client: httpx2.Client) -> Timer:
            create: Any = openai.OpenAI(api_key=_KEY, http_client=client).chat.completions.create
            return timer(lambda: create(**given))

        return Case(f"chat {size}", {name: lane(client) for name, client in self._clients(CHAT).items()})

    def _async_chat(self, size: str) -> Case:
        given, transport = CHAT.arguments(SIZES[size]), whole(CHAT.answer)

        def lane(client: httpx2.AsyncClient) -> Timer:
            create: Any = openai.AsyncOpenAI(api_key=_KEY, http_client=client).chat.completions.create
            return _async_timer(lambda: create(**given), self._runner)

        clients: dict[str, httpx2.AsyncClient] = {
            "base": AsyncPlain(transport=transport),
            "floor": AsyncFloored(self._floor, self._said[CHAT.name], transport=transport),
            "ours": AsyncWatched(transport=transport),
        }
        return Case(f"async chat {size}", {name: lane(client) for name, client in clients.items()})

    def _responses(self, size: str) -> Case:
        given = RESPONSES.arguments(SIZES[size])

        def lane(client: httpx2.Client) -> Timer:
            create: Any = openai.OpenAI(api_key=_KEY, http_client=client).responses.create
            return timer(lambda: create(**given))

        return Case(f"responses {size}", {name: lane(client) for name, client in self._clients(RESPONSES).items()})

    def _messages(self, size: str) -> Case:
        given, clients = MESSAGES.arguments(SIZES[size]), self._clients(MESSAGES)

        def lane(client: httpx2.Client, native: Any) -> Timer:
            made = anthropic.Anthropic(api_key=_KEY, http_client=client, open_telemetry=native)
            create: Any = made.messages.create
            return timer(lambda: create(**given))

        timers = {name: lane(client, False) for name, client in clients.items()}
        native = {"tracer_provider": self._provider}
        timers["owner"], timers["enriched"] = lane(clients["base"], native), lane(clients["ours"], native)
        return Case(f"messages {size}", timers)


def _async_timer(call: Callable[[], Awaitable[object]], runner: asyncio.Runner) -> Timer:
    async def run(times: int) -> list[int]:
        clock, taken = time.perf_counter_ns, []
        for _ in range(times):
            began = clock()
            await call()
            taken.append(clock() - began)
        return taken

    return lambda times: runner.run(run(times))


def _streaming(make: Callable[[httpx2.Client], Callable[[], object]], name: str, wire: Wire) -> Case:
    timers = {}
    for length, count in (("long", LONG), ("short", SHORT)):
        transport = pieces(wire.chunks(count), wire.stream_headers())
        timers[f"base {length}"] = timer(make(Plain(transport=transport)))
        timers[f"ours {length}"] = timer(make(Watched(transport=transport)))
    return Case(f"{name} stream", timers)


def _direct_stream(wire: Wire) -> Case:
    def make(client: httpx2.Client) -> Callable[[], object]:
        request = client.build_request("POST", wire.streamed_url, content=wire.body(SIZES["1 kB"], stream=True))

        def call() -> None:
            response = client.send(request, stream=True)
            for _ in response.iter_bytes():
                pass
            response.close()

        return call

    return _streaming(make, f"send {wire.name}", wire)


def _chat_stream() -> Case:
    given = CHAT.arguments(SIZES["1 kB"], stream=True)

    def make(client: httpx2.Client) -> Callable[[], object]:
        create: Any = openai.OpenAI(api_key=_KEY, http_client=client).chat.completions.create
        return lambda: [None for _ in create(**given)]

    return _streaming(make, "chat", CHAT)


def _messages_stream() -> Case:
    given = MESSAGES.arguments(SIZES["1 kB"], stream=True)

    def make(client: httpx2.Client) -> Callable[[], object]:
        made = anthropic.Anthropic(api_key=_KEY, http_client=client, open_telemetry=False)
        create: Any = made.messages.create
        return lambda: [None for _ in create(**given)]

    return _streaming(make, "messages", MESSAGES)


def _uninteresting(method: str, path: str) -> Case:
    transport = whole(CHAT.answer)

    def lane(client: httpx2.Client) -> Timer:
        body = CHAT.body(SIZES["1 kB"]) if method == "POST" else None
        request = client.build_request(method, f"https://{CHAT.host}{path}", content=body)
        return timer(lambda: client.send(request))

    clients = {"base": Plain(transport=transport), "ours": Watched(transport=transport)}
    return Case(f"{method} {path}", {name: lane(client) for name, client in clients.items()})
