"""botocore's own HTTP session, which sends through urllib3."""

import json
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from otel_dispatch.demo.provider import Provider
from tests.transports.carriers import BODY, KINDS, PATH, Carrier, collect, script


def _run_all() -> list[Any]:
    seen: list[Any] = []
    session = URLLib3Session()
    with Provider() as server:

        def send(stream: bool = False) -> Any:
            request = AWSRequest("POST", f"{server.url}{PATH}", data=json.dumps(BODY), stream_output=stream)
            return session.send(request.prepare())

        script(server)
        seen.append(send().content)
        for _ in range(2):
            response = send(stream=True)
            collect(seen, lambda r=response: list(r.raw.stream()))
        seen.append(send().status_code)
        collect(seen, send)
    return seen


CARRIERS = {"botocore": Carrier("otel_dispatch.transports.urllib3", _run_all, KINDS)}
