"""What a stream that is held open takes in memory, with us and without, and what an open span of the SDK's takes."""

import gc
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any, Final

from .soak_processes import ROOT
from .soak_verdict import Row

_MANY: Final = 500


def rows() -> list[Row]:
    """What each takes, as rows without a verdict."""
    told = {who: _told(who) for who in ("ours", "plain", "span")}
    ours, plain = told["ours"], told["plain"]
    return [
        Row("a held stream", f"{ours - plain:,} bytes with us beyond {plain:,} without", "", ""),
        Row("of which the SDK's open span", f"{told['span']:,} bytes", "", ""),
    ]


def _told(who: str) -> int:
    command = [sys.executable, "-m", "benchmarks.soak_memory", who]
    return int(json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=120).stdout))


def main(who: str) -> int:
    """The bytes that one of many takes."""
    make = _open_span() if who == "span" else _held_stream(who == "ours")
    kept: list[Any] = [make() for _ in range(_MANY)]
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept += [make() for _ in range(_MANY)]
    gc.collect()
    return round((tracemalloc.get_traced_memory()[0] - before) / _MANY)


def _held_stream(is_ours: bool) -> Callable[[], Any]:
    import httpx2

    from .wire import pieces
    from .wires import CHAT

    if is_ours:
        import otel_dispatch

        otel_dispatch.instrument(tracer_provider=_provider())
    client = httpx2.Client(transport=pieces(CHAT.chunks(12), CHAT.stream_headers()))
    body = CHAT.body(1_000, stream=True)

    def hold() -> Any:
        response = client.send(client.build_request("POST", CHAT.url, content=body), stream=True)
        read = response.iter_raw()
        next(read)
        return response, read

    return hold


def _open_span() -> Callable[[], Any]:
    from .floor import recorded
    from .wires import CHAT

    words = recorded([CHAT])[CHAT.name]
    tracer = _provider().get_tracer("held")
    return lambda: tracer.start_span(words.name, attributes=words.start)


def _provider() -> Any:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from .nowhere import Nowhere

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    return provider


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
