"""Asks a backend over HTTP, until it answers."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

PATIENCE = 60.0

# urllib would otherwise send loopback requests to the proxy of the environment.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Answer = TypeVar("Answer")


def polled(ask: Callable[[], Answer], patience: float = PATIENCE) -> Answer:
    """Return the first answer that is not empty, or the last one when patience ends."""
    deadline = time.monotonic() + patience
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def get(url: str, query: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Return the JSON at a URL; nothing found is an empty object."""
    try:
        answer: dict[str, Any] = json.loads(page(url, query))
        return answer
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404:
                return {}
            raise


def page(url: str, query: Mapping[str, object] | None = None) -> str:
    """Return the text at a URL."""
    whole = f"{url}?{urllib.parse.urlencode(query)}" if query else url
    with OPENER.open(urllib.request.Request(whole, headers={"Accept": "application/json"}), timeout=10) as response:
        text: str = response.read().decode("utf-8")
        return text


def instant(seconds_from_now: float) -> str:
    """Return a moment as RFC 3339 writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds_from_now))
