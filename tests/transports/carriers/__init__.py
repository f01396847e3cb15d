"""Each carrying library put through the same calls: whole, streamed, broken off, refused and dropped."""

import importlib
import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider

PATH = "/v1/chat/completions"
BODY = {"model": "m", "stream": True}
KINDS = ["served", "empty_completion_terminal", "provider_error", "usage_limit", "provider_error"]


@dataclass(frozen=True)
class Carrier:
    """One way to send with a library.

    ``transport`` is the module of ours that watches it, ``run_all`` gives what the host sees of each call of the
    script, and ``kinds`` are the outcomes that are told of them.
    """

    transport: str
    run_all: Callable[[], list[Any]]
    kinds: list[str]


def carriers() -> dict[str, Carrier]:
    """The carriers of every file in this folder, by name."""
    found: dict[str, Carrier] = {}
    for module in pkgutil.iter_modules(__path__):
        found.update(importlib.import_module(f"{__name__}.{module.name}").CARRIERS)
    return found


def script(server: Provider) -> None:
    """Have *server* answer five calls: whole, streamed, a stream that is broken off, refused, dropped."""
    # The provider makes ids up: fixed here, so that two runs can be compared.
    fixed = json.dumps({"choices": [{"message": {"content": "hi"}}]}).encode()
    events = {"content-type": "text/event-stream"}
    server.script(
        wire.Answer(headers={"content-type": "application/json"}, body=fixed),
        wire.Answer(headers=events, chunks=[b'data: {"choices":[]}\n\n', b"data: [DONE]\n\n"]),
        wire.Answer(headers=events, chunks=[b"data: {}\n\n", wire.HANGUP]),
        wire.Answer(status=429, body=b'{"error":{"code":"x"}}'),
        wire.Answer(drop=True),
    )


def collect(seen: list[Any], action: Callable[[], Any]) -> None:
    """Add what *action* gives, or the type of what it raises."""
    try:
        seen.append(action())
    except Exception as error:
        seen.append(type(error))
