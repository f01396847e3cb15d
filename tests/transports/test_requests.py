"""requests: its redirects, log-ins and retries, its streams, and what it raises."""

import gc
import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
import urllib3
from opentelemetry.trace import SpanKind, StatusCode
from requests.adapters import HTTPAdapter
from requests.auth import HTTPDigestAuth

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from otel_dispatch.outcome import outcome_of_exception
from tests.conftest import Told

PATH = "/v1/chat/completions"
BODY = {"model": "m", "stream": True}
BUSY = wire.error("openai", 503, "server_error")
MOVED = wire.Answer(status=307, headers={"location": PATH})


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as made:
        yield made


def facts(told: Told) -> list[tuple[Any, ...]]:
    names = ("dispatch.outcome.kind", "dispatch.outcome.class", "http.request.resend_count")
    return [tuple((span.attributes or {}).get(name) for name in names) for span in told.spans()]


def test_a_post_is_one_span_with_the_whole_record(told: Told, provider: Provider) -> None:
    provider.script(wire.messages("Hello.", model="claude-opus-5-5", usage=(9, 12)))
    body = {"model": "claude-opus-5-5", "max_tokens": 99, "thinking": {"type": "enabled", "budget_tokens": 2000}}
    assert requests.post(
        f"{provider.url}/v1/messages", json={**body, "messages": [{"role": "user", "content": "hi"}]}
    ).ok
    span = told.only()
    attributes = dict(span.attributes or {})
    assert attributes.pop("gen_ai.response.id")
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "claude-opus-5-5",
        "gen_ai.request.max_tokens": 99,
        "gen_ai.request.stream": False,
        "gen_ai.response.model": "claude-opus-5-5",
        "gen_ai.response.finish_reasons": ("end_turn",),
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 12,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.cache_write.input_tokens": 0,
        "peer.service": "local",
        "service.peer.name": "local",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "http.response.status_code": 200,
        "dispatch.kind": "llm_call",
        "dispatch.provider": "local",
        "dispatch.model": "claude-opus-5-5",
        "dispatch.wire_format": "anthropic_native",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "enabled",
        "dispatch.thinking.enabled": True,
        "dispatch.thinking.budget_tokens": 2000,
        "dispatch.provenance.provider": "unknown",
        "dispatch.provenance.model": "unknown",
        "dispatch.provenance.wire_format": "unknown",
        "dispatch.provenance.thinking": "unknown",
        "dispatch.provenance.tool_format": "unknown",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 12,
        "dispatch.outcome.content_len": 6,
    }
    assert (span.name, span.kind, span.status.status_code) == (
        "chat claude-opus-5-5",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )


READERS: dict[str, Callable[[requests.Response], Any]] = {
    "content": lambda r: r.content,
    "text": lambda r: r.text,
    "iterate": lambda r: b"".join(r),
    "iter_content": lambda r: b"".join(r.iter_content(5)),
    "iter_content as it comes": lambda r: b"".join(r.iter_content(None)),
    "iter_lines": lambda r: list(r.iter_lines()),
    "raw": lambda r: r.raw.read(),
    "raw decoded": lambda r: r.raw.read(decode_content=True),
    "raw lines": lambda r: list(r.raw),
}


@pytest.mark.parametrize("is_gzip", [False, True])
@pytest.mark.parametrize("reader", READERS)
def test_every_way_to_read_a_stream_is_overheard(
    make_told: Callable[[], Told], provider: Provider, session: requests.Session, reader: str, is_gzip: bool
) -> None:
    answer = replace(wire.chat_stream(["a", "bc"], model="m", usage=(3, 4)), gzip=is_gzip)
    provider.script(answer, answer)
    plain = READERS[reader](session.post(f"{provider.url}{PATH}", json=BODY, stream=True))
    told = make_told()
    response = session.post(f"{provider.url}{PATH}", json=BODY, stream=True)
    assert type(response) is requests.Response
    assert READERS[reader](response) == plain
    attributes = told.only().attributes or {}
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.content_len"] == 3


def test_whoever_stops_at_the_last_event_has_been_served(
    told: Told, provider: Provider, session: requests.Session
) -> None:
    provider.script(wire.chat_stream(["a", "bc"], model="m"))
    response = session.post(f"{provider.url}{PATH}", json=BODY, stream=True)
    for line in response.iter_lines():
        if line == b"data: [DONE]":
            break
    assert facts(told) == [("served", None, None)]


