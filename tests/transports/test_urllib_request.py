"""urllib.request: whole, streamed, refused and broken off; a refusal is raised, and is an answer all the same."""

import contextlib
import gc
import http.client
import io
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from otel_dispatch.outcome import outcome_of_exception
from tests.conftest import Told, eventually

PATH = "/v1/chat/completions"
BODY = json.dumps({"model": "m", "stream": True}).encode()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def post(provider: Provider, path: str = PATH, **options: Any) -> Any:
    return urllib.request.urlopen(urllib.request.Request(f"{provider.url}{path}", BODY), **options)


def facts(told: Told) -> list[tuple[Any, ...]]:
    names = ("dispatch.outcome.kind", "dispatch.outcome.class", "error.type")
    return [tuple((span.attributes or {}).get(name) for name in names) for span in told.spans()]


def test_a_request_is_one_span_with_the_whole_record(told: Told, provider: Provider) -> None:
    provider.script(wire.responses("Fine.", model="gpt-6-sol", usage=(5, 6), reasoning_effort="medium"))
    body = json.dumps({"model": "gpt-6-sol", "input": "hi"}).encode()
    with urllib.request.urlopen(f"{provider.url}/v1/responses?k=secret", data=body) as response:
        assert json.load(response)["status"] == "completed"
    span = told.only()
    attributes = dict(span.attributes or {})
    assert attributes.pop("gen_ai.response.id")
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "gpt-6-sol",
        "gen_ai.request.stream": False,
        "gen_ai.response.model": "gpt-6-sol",
        "gen_ai.response.finish_reasons": ("completed",),
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 6,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.cache_write.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 0,
        "peer.service": "local",
        "service.peer.name": "local",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "http.response.status_code": 200,
        "openai.api.type": "responses",
        "dispatch.kind": "llm_call",
        "dispatch.provider": "local",
        "dispatch.model": "gpt-6-sol",
        "dispatch.wire_format": "openai_responses",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "effort",
        "dispatch.thinking.enabled": True,
        "dispatch.thinking.level": "medium",
        "dispatch.provenance.provider": "unknown",
        "dispatch.provenance.model": "unknown",
        "dispatch.provenance.wire_format": "unknown",
        "dispatch.provenance.thinking": "catalog_default",
        "dispatch.provenance.tool_format": "unknown",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 6,
        "dispatch.outcome.content_len": 5,
    }
    assert (span.name, span.kind, span.status.status_code) == ("chat gpt-6-sol", SpanKind.CLIENT, StatusCode.UNSET)


def pull(response: Any, method: str, *sizes: int) -> bytes:
    return b"".join(iter(lambda: getattr(response, method)(*sizes), b""))


def fill(response: Any) -> bytes:
    room, found = bytearray(7), b""
    while length := response.readinto(room):
        found += room[:length]
    return found


READERS: dict[str, Callable[[Any], bytes]] = {
    "read": lambda r: r.read(),
    "read some": lambda r: pull(r, "read", 7),
    "read1": lambda r: pull(r, "read1"),
    "read1 some": lambda r: pull(r, "read1", 7),
    "readinto": fill,
    "readline": lambda r: pull(r, "readline"),
    "readlines": lambda r: b"".join(r.readlines()),
    "iterate": b"".join,
    "peeked at": lambda r: r.peek(5)[:0] + r.read(),
    "text": lambda r: io.TextIOWrapper(r, "utf-8", newline="").read().encode(),
}


@pytest.mark.parametrize("is_gzip", [False, True])
@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("reader", READERS)
def test_every_way_to_read_is_overheard(
    make_told: Callable[[], Told], provider: Provider, reader: str, is_stream: bool, is_gzip: bool
) -> None:
    if reader == "text" and is_gzip:
        reader = "read"
    answer = wire.chat_stream(["a", "bc"], model="m") if is_stream else wire.chat("abc", model="m")
    provider.script(*[replace(answer, gzip=is_gzip)] * 2)
    with post(provider) as response:
        plain = READERS[reader](response)
    told = make_told()
    response = post(provider)
    found = READERS[reader](response)
    attributes = told.only().attributes or {}
    assert len(found) == len(plain)
    assert type(response) is http.client.HTTPResponse
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.content_len"] == 3


def test_a_body_that_is_read_to_its_last_byte_need_not_be_read_further(told: Told, provider: Provider) -> None:
    answer = wire.chat("Hello.", model="m")
    provider.script(answer)
    response = post(provider)
    response.read(10)
    assert told.spans() == []
    response.read(len(answer.body) - 10)
    assert facts(told) == [("served", None, None)]


