"""Servers of MCP's own SDK and of FastMCP: a request's own trace wins, then that of the process that started them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_dispatch.demo.provider import Provider
from tests.sinks import HttpSink, SinkSpan

pytest.importorskip("fastmcp", reason="runs in the row agents of the matrix")

SERVER = """
try:
    from {module} import {name} as Server
except ImportError:
    from mcp.server.fastmcp import FastMCP as Server
server = Server("s")

@server.tool()
def ask() -> str:
    import openai
    with openai.OpenAI() as client:
        client.chat.completions.create(model="m", messages=[{{"role": "user", "content": "hi"}}])
    return "done"

server.run("stdio")
"""
SERVERS = {"mcp": ("mcp.server.mcpserver", "MCPServer"), "fastmcp": ("fastmcp", "FastMCP")}
OF_PROCESS = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
OF_REQUEST = "00-11111111111111111111111111111111-2222222222222222-01"


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with HttpSink() as server:
        yield server


def call(path: Path, env: dict[str, str], meta: dict[str, str]) -> Any:
    """Start the server, call its tool once, and give what the tool said."""
    first = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    requests: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": first},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "ask", "arguments": {}, "_meta": meta}},
    ]
    with subprocess.Popen(
        [sys.executable, str(path)], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for request in requests:
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **request}).encode() + b"\n")
            server.stdin.flush()
            if "id" in request:
                while (answer := json.loads(server.stdout.readline())).get("id") != request["id"]:
                    pass
        server.stdin.close()
        server.wait(30)
    return answer["result"]["content"][0]["text"]


def parents(spans: list[SinkSpan]) -> tuple[str, SinkSpan]:
    """The parent of the outermost span above the model call, as traceparent has it, and the call itself."""
    by_id = {span.span_id: span for span in spans}
    (made,) = [span for span in spans if span.name == "chat m"]
    outermost = made
    while outermost.parent_id in by_id:
        outermost = by_id[outermost.parent_id]
    return f"00-{outermost.trace_id}-{outermost.parent_id}-01", made


@pytest.mark.parametrize("meta", [{}, {"traceparent": OF_REQUEST}])
@pytest.mark.parametrize("server", SERVERS)
def test_the_requests_own_trace_wins_and_else_the_processs_goes_on(
    server: str, meta: dict[str, str], provider: Provider, sink: HttpSink, tmp_path: Path
) -> None:
    path = tmp_path / "server.py"
    module, name = SERVERS[server]
    path.write_text(SERVER.format(module=module, name=name))
    env = {
        **os.environ,
        "DISPATCH_OTEL": "1",
        "DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT": sink.url,
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        "TRACEPARENT": OF_PROCESS,
    }
    assert call(path, env, meta) == "done"
    spans = [span for span in sink.wait(2) if span.trace_id in (OF_PROCESS[3:35], OF_REQUEST[3:35])]
    parent, made = parents(spans)
    assert parent == meta.get("traceparent", OF_PROCESS)
    assert any(span.kind == "SERVER" for span in spans)
    assert made.attributes["dispatch.outcome.kind"] == "served"