def test_whoever_stops_before_has_abandoned_it(told: Told, provider: Provider, session: requests.Session) -> None:
    provider.script(wire.chat_stream(["a", "bc"], model="m"))
    with session.post(f"{provider.url}{PATH}", json=BODY, stream=True) as response:
        next(response.iter_lines(chunk_size=1))
    assert facts(told) == [("cancelled", "abandoned", None)]


def test_a_response_that_is_dropped_unread_is_abandoned_at_once(
    told: Told, provider: Provider, session: requests.Session
) -> None:
    gc.disable()
    try:
        session.post(f"{provider.url}{PATH}", json=BODY, stream=True)
        assert facts(told) == [("cancelled", "abandoned", None)]
    finally:
        gc.enable()


def test_a_refusal_whose_body_nobody_reads_is_a_refusal(
    told: Told, provider: Provider, session: requests.Session
) -> None:
    provider.script(wire.error("openai", 429, "requests"))
    with session.post(f"{provider.url}{PATH}", json=BODY, stream=True) as response:
        with pytest.raises(requests.HTTPError):
            response.raise_for_status()
    assert facts(told) == [("usage_limit", "rate_limit", None)]


def test_a_response_can_be_pickled_while_it_streams(told: Told, provider: Provider, session: requests.Session) -> None:
    answer = wire.chat_stream(["a"], model="m")
    provider.script(answer)
    response = session.post(f"{provider.url}{PATH}", json=BODY, stream=True)
    assert pickle.loads(pickle.dumps(response)).content == b"".join(map(bytes, answer.chunks or ()))
    assert facts(told) == [("served", None, None)]


@pytest.mark.parametrize("stream", [False, True])
def test_each_attempt_of_an_adapters_retries_is_a_span(
    told: Told, provider: Provider, session: requests.Session, stream: bool
) -> None:
    retry = urllib3.Retry(3, status_forcelist=[503], allowed_methods=None)
    session.mount("http://", HTTPAdapter(max_retries=retry))
    provider.script(wire.Answer(drop=True), BUSY, wire.chat("ok", model="m"))
    assert session.post(f"{provider.url}{PATH}", json=BODY, stream=stream).json()["choices"]
    assert facts(told) == [
        ("provider_error", "connection", None),
        ("provider_error", "overloaded", 1),
        ("served", None, 2),
    ]


def test_when_the_retries_are_used_up_each_attempt_says_why(
    told: Told, provider: Provider, session: requests.Session
) -> None:
    session.mount("http://", HTTPAdapter(max_retries=urllib3.Retry(1, status_forcelist=[503], allowed_methods=None)))
    provider.script(BUSY, BUSY)
    with pytest.raises(requests.exceptions.RetryError):
        session.post(f"{provider.url}{PATH}", json=BODY)
    assert facts(told) == [("provider_error", "overloaded", None), ("provider_error", "overloaded", 1)]


@pytest.mark.parametrize("status", [307, 308, 302])
def test_a_redirect_that_is_followed_is_the_same_call(
    told: Told, provider: Provider, session: requests.Session, status: int
) -> None:
    provider.script(replace(MOVED, status=status), replace(MOVED, status=status), wire.chat("ok", model="m"))
    response = session.post(f"{provider.url}{PATH}", json=BODY)
    assert [one.status_code for one in response.history] == [status] * 2
    assert facts(told) == [("served", None, None)]
    assert (told.only().attributes or {})["http.response.status_code"] == 200


def test_a_redirect_that_is_not_followed_is_the_answer(
    told: Told, provider: Provider, session: requests.Session
) -> None:
    provider.script(MOVED)
    assert session.post(f"{provider.url}{PATH}", json=BODY, allow_redirects=False).next is not None
    assert facts(told) == [("provider_error", "unknown", None)]


def test_too_many_redirects_are_one_failed_call(told: Told, provider: Provider, session: requests.Session) -> None:
    session.max_redirects = 1
    provider.script(MOVED, MOVED)
    with pytest.raises(requests.TooManyRedirects):
        session.post(f"{provider.url}{PATH}", json=BODY)
    assert facts(told) == [("provider_error", "unknown", None)]


