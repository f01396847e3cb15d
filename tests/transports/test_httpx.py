"""httpx under transports of the host's own: what they carry is a call, whatever they do with it."""

import copy
import pickle
from typing import Any

import httpx
import httpx2
import openai
import pytest
import requests

from otel_dispatch.demo.provider import Provider, chat_stream
from tests.conftest import Told

PATH = "/v1/chat/completions"
HI: Any = [{"role": "user", "content": "hi"}]


def through_requests(library: Any) -> Any:
    """A transport of *library* that sends with another HTTP library."""

    class Transport(library.BaseTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            answer = requests.post(str(request.url), data=request.read(), headers=dict(request.headers))
            kept = {name: answer.headers[name] for name in ("content-type",)}
            return library.Response(answer.status_code, headers=kept, content=answer.content)

    return Transport()


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("is_mounted", [False, True])
def test_a_call_over_a_transport_of_the_hosts_own_is_one_span(
    told: Told, provider: Provider, library: Any, is_mounted: bool
) -> None:
    transport = through_requests(library)
    options = {"mounts": {"http://127.0.0.1": transport}} if is_mounted else {"transport": transport}
    with library.Client(**options) as client:
        assert client.post(f"{provider.url}{PATH}", json={"model": "m", "messages": HI}).json()["choices"]
    span = told.only()
    assert span.name == "chat m"
    assert (span.attributes or {})["dispatch.outcome.kind"] == "served"
    assert (span.attributes or {})["server.port"] == provider.port


@pytest.mark.parametrize("stream", [False, True])
def test_an_sdks_call_over_a_client_of_the_hosts_own_is_one_span(told: Told, provider: Provider, stream: bool) -> None:
    own = httpx2.Client(transport=through_requests(httpx2))
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", http_client=own) as client:
        answer: Any = client.chat.completions.create(model="m", messages=HI, stream=stream)
        assert list(answer) if stream else answer.choices
    span = told.only()
    assert span.name == "chat m"
    assert (span.attributes or {})["gen_ai.request.stream"] is stream
    assert (span.attributes or {})["dispatch.outcome.kind"] == "served"


@pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: library.__name__)
def test_a_stream_is_copied_as_it_would_be_without_us(told: Told, provider: Provider, library: Any) -> None:
    streamed = {"model": "m", "messages": HI, "stream": True}
    provider.script(chat_stream(["a", "bc"], model="m"), chat_stream(["a", "bc"], model="m"))
    with library.Client(trust_env=False) as client:
        with client.stream("POST", f"{provider.url}{PATH}", json=streamed) as response:
            copy.copy(response.stream)
            for deep in (copy.deepcopy, pickle.dumps):
                with pytest.raises(TypeError, match="socket"):
                    deep(response.stream)
            response.read()
        with client.stream("POST", f"{provider.url}{PATH}", json=streamed) as response:
            assert b"[DONE]" in b"".join(copy.copy(response.stream))
    heard = [span.attributes or {} for span in told.spans()]
    assert [one["dispatch.outcome.kind"] for one in heard] == ["served", "served"]
    assert [one["dispatch.outcome.content_len"] for one in heard] == [3, 3]
