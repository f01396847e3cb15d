"""Bodies and streams of every dialect that are well formed and say as much as they can, one file a wire format."""

import importlib
import json
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from otel_dispatch.demo.provider import Answer
from otel_dispatch.framing import EVENTS, framing_of

TEXT = "Once upon a time, in a prompt."


@dataclass(frozen=True)
class Samples:
    """What one dialect reads.

    The requests name the model ``m`` and stream (by their body or their path); the whole answers name ``m``, too,
    where the format does, and say that 12 tokens came out, where it does. ``needed`` are the fields of a request
    without which it is no model call or says nothing of the model, ``heads`` those of an answer without which the
    tokens or the error are lost.
    """

    requests: Sequence[Any]
    answers: Sequence[Any]
    streams: Sequence[bytes] = ()
    path: str = ""
    content_type: str = EVENTS
    needed: frozenset[str] = frozenset({"model", "messages"})
    heads: frozenset[str] = frozenset({"usage", "error", "type"})
    served_model: str | None = "m"
    output_tokens: int | None = 12
    streamed: bool = True

    def events(self, stream: bytes) -> list[bytes]:
        """The data of the events in *stream*."""
        framing = framing_of(self.content_type)
        assert framing is not None
        return [*framing.events(stream), *framing.end()]


def whole(*answers: Answer) -> list[Any]:
    """The JSON bodies of answers of the demo's provider."""
    return [json.loads(answer.body) for answer in answers]


def streamed(*answers: Answer) -> list[bytes]:
    """The streams of answers of the demo's provider."""
    return [b"".join(answer.chunks or ()) for answer in answers]  # type: ignore[arg-type]


def samples() -> dict[str, Samples]:
    """The samples of every file in this folder, by the name of their dialect."""
    found: dict[str, Samples] = {}
    for module in pkgutil.iter_modules(__path__):
        found.update(importlib.import_module(f"{__name__}.{module.name}").SAMPLES)
    return found


Path = tuple[str | int, ...]


def paths_in(value: Any, at: Path = ()) -> Iterator[Path]:
    """Where the parts of a JSON value are, itself not."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*at, name)
        yield from paths_in(part, (*at, name))


def part_at(value: Any, path: Path) -> Any:
    """The part of a JSON value at *path*."""
    for name in path:
        value = value[name]
    return value


def changed(value: Any, path: Path, text: str) -> bytes:
    """A JSON value with the JSON *text* at *path*."""
    mark = "\u2020 here \u2020"
    copy = json.loads(json.dumps(value))
    part_at(copy, path[:-1])[path[-1]] = mark
    return json.dumps(copy).replace(json.dumps(mark), text).encode("utf-8", "surrogatepass")