def test_a_request_that_is_sent_again_to_log_in_is_an_attempt_of_its_own(
    told: Told, provider: Provider, session: requests.Session
) -> None:
    challenge = {"www-authenticate": 'Digest realm="r", nonce="n", qop="auth"'}
    provider.script(wire.Answer(status=401, headers=challenge), wire.chat("ok", model="m"))
    assert session.post(f"{provider.url}{PATH}", json=BODY, auth=HTTPDigestAuth("u", "secret")).ok
    assert facts(told) == [("provider_error", "auth", None), ("served", None, 1)]
    assert "secret" not in repr([dict(span.attributes or {}) for span in told.spans()])


def test_a_call_that_a_hook_makes_is_a_call_of_its_own(
    told: Told, provider: Provider, session: requests.Session
) -> None:
    def ask(response: requests.Response, **_: Any) -> None:
        requests.post(f"{provider.url}{PATH}", json={"model": "other"})

    assert session.post(f"{provider.url}{PATH}", json={"model": "m"}, hooks={"response": ask}).ok
    assert facts(told) == [("served", None, None)] * 2
    assert sorted(span.name for span in told.spans()) == ["chat m", "chat other"]


def test_a_proxy_is_not_taken_for_the_provider(told: Told, provider: Provider, session: requests.Session) -> None:
    session.proxies = {"http": provider.url}
    assert session.post(f"http://api.openai.com{PATH}", json=BODY).ok
    attributes = told.only().attributes or {}
    assert (attributes["server.address"], attributes["server.port"]) == ("api.openai.com", 80)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_breaks_off_is_a_connection_error(
    told: Told, provider: Provider, session: requests.Session, stream: bool
) -> None:
    provider.script(wire.Answer(headers={"content-type": "text/event-stream"}, chunks=[b"data: {}\n\n", wire.HANGUP]))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        list(session.post(f"{provider.url}{PATH}", json=BODY, stream=stream).iter_lines())
    assert facts(told) == [("provider_error", "connection", None)]


@pytest.mark.parametrize("make", [str, str.encode])
def test_a_body_may_be_text_or_bytes(
    told: Told, provider: Provider, session: requests.Session, make: Callable[[str], Any]
) -> None:
    session.post(f"{provider.url}{PATH}", data=make(json.dumps(BODY)))
    assert told.only().name == "chat m"


def test_a_body_that_is_sent_from_a_generator_is_not_taken_from_the_host(
    told: Told, provider: Provider, session: requests.Session
) -> None:
    session.post(f"{provider.url}{PATH}", data=iter([b'{"model":', b'"m"}']))
    assert provider.seen[0].body == b'{"model":"m"}'
    assert "chat m" not in [span.name for span in told.spans()]


def raised(by: Callable[[], Any]) -> BaseException:
    with pytest.raises(requests.RequestException) as caught:
        by()
    return caught.value


def test_what_requests_raises_is_classed_by_its_type(provider: Provider, session: requests.Session) -> None:
    def post(**options: Any) -> Any:
        return session.post(f"{provider.url}{PATH}", json=BODY, **options)

    provider.script(wire.Answer(delay=2.0), wire.Answer(drop=True), wire.Answer(body=b"<html>"), BUSY)
    found = [
        outcome_of_exception(raised(by)).cls
        for by in (
            lambda: post(timeout=0.05),
            post,
            lambda: post().json(),
            lambda: post().raise_for_status(),
            lambda: session.post("http://127.0.0.1:9/", data=b""),
        )
    ]
    assert found == ["timeout", "connection", "malformed_response", "overloaded", "connection"]


@pytest.mark.parametrize(
    ("error", "cls"),
    [
        (requests.ConnectTimeout("429"), "timeout"),
        (requests.ReadTimeout("quota"), "timeout"),
        (requests.exceptions.SSLError("timed out"), "connection"),
        (requests.exceptions.ProxyError("timed out"), "connection"),
        (requests.exceptions.ContentDecodingError("x"), "malformed_response"),
        (requests.exceptions.RetryError("too many 503 error responses"), "unknown"),
        (requests.HTTPError("429"), "unknown"),
    ],
)
def test_no_text_of_what_requests_raises_decides(error: BaseException, cls: str) -> None:
    assert outcome_of_exception(error).cls == cls
