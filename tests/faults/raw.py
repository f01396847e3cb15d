"""A server on loopback that answers each request with bytes, whatever HTTP thinks of them; and who reads them."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import aiohttp
import httpx
import httpx2
import requests
import urllib3

BODY = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'
HEADERS = {"content-type": "application/json"}
PATH = "/v1/chat/completions"


class RawServer:
    """Answers every request with the same pieces of bytes, then hangs up; stops when its context closes."""

    def __init__(self, make: Callable[[], Iterable[bytes]]) -> None:
        self._make = make
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}{PATH}"

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    self._answer(connection)
                except OSError:
                    # The host has broken off.
                    continue

    def _answer(self, connection: socket.socket) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked or not asked.endswith(BODY):
            if not (more := connection.recv(65536)):
                return
            asked += more
        for piece in self._make():
            if self._stopped.is_set():
                return
            connection.sendall(piece)


def head(*lines: str, status: str = "200 OK", kind: str = "text/event-stream") -> bytes:
    """The head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", f"content-type: {kind}", *lines, "", ""]).encode()


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    """One chunk of a chunked body."""
    return b"%x%b\r\n%b\r\n" % (len(data), extension, data)


def _httpx(library: Any) -> Callable[[str], bytes]:
    def read(url: str) -> bytes:
        with library.Client() as client, client.stream("POST", url, content=BODY, headers=HEADERS) as response:
            return b"".join(response.iter_bytes())

    return read


def _async_httpx(url: str) -> bytes:
    async def read() -> bytes:
        async with (
            httpx2.AsyncClient() as client,
            client.stream("POST", url, content=BODY, headers=HEADERS) as response,
        ):
            return b"".join([piece async for piece in response.aiter_bytes()])

    return asyncio.run(read())


def _aiohttp(url: str) -> bytes:
    async def read() -> bytes:
        async with aiohttp.ClientSession() as session, session.post(url, data=BODY, headers=HEADERS) as response:
            return b"".join([piece async for piece in response.content.iter_any()])

    return asyncio.run(read())


def _requests(url: str) -> bytes:
    with requests.Session() as session, session.post(url, BODY, headers=HEADERS, stream=True) as response:
        return b"".join(response.iter_content(65536))


def _urllib3(url: str) -> bytes:
    with urllib3.PoolManager(retries=False) as pool:
        response = pool.request("POST", url, body=BODY, headers=HEADERS, preload_content=False, retries=False)
        try:
            return b"".join(response.stream())
        finally:
            response.close()


READERS: dict[str, Callable[[str], bytes]] = {
    "httpx": _httpx(httpx),
    "httpx2": _httpx(httpx2),
    "httpx2 async": _async_httpx,
    "aiohttp": _aiohttp,
    "requests": _requests,
    "urllib3": _urllib3,
}


def seen_by_host(read: Callable[[str], bytes], url: str) -> Any:
    """What the host gets: the bytes, or the type of what is raised."""
    try:
        return read(url)
    except Exception as error:
        return type(error)
