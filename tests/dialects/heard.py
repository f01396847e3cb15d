"""An answer as it is heard on its way to the host, and what it said."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from otel_dispatch.demo.provider import Answer
from otel_dispatch.dialects import Dialect
from otel_dispatch.hearing import Hearing
from otel_dispatch.outcome import outcome_of_reply, outcome_of_status
from otel_dispatch.record import Outcome, Reply

STREAM, WHOLE = "text/event-stream", "application/json"


class Landing:
    """Where an answer arrives: the part of a flight that a hearing needs."""

    def __init__(self) -> None:
        self.reply, self.status = Reply(), 200
        self.outcome: Outcome | None = None
        self.catch_up: Callable[[], None] = lambda: None

    def first_byte(self) -> None:
        """Hear that it begins."""

    def read(self, reader: Callable[[bytes, Reply], None], data: bytes) -> None:
        """Have *reader* hear *data*."""
        reader(data, self.reply)

    def arrive(self) -> None:
        """Keep the first outcome, as a flight does."""
        self.catch_up()
        failed = self.status >= 300
        found = outcome_of_status(self.status, self.reply.code) if failed else outcome_of_reply(self.reply)
        self.outcome = self.outcome or found


def hear(dialect: Dialect, pieces: Iterable[bytes], content_type: str = STREAM, status: int = 200) -> Landing:
    """Hear *pieces* to their end."""
    landing: Any = Landing()
    landing.status = status
    hearing = Hearing(landing, dialect, content_type)
    for piece in pieces:
        hearing.piece(piece)
    hearing.end()
    assert isinstance(landing, Landing)
    return landing


def heard(dialect: Dialect, answer: Answer) -> Landing:
    """Hear an answer of the demo's provider."""
    pieces = [answer.body] if answer.chunks is None else [bytes(each) for each in answer.chunks]  # type: ignore[arg-type]
    return hear(dialect, pieces, answer.headers["content-type"], answer.status)


def heard_body(dialect: Dialect, body: Any, status: int = 200) -> Landing:
    """Hear a whole body, given as bytes or as what JSON has for it."""
    return hear(dialect, [body if isinstance(body, bytes) else json.dumps(body).encode()], WHOLE, status)


def heard_events(dialect: Dialect, *events: Any) -> Landing:
    """Hear a stream of events, each given as text or as what JSON has for it."""
    data = (event if isinstance(event, str) else json.dumps(event) for event in events)
    return hear(dialect, [f"data: {each}\n\n".encode() for each in data])


def said(landing: Landing) -> dict[str, Any]:
    """Everything that an answer said, without what it did not say, and without its id, which is random."""
    silent, found = asdict(Reply()), asdict(landing.reply)
    found.pop("id")
    usage = {name: count for name, count in found.pop("usage").items() if count is not None}
    return {**{name: value for name, value in found.items() if value != silent[name]}, **usage}


def end_of(landing: Landing) -> tuple[str, str | None]:
    """The kind and class of the outcome."""
    assert landing.outcome is not None
    return str(landing.outcome.kind), landing.outcome.cls and str(landing.outcome.cls)