@pytest.mark.parametrize("is_read", [True, False])
def test_a_refusal_is_raised_and_is_an_answer(told: Told, provider: Provider, is_read: bool) -> None:
    provider.script(wire.error("openai", 429, "insufficient_quota", "insufficient_quota"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(provider)
    assert told.spans() == []
    with caught.value as error:
        assert not is_read or b"insufficient_quota" in error.read()
    known = ("quota", "insufficient_quota") if is_read else ("rate_limit", "429")
    assert facts(told) == [("usage_limit", *known)]


def test_a_refusal_that_is_forgotten_ends_with_it(told: Told, provider: Provider) -> None:
    provider.script(wire.error("openai", 503, "server_error"))
    with contextlib.suppress(urllib.error.HTTPError):
        post(provider)
    gc.collect()
    eventually(lambda: len(told.spans()) == 1)
    assert facts(told) == [("provider_error", "overloaded", "503")]


def test_the_very_exception_arrives(told: Told, provider: Provider) -> None:
    error = urllib.error.URLError("the host's own")

    class Handler(urllib.request.BaseHandler):
        handler_order = 1

        def http_open(self, request: Any) -> Any:
            raise error

    with pytest.raises(urllib.error.URLError) as caught:
        urllib.request.build_opener(Handler).open(f"{provider.url}{PATH}", BODY)
    assert caught.value is error
    assert facts(told) == [("provider_error", "unknown", "urllib.error.URLError")]


def test_a_response_that_a_handler_wraps_is_heard_within(told: Told, provider: Provider) -> None:
    class Wrapping(urllib.request.BaseHandler):
        handler_order = 1000

        def http_response(self, request: Any, response: Any) -> Any:
            return urllib.request.addinfourl(response, response.headers, response.url, response.status)

    with urllib.request.build_opener(Wrapping).open(f"{provider.url}{PATH}", BODY) as response:
        assert response.read()
    assert facts(told) == [("served", None, None)]


def test_of_a_response_that_a_handler_made_up_nothing_is_told(told: Told, provider: Provider) -> None:
    class Replacing(urllib.request.BaseHandler):
        handler_order = 1

        def http_open(self, request: Any) -> Any:
            answer: Any = urllib.request.addinfourl(io.BytesIO(b"{}"), http.client.HTTPMessage(), "u", 200)
            answer.msg = "OK"
            return answer

    with urllib.request.build_opener(Replacing).open(f"{provider.url}{PATH}", BODY) as response:
        assert response.read() == b"{}"
    assert facts(told) == [("served", None, None)]
    assert "dispatch.outcome.content_len" not in (told.only().attributes or {})


def test_a_redirect_that_is_followed_is_the_same_call(told: Told, provider: Provider) -> None:
    provider.script(wire.Answer(status=303, headers={"location": PATH}), wire.chat("ok", model="m"))
    with post(provider) as response:
        response.read()
    assert facts(told) == [("served", None, None)]


def test_a_timeout_and_a_lost_connection_are_told_by_their_reason(told: Told, provider: Provider) -> None:
    provider.script(wire.Answer(delay=2.0), wire.Answer(drop=True))
    with pytest.raises(TimeoutError):
        post(provider, timeout=0.05)
    with pytest.raises(http.client.RemoteDisconnected):
        post(provider)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:9{PATH}", BODY)
    assert [fact[:2] for fact in facts(told)] == [
        ("provider_error", "timeout"),
        ("provider_error", "connection"),
        ("provider_error", "connection"),
    ]


def test_an_answer_that_breaks_off_is_a_connection_error(told: Told, provider: Provider) -> None:
    provider.script(wire.Answer(headers={"content-type": "text/event-stream"}, chunks=[b"data: {}\n\n", wire.HANGUP]))
    with post(provider) as response, pytest.raises(http.client.IncompleteRead):
        response.read()
    assert facts(told) == [("provider_error", "connection", "http.client.IncompleteRead")]


@pytest.mark.parametrize("way", ["dropped", "closed", "half read"])
def test_an_answer_that_is_given_up_is_abandoned_at_once(told: Told, provider: Provider, way: str) -> None:
    provider.script(wire.chat_stream(["a", "b"], model="m"))
    gc.disable()
    try:
        response = post(provider)
        if way == "half read":
            response.readline()
        if way == "closed":
            response.close()
        else:
            del response
        assert facts(told) == [("cancelled", "abandoned", None)]
    finally:
        gc.enable()


def test_an_answer_may_be_read_on_another_thread(told: Told, provider: Provider) -> None:
    with post(provider) as response:
        reader = threading.Thread(target=response.read)
        reader.start()
        reader.join()
    assert facts(told) == [("served", None, None)]


def test_what_is_no_model_call_is_left_alone(told: Told, provider: Provider) -> None:
    with urllib.request.urlopen(f"{provider.url}/healthz") as response:
        assert response.read() == b"ok\n"
    put = urllib.request.Request(f"{provider.url}{PATH}", BODY, method="PUT")
    stream = urllib.request.Request(f"{provider.url}/v1/items", iter([b"{}"]))
    for request in (put, stream, f"{provider.url}{PATH}"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        caught.value.close()
    assert told.spans() == []


@pytest.mark.parametrize(
    ("error", "cls"),
    [
        (urllib.error.URLError(ConnectionRefusedError()), "connection"),
        (urllib.error.URLError(TimeoutError()), "timeout"),
        (urllib.error.URLError("timed out: 429"), "unknown"),
        (urllib.error.HTTPError("http://h/", 429, "quota", http.client.HTTPMessage(), None), "rate_limit"),
        (http.client.IncompleteRead(b"429"), "connection"),
        (http.client.RemoteDisconnected("timed out"), "connection"),
        (http.client.InvalidURL("timed out"), "unknown"),
    ],
)
def test_the_type_and_the_reason_make_the_class(error: BaseException, cls: str) -> None:
    assert outcome_of_exception(error).cls == cls
