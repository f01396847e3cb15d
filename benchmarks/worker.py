"""A worker of `peers`: makes calls when it is told to, beside one neighbour or none, and says what each took."""

import gc
import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import anthropic
import openai
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import otel_dispatch
from otel_dispatch import activate
from tests.coexistence.peers import PEERS

from .nowhere import Nowhere
from .timing import LONG, SHORT, Timer, timer
from .wire import SIZES, Wire, pieces, whole
from .wires import CHAT, MESSAGES

NOTHING = "nothing"
CASES = {"chat": CHAT, "messages": MESSAGES}
PLAIN, FLOOR, OURS, NATIVE, ENRICHED = "plain", "floor", "ours", "native", "enriched"
STREAMS = {"long": LONG, "short": SHORT}

# The SDKs of a year ago send through httpx, those of today through httpx2.
_HTTP: Any = import_module("httpx2" if find_spec("httpx2") else "httpx")
_KEY = "no-key-is-needed"


class Bench:
    """The calls that this process can make: a case, whole or streamed, in one of its lanes."""

    def __init__(self, provider: Any, said: dict[str, Any]) -> None:
        self._provider, self._said = provider, said
        self._timers: dict[tuple[str, str], Timer] = {}

    def run(self, case: str, lane: str, times: int) -> list[int]:
        """Make so many calls; give the nanoseconds of each."""
        found = self._timers.get((case, lane)) or self._timers.setdefault((case, lane), timer(self._call(case, lane)))
        return found(times)

    def _call(self, case: str, lane: str) -> Callable[[], object]:
        name, _, length = case.partition(" ")
        wire = CASES[name]
        chunked = pieces(wire.chunks(STREAMS[length]), wire.stream_headers()) if length else None
        transport = chunked or whole(wire.answer)
        create = self._create(wire, lane, self._client(wire, lane, transport))
        given = wire.arguments(SIZES["1 kB"], stream=bool(length))
        if length:
            return lambda: [None for _ in create(**given)]
        return lambda: create(**given)

    def _client(self, wire: Wire, lane: str, transport: Any) -> Any:
        if not activate.is_on():
            return _HTTP.Client(transport=transport)
        from .floor import Floored, Plain, Watched

        if lane == FLOOR:
            return Floored(self._provider.get_tracer("floor"), self._said[wire.name], transport=transport)
        return (Watched if lane in (OURS, ENRICHED) else Plain)(transport=transport)

    def _create(self, wire: Wire, lane: str, client: Any) -> Any:
        if wire is CHAT:
            return openai.OpenAI(api_key=_KEY, http_client=client).chat.completions.create
        native = {"open_telemetry": {"tracer_provider": self._provider}} if lane in (NATIVE, ENRICHED) else {}
        made: Any = anthropic.Anthropic
        return made(api_key=_KEY, http_client=client, **native).messages.create


def main(peer: str) -> None:
    """Answer each line of standard input, a case, a lane and a count, with the times as a line of standard output."""
    # What a neighbour prints goes elsewhere.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    said = _said() if peer == OURS else {}
    flush = _start(peer)
    bench = Bench(trace.get_tracer_provider(), said)
    gc.freeze()
    gc.disable()
    print(json.dumps(_versions()), file=answers, flush=True)
    for line in sys.stdin:
        taken = bench.run(*json.loads(line))
        flush()
        gc.collect()
        print(json.dumps(taken), file=answers, flush=True)


def _said() -> dict[str, Any]:
    # Imported here, as it takes the library's `send` before it is ours.
    from .floor import recorded

    return recorded(CASES.values())


def _start(peer: str) -> Callable[[], object]:
    processor = BatchSpanProcessor(Nowhere())
    if peer == "logfire":
        module: Any = import_module("logfire")
        module.configure(send_to_logfire=False, console=False, metrics=False, additional_span_processors=[processor])
    else:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        trace.set_tracer_provider(provider)
    if peer == OURS:
        otel_dispatch.instrument(tracer_provider=trace.get_tracer_provider())
    elif peer != NOTHING:
        PEERS[peer].activate()
    return processor.force_flush


def _versions() -> dict[str, str]:
    found = {}
    for package in ("openai", "anthropic", "opentelemetry-sdk"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


if __name__ == "__main__":
    main(sys.argv[1])
