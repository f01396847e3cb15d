"""Tempo behind the same two questions as Jaeger."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from .asking import PATIENCE, get, page, polled
from .jaeger import AbsentError
from .running import DEPLOY, free_ports, running
from .spans import Span, carries, spans_in

CONFIG = DEPLOY / "tempo" / "tempo.yaml"
PORTS = ("HTTP", "GRPC", "OTLP_GRPC", "OTLP_HTTP")
HOW = "set DISPATCH_TEMPO_URL (and DISPATCH_TEMPO_OTLP) or DISPATCH_TEMPO_BIN, or put tempo on PATH"


class Tempo:
    """A Tempo to ask: a running one if DISPATCH_TEMPO_URL names it, else one started here."""

    def __init__(self, query_url: str, otlp_url: str) -> None:
        self.query_url = query_url.rstrip("/")
        self.otlp_url = otlp_url.rstrip("/")

    @classmethod
    @contextlib.contextmanager
    def at_hand(cls, log: Path) -> Iterator[Tempo]:
        """Yield the Tempo there is, and stop it if it was started here; raises AbsentError."""
        if url := os.environ.get("DISPATCH_TEMPO_URL"):
            yield cls(url, os.environ.get("DISPATCH_TEMPO_OTLP", "http://127.0.0.1:14318"))
        elif binary := os.environ.get("DISPATCH_TEMPO_BIN") or shutil.which("tempo"):
            with cls.started(binary, log) as tempo:
                yield tempo
        else:
            raise AbsentError(f"no Tempo: {HOW}")

    @classmethod
    @contextlib.contextmanager
    def started(cls, binary: str, log: Path) -> Iterator[Tempo]:
        """Yield a Tempo on free loopback ports that runs on the shipped configuration."""
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        environment = {f"TEMPO_{name}_PORT": str(port) for name, port in ports.items()}
        environment |= {"TEMPO_LISTEN_HOST": "127.0.0.1", "TEMPO_DATA": str(log.parent / "data")}
        command = [binary, f"-config.file={CONFIG}", "-config.expand-env=true"]
        query, otlp = (f"http://127.0.0.1:{ports[name]}" for name in ("HTTP", "OTLP_HTTP"))
        with running(command, environment, log, lambda: is_ready(query)):
            yield cls(query, otlp)

    def trace(self, trace_id: str, patience: float = PATIENCE) -> list[Span]:
        """Return the spans of one trace, as soon as there are any."""
        url = f"{self.query_url}/api/v2/traces/{trace_id}"
        return polled(lambda: spans_in(get(url).get("trace", {}).get("resourceSpans", [])), patience)

    def find(self, service: str, attributes: Mapping[str, object], patience: float = PATIENCE) -> list[Span]:
        """Return the last hour's spans of a service that carry the attributes, as soon as a search finds any."""
        return polled(lambda: self._found(service, attributes), patience)

    def _found(self, service: str, attributes: Mapping[str, object]) -> list[Span]:
        now = int(time.time())
        wanted = [f"resource.service.name = {json.dumps(service)}"]
        # Typed: a boolean or a number in quotes would find nothing.
        wanted += [f"span.{key} = {json.dumps(value)}" for key, value in attributes.items()]
        query = {"q": f"{{ {' && '.join(wanted)} }}", "start": now - 3600, "end": now + 60, "limit": 100}
        found = get(f"{self.query_url}/api/search", query).get("traces") or []
        # A search leaves leading zeros of an id away.
        spans = [span for trace in found for span in self.trace(trace["traceID"].zfill(32))]
        return [span for span in spans if span.service == service and carries(span, attributes)]


def is_ready(url: str) -> bool:
    """Return whether Tempo says that it is ready."""
    try:
        return page(f"{url}/ready").strip() == "ready"
    except OSError:
        return False
