"""A webhook that keeps what Alertmanager posts to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from otel_dispatch.demo.answer import Answer
from otel_dispatch.demo.server import Seen, Served


@dataclass(frozen=True)
class Alert:
    """One alert of a notification."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]


class Receiver(Served):
    """Takes notifications while its context is open."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._seen: list[Seen] = []

    @property
    def url(self) -> str:
        """Where Alertmanager posts to."""
        return f"http://127.0.0.1:{self._server.server_port}/alerts"

    @property
    def seen(self) -> list[Seen]:
        """The requests so far."""
        with self._arrived:
            return list(self._seen)

    @property
    def alerts(self) -> list[Alert]:
        """The alerts of all notifications so far."""
        return [
            Alert(alert["status"], alert["labels"], alert["annotations"])
            for request in self.seen
            for alert in request.json["alerts"]
        ]

    def first(self, seconds: float = 20) -> Seen:
        """Return the first request, as soon as there is one."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: bool(self._seen), seconds), "nothing came"
            return self._seen[0]

    def wait(self, is_it: Callable[[Alert], bool], seconds: float = 40) -> Alert:
        """Return the first alert that is the one, or fail saying what came."""
        deadline = time.monotonic() + seconds
        with self._arrived:
            while True:
                if found := next(filter(is_it, self.alerts), None):
                    return found
                if not self._arrived.wait(deadline - time.monotonic()):
                    raise AssertionError(f"it did not come in {seconds} s; these did: {self._told()}")

    def _told(self) -> list[Any]:
        return [alert.labels for alert in self.alerts]

    def _answer(self, seen: Seen) -> Answer:
        with self._arrived:
            self._seen.append(seen)
            self._arrived.notify_all()
        return Answer()
