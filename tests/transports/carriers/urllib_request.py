"""The standard library's urllib.request, its bodies read at once and line by line."""

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from otel_dispatch.demo.provider import Provider
from tests.transports.carriers import BODY, KINDS, PATH, Carrier, collect, script


def _run_all() -> list[Any]:
    seen: list[Any] = []
    with Provider() as server:

        def post() -> Any:
            return urlopen(f"{server.url}{PATH}", json.dumps(BODY).encode())

        script(server)
        with post() as response:
            seen.append(response.read())
        for _ in range(2):
            with post() as response:
                collect(seen, lambda r=response: list(r))
        try:
            post()
        except HTTPError as error:
            with error:
                seen.append((error.code, error.read()))
        collect(seen, post)
    return seen


CARRIERS = {"urllib_request": Carrier("otel_dispatch.transports.urllib_request", _run_all, KINDS)}
