"""The soak's clients: tasks and threads that call, as random as their seed, and count what they have sent."""

import asyncio
import gc
import random
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Any, Final

import aiohttp
import httpx2
import requests

from .soak_ways import BY_THE_HOST, PATH, TIMED, body_of, way_of

FAILURES: Final = (httpx2.HTTPError, aiohttp.ClientError, requests.RequestException, TimeoutError, OSError, ValueError)
"""What a fault of the provider's raises, and nothing else."""

_HEADERS: Final = {"content-type": "application/json"}
_GIVES_UP_WITHIN: Final = 0.04
_COLLECTS_ONE_IN: Final = 400
_TIMEOUT: Final = 30.0


class Tally:
    """What one slice has sent, by way, and how long each timed call took, in nanoseconds."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.taken: list[int] = []

    def add(self, other: "Tally") -> None:
        """Take in what another client has sent."""
        self.calls.update(other.calls)
        self.taken += other.taken


class Client:
    """One task or thread: when it calls next, which way, and what it has sent."""

    def __init__(self, url: str, seed: int, pause: float, until: float) -> None:
        self.url = f"{url}{PATH}"
        self.chance = random.Random(seed)
        self.tally = Tally()
        self._pause, self._until = pause, until

    def pause(self) -> float | None:
        """How long to wait for the next call, or None where time is up."""
        waits = self.chance.expovariate(1 / self._pause)
        return waits if time.monotonic() + waits < self._until else None

    def begin(self) -> str:
        """Choose the way of the next call, and count it: nothing may come between this and the call."""
        way = way_of(self.chance)
        self.tally.calls[way] += 1
        return way

    def end(self, way: str, began: int) -> None:
        """Note how long it took, and collect garbage now and then, wherever others are."""
        if way == TIMED:
            self.tally.taken.append(time.perf_counter_ns() - began)
        elif self.chance.randrange(_COLLECTS_ONE_IN) == 0:
            gc.collect()


async def stream_with_httpx(client: Client, http: httpx2.AsyncClient) -> None:
    """Call over httpx2 until time is up."""
    while (waits := client.pause()) is not None:
        await asyncio.sleep(waits)
        way = client.begin()
        request = http.build_request("POST", client.url, content=body_of(way), headers=_HEADERS)
        began = time.perf_counter_ns()
        with suppress(*FAILURES):
            await _given_up(client, way, _httpx(http, request, way))
        client.end(way, began)


async def _httpx(http: httpx2.AsyncClient, request: Any, way: str) -> None:
    response = await http.send(request, stream=way != TIMED)
    if way == "forget":
        _in_a_circle(response)
        return
    try:
        async for _ in response.aiter_bytes():
            if way == "leave":
                break
    finally:
        await response.aclose()


async def stream_with_aiohttp(client: Client, session: aiohttp.ClientSession) -> None:
    """Call over aiohttp until time is up."""
    while (waits := client.pause()) is not None:
        await asyncio.sleep(waits)
        way = client.begin()
        began = time.perf_counter_ns()
        with suppress(*FAILURES):
            await _given_up(client, way, _aiohttp(session, client.url, way))
        client.end(way, began)


async def _aiohttp(session: aiohttp.ClientSession, url: str, way: str) -> None:
    response = await session.post(url, data=body_of(way), headers=_HEADERS)
    if way == "forget":
        _in_a_circle(response)
        return
    try:
        async for _ in response.content.iter_any():
            if way == "leave":
                break
    finally:
        response.close()


async def _given_up(client: Client, way: str, call: Any) -> None:
    if way != "cancel":
        await call
        return
    # Not as a task of its own: that could be cancelled before it has begun, and then nothing would be sent.
    async with asyncio.timeout(client.chance.random() * _GIVES_UP_WITHIN):
        await call


def call_with_requests(client: Client) -> None:
    """Call over requests until time is up."""
    with requests.Session() as session:
        while (waits := client.pause()) is not None:
            time.sleep(waits)
            way = client.begin()
            began = time.perf_counter_ns()
            with suppress(*FAILURES):
                _requests(session, client.url, way)
            client.end(way, began)


def _requests(session: requests.Session, url: str, way: str) -> None:
    response = session.post(url, body_of(way), headers=_HEADERS, stream=way != TIMED, timeout=_TIMEOUT)
    if way == "forget":
        _in_a_circle(response)
        return
    with response:
        for _ in response.iter_content(None):
            if way in BY_THE_HOST:
                break


def call_with_httpx(client: Client) -> None:
    """Call over httpx2 until time is up."""
    with httpx2.Client(timeout=_TIMEOUT) as http:
        while (waits := client.pause()) is not None:
            time.sleep(waits)
            way = client.begin()
            request = http.build_request("POST", client.url, content=body_of(way), headers=_HEADERS)
            began = time.perf_counter_ns()
            with suppress(*FAILURES):
                _sync_httpx(http, request, way)
            client.end(way, began)


def _sync_httpx(http: httpx2.Client, request: Any, way: str) -> None:
    response = http.send(request, stream=way != TIMED)
    if way == "forget":
        _in_a_circle(response)
        return
    try:
        for _ in response.iter_bytes():
            if way in BY_THE_HOST:
                break
    finally:
        response.close()


def _in_a_circle(response: object) -> None:
    # Only a garbage collection finds it, on whichever thread that strikes.
    circle: list[object] = [response]
    circle.append(circle)


def run_slice(url: str, seed: int, seconds: float, streams: int, threads: int, rate: float) -> Tally:
    """Have all of them call for so many seconds, *rate* calls a second together; give what was sent."""
    until, pause = time.monotonic() + seconds, (streams + threads) / rate
    clients = [Client(url, seed * 100_003 + number, pause, until) for number in range(streams + threads)]
    syncs = [call_with_requests, call_with_httpx]
    ways = [
        threading.Thread(target=syncs[number % 2], args=(client,)) for number, client in enumerate(clients[streams:])
    ]
    for thread in ways:
        thread.start()
    try:
        asyncio.run(_streams(clients[:streams]))
    finally:
        for thread in ways:
            thread.join()
    whole = Tally()
    for client in clients:
        whole.add(client.tally)
    return whole


async def _streams(clients: list[Client]) -> None:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        httpx2.AsyncClient(limits=limits, timeout=_TIMEOUT) as http,
        aiohttp.ClientSession(connector=connector) as s,
    ):
        await asyncio.gather(
            *(
                stream_with_aiohttp(one, s) if n % 3 == 2 else stream_with_httpx(one, http)
                for n, one in enumerate(clients)
            )
        )
        if len(asyncio.all_tasks()) > 1:
            # What a closed connection leaves behind ends by itself in a moment.
            await asyncio.sleep(0.1)
        LEFT.append(len(asyncio.all_tasks()) - 1)


LEFT: list[int] = []
"""How many tasks were left at the end of each slice."""
