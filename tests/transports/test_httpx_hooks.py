"""httpx with hooks of the host's own: what they make of a request is told, and what they raise of an answer."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest
from opentelemetry import trace

import otel_dispatch as od
from otel_dispatch.demo.provider import Provider, error
from tests.conftest import Told

PATH = "/v1/chat/completions"
HI: Any = [{"role": "user", "content": "hi"}]

LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: library.__name__)
ELSEWHERE = "https://api.openai.com/v1/chat/completions"
Hook = Callable[[Any], None]


def sync_post(library: Any, hook: Hook, body: Any) -> Any:
    with library.Client(event_hooks={"request": [hook]}, trust_env=False) as client:
        return client.post(ELSEWHERE, json=body)


def async_post(library: Any, hook: Hook, body: Any) -> Any:
    async def called(request: Any) -> None:
        hook(request)

    async def post() -> Any:
        async with library.AsyncClient(event_hooks={"request": [called]}, trust_env=False) as client:
            return await client.post(ELSEWHERE, json=body)

    return asyncio.run(post())


POSTS = pytest.mark.parametrize("post", [sync_post, async_post])


def to(library: Any, url: str, **change: Any) -> Hook:
    """A hook that sends a request to *url* instead, and *change* in its body."""

    def hook(request: Any) -> None:
        built = library.Request("POST", url, json={**json.loads(request.read()), **change})
        request.url, request.headers, request.stream, request._content = (
            built.url,
            built.headers,
            built.stream,
            built.content,
        )

    return hook


def facts(told: Told, name: str) -> dict[str, Any]:
    return dict(told.spans(name)[0].attributes or {})


@LIBRARIES
@POSTS
def test_what_a_hook_of_the_client_makes_of_a_request_is_what_is_told(
    told: Told, provider: Provider, library: Any, post: Any
) -> None:
    hook = to(library, f"{provider.url}/v1/messages", model="other", max_tokens=None, thinking={"type": "adaptive"})

    @od.entry_point("run_skill", name="implement")
    def run() -> None:
        post(library, hook, {"model": "m", "messages": HI, "max_tokens": 5, "reasoning_effort": "low"})

    run()
    attributes, entry = facts(told, "chat other"), facts(told, "invoke_agent implement")
    assert provider.seen[0].path == "/v1/messages"
    assert (attributes["server.address"], attributes["server.port"]) == ("127.0.0.1", provider.port)
    assert attributes["dispatch.provider"] == attributes["gen_ai.provider.name"] == "local"
    assert attributes["dispatch.base_url_host"] == "127.0.0.1"
    assert (attributes["dispatch.model"], attributes["gen_ai.request.model"]) == ("other", "other")
    assert attributes["dispatch.wire_format"] == "anthropic_native"
    assert attributes["dispatch.thinking.mode"] == "adaptive"
    assert not {"gen_ai.request.max_tokens", "gen_ai.request.reasoning.level", "openai.api.type"} & attributes.keys()
    assert (entry["dispatch.rollup.models"], entry["dispatch.rollup.providers"]) == ("other", "local")
    assert entry["dispatch.rollup.calls"] == 1


@LIBRARIES
def test_what_an_auth_makes_of_a_request_is_what_is_told(told: Told, provider: Provider, library: Any) -> None:
    def sign(request: Any) -> Any:
        to(library, f"{provider.url}{PATH}", model="other")(request)
        return request

    with library.Client(auth=sign, trust_env=False) as client:
        assert client.post(ELSEWHERE, json={"model": "m", "messages": HI}).is_success
    attributes = facts(told, "chat other")
    assert (attributes["dispatch.provider"], attributes["server.port"]) == ("local", provider.port)
    assert (attributes["dispatch.outcome.kind"], "dispatch.mismatch" in attributes) == ("served", False)


@LIBRARIES
@POSTS
def test_a_call_that_a_hook_sends_where_nobody_answers_failed_there(
    told: Told, provider: Provider, library: Any, post: Any
) -> None:
    with pytest.raises(library.ConnectError):
        post(library, to(library, "http://127.0.0.1:9/v1/chat/completions"), {"model": "m", "messages": HI})
    attributes = facts(told, "chat m")
    assert (attributes["server.port"], attributes["dispatch.outcome.class"]) == (9, "connection")


@LIBRARIES
@POSTS
def test_a_call_that_a_hook_puts_into_a_format_of_its_own_is_still_a_call_of_that_model(
    told: Told, provider: Provider, library: Any, post: Any
) -> None:
    assert post(library, to(library, f"{provider.url}/run"), {"model": "m", "messages": HI}).status_code == 404
    attributes = facts(told, "chat m")
    assert (attributes["dispatch.provider"], attributes["dispatch.wire_format"]) == ("local", "unknown")
    assert (attributes["dispatch.thinking.mode"], attributes["dispatch.tool_format"]) == ("unknown", "unknown")
    assert attributes["dispatch.outcome.class"] == "not_found"


@LIBRARIES
def test_on_somebodys_span_a_hooks_request_takes_the_place_of_the_one_before(
    told: Told, provider: Provider, library: Any
) -> None:
    tracer = told.tracer_provider.get_tracer("theirs")
    with tracer.start_as_current_span("theirs", attributes={"gen_ai.operation.name": "chat"}):
        assert trace.get_current_span().is_recording()
        sync_post(library, to(library, f"{provider.url}/v1/messages"), {"model": "m", "messages": HI, "max_tokens": 5})
    attributes = dict(told.only().attributes or {})
    assert (attributes["dispatch.provider"], attributes["dispatch.wire_format"]) == ("local", "anthropic_native")
    assert "openai.api.type" not in attributes


@LIBRARIES
def test_a_hook_that_only_looks_changes_nothing(told: Told, provider: Provider, library: Any) -> None:
    url, body, seen = f"{provider.url}{PATH}", {"model": "m", "messages": HI}, []

    def look(request: Any) -> None:
        request.stream = type(request.stream)(request.read())
        seen.append(request.url)

    for hooks in ([], [look]):
        with library.Client(event_hooks={"request": hooks}) as client:
            assert client.post(url, json=body).is_success
    plain, looked = ({**(span.attributes or {}), "gen_ai.response.id": ""} for span in told.spans())
    assert (len(seen), looked) == (1, plain)


def refusal_of(provider: Provider, library: Any, hook: Callable[[Any], object]) -> Any:
    """What the host gets of a refused call, on a client with a *hook* of its own for responses."""
    provider.script(error("openai", 429, "insufficient_quota", "insufficient_quota"))
    with library.Client(event_hooks={"response": [hook]}) as client, pytest.raises(Exception) as raised:
        client.post(f"{provider.url}{PATH}", json={"model": "m", "messages": HI})
    return raised.value


def loads_and_raises(response: Any) -> None:
    response.read()
    response.raise_for_status()


def raises_its_own(response: Any) -> None:
    try:
        response.raise_for_status()
    except (httpx.HTTPStatusError, httpx2.HTTPStatusError) as refused:
        raise LookupError from refused


def asks_elsewhere(response: Any) -> None:
    request = httpx2.Request("POST", "http://127.0.0.1:9/login")
    httpx2.Response(403, request=request).raise_for_status()


HOOKS = {
    "raises": (lambda response: response.raise_for_status(), "rate_limit", 429, "429"),
    "loads and raises": (loads_and_raises, "quota", 429, "insufficient_quota"),
    "raises its own": (raises_its_own, "rate_limit", 429, "429"),
}


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("way", HOOKS)
def test_a_status_that_a_hook_raises_is_told_as_the_answer_it_was(
    told: Told, provider: Provider, library: Any, way: str
) -> None:
    hook, cls, status, error_type = HOOKS[way]
    assert refusal_of(provider, library, hook) is not None
    facts = told.only().attributes or {}
    assert facts["dispatch.outcome.class"] == cls
    assert facts["http.response.status_code"] == status
    assert facts["error.type"] == error_type


def test_a_status_that_a_hook_got_elsewhere_is_not_told_as_the_providers(told: Told, provider: Provider) -> None:
    assert isinstance(refusal_of(provider, httpx2, asks_elsewhere), httpx2.HTTPStatusError)
    assert "http.response.status_code" not in (told.only().attributes or {})


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_an_answer_that_a_hook_has_taken_piece_by_piece_is_told_without_its_content(
    told: Told, provider: Provider, library: Any
) -> None:
    hooks = {"response": [lambda response: list(response.iter_raw())]}
    with library.Client(event_hooks=hooks) as client:
        request = client.build_request("POST", f"{provider.url}{PATH}", json={"model": "m", "messages": HI})
        response = client.send(request, stream=True)
        with pytest.raises(library.StreamConsumed):
            response.read()
    facts = told.only().attributes or {}
    assert facts["dispatch.outcome.kind"] == "served"
    assert facts["http.response.status_code"] == 200
    assert "dispatch.outcome.content_len" not in facts
