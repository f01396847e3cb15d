"""urllib3, its bodies loaded at once and pulled in pieces."""

import json
from typing import Any

import urllib3

from otel_dispatch.demo.provider import Provider
from tests.transports.carriers import BODY, KINDS, PATH, Carrier, collect, script


def _run_all() -> list[Any]:
    seen: list[Any] = []
    with Provider() as server, urllib3.PoolManager(retries=False) as pool:

        def post(**options: Any) -> Any:
            return pool.urlopen("POST", f"{server.url}{PATH}", body=json.dumps(BODY), **options)

        script(server)
        seen.append(post().data)
        for _ in range(2):
            response = post(preload_content=False)
            collect(seen, lambda r=response: list(r.stream()))
        seen.append(post().status)
        collect(seen, post)
    return seen


CARRIERS = {"urllib3": Carrier("otel_dispatch.transports.urllib3", _run_all, KINDS)}
