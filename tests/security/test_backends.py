"""What is asked over the network, and who may ask us: credentials stay with their host, the demo with this machine."""

import ipaddress
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from otel_dispatch.command.asking import backend_at
from otel_dispatch.demo.provider import Provider
from otel_dispatch.recordfile import UnreadableError

KEY = "sk-CANARY-0123456789abcdef"


class Elsewhere(BaseHTTPRequestHandler):
    """Sends whoever asks to another place, and keeps what it was asked with."""

    seen: list[dict[str, str]]
    target = ""

    def do_GET(self) -> None:
        self.seen.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(302 if self.target else 200)
        self.send_header("location", self.target)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def served(target: str = "") -> tuple[HTTPServer, list[dict[str, str]]]:
    seen: list[dict[str, str]] = []
    server = HTTPServer(("127.0.0.1", 0), type("Handler", (Elsewhere,), {"seen": seen, "target": target}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, seen


def test_credentials_are_not_taken_to_where_a_backend_redirects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_OTEL_QUERY_HEADERS", f"X-Key={KEY}")
    thief, stolen = served()
    backend, asked = served(f"http://127.0.0.1:{thief.server_port}/")
    try:
        with pytest.raises(UnreadableError) as caught:
            backend_at(f"http://user:{KEY}@127.0.0.1:{backend.server_port}").ask("/api")
    finally:
        for server in (thief, backend):
            server.shutdown()
            server.server_close()
    assert (asked[0]["x-key"], stolen) == (KEY, [])
    assert "authorization" in asked[0]
    assert KEY not in str(caught.value)


def test_the_demos_server_listens_on_loopback_alone() -> None:
    with Provider() as provider:
        host = provider.url.partition("//")[2].partition(":")[0]
    assert ipaddress.ip_address(host).is_loopback
