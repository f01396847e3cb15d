"""The HTTP/1.1 server under the local provider."""

from __future__ import annotations

import gzip
import json
import socket
import sys
import threading
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from otel_dispatch.demo.answer import Answer, Hangup


@dataclass(frozen=True)
class Seen:
    """One request as it arrived, with its header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


class Server(ThreadingHTTPServer):
    """Serves each connection in a thread that ends when the server stops."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[Seen], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.closing = threading.Event()
        self._open: dict[threading.Thread, socket.socket] = {}

    def server_bind(self) -> None:
        """Bind without the look-up of a host name, which is slow on some machines."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread that stop() knows."""
        target = self.process_request_thread
        thread = threading.Thread(target=target, args=(request, client_address), daemon=True)
        self._open[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection until it closes."""
        super().process_request_thread(request, client_address)
        self._open.pop(threading.current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error, other than a closed connection."""
        # Clients hang up on purpose, and so do we when we stop.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Stop listening, close every connection and wait for its thread."""
        self.closing.set()
        self.shutdown()
        for thread, connection in list(self._open.items()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(5)
        self.server_close()

    def pause(self, seconds: float) -> None:
        """Sleep, unless the server stops."""
        if seconds > 0 and self.closing.wait(seconds):
            raise ConnectionAbortedError


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, *_args: Any) -> None:
        pass

    def do_POST(self) -> None:
        names = {name.lower() for name in self.headers}
        headers = {name: ", ".join(self.headers.get_all(name, [])) for name in names}
        self._send(self.server.answer(Seen(self.command, self.path, headers, self._body())))

    do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 - http.server's names

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/healthz":
            self._send(Answer(headers={"content-type": "text/plain"}, body=b"ok\n"))
        else:
            self.do_POST()

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _send(self, answer: Answer) -> None:
        self.server.pause(answer.delay)
        if answer.drop:
            self.close_connection = True
            return
        body = gzip.compress(answer.body, mtime=0) if answer.gzip else answer.body
        whole = answer.chunks is None
        framing = {"content-length": str(len(body))} if whole else {"transfer-encoding": "chunked"}
        encoding = {"content-encoding": "gzip"} if answer.gzip else {}
        self.send_response(answer.status)
        for name, value in {**framing, **encoding, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.chunks is None:
            self.wfile.write(body)
        else:
            self._stream(answer.chunks, answer.gzip)

    def _stream(self, chunks: Sequence[bytes | float | Hangup], packed: bool) -> None:
        packer = zlib.compressobj(wbits=31)
        for chunk in chunks:
            if isinstance(chunk, Hangup):
                self.close_connection = True
                return
            if isinstance(chunk, bytes):
                self._chunk(packer.compress(chunk) + packer.flush(zlib.Z_SYNC_FLUSH) if packed else chunk)
            else:
                self.server.pause(chunk)
        if packed:
            self._chunk(packer.flush())
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data: bytes) -> None:
        # An empty chunk would end the body.
        if data:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))


class Served:
    """Something that answers requests on a server of its own while its context is open."""

    _server: Server
    _thread: threading.Thread

    def _answer(self, seen: Seen) -> Answer:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._server = Server(self._answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        self._thread.join()
