"""requests, its bodies loaded at once and iterated."""

from typing import Any

import requests

from otel_dispatch.demo.provider import Provider
from tests.transports.carriers import BODY, KINDS, PATH, Carrier, collect, script


def _run_all() -> list[Any]:
    seen: list[Any] = []
    with Provider() as server, requests.Session() as session:
        url = f"{server.url}{PATH}"
        script(server)
        seen.append(session.post(url, json=BODY).content)
        for _ in range(2):
            with session.post(url, json=BODY, stream=True) as response:
                collect(seen, lambda r=response: list(r.iter_content(None)))
        seen.append(session.post(url, json=BODY).status_code)
        collect(seen, lambda: session.post(url, json=BODY))
    return seen


CARRIERS = {"requests": Carrier("otel_dispatch.transports.requests", _run_all, KINDS)}
