"""urllib3: each attempt a span, however its body is pulled, and the host's own objects."""

import gc
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import urllib3
from opentelemetry.trace import SpanKind, StatusCode

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told, eventually

PATH = "/v1/chat/completions"
BODY = json.dumps({"model": "m", "stream": True})
BUSY = wire.error("openai", 503, "server_error")
QUOTA = wire.error("openai", 429, "insufficient_quota", "insufficient_quota")
MOVED = wire.Answer(status=307, headers={"location": PATH}, body=b"elsewhere")
LOST = wire.Answer(drop=True)


@pytest.fixture
def pool() -> Any:
    with urllib3.PoolManager() as manager:
        yield manager


def post(pool: Any, provider: Provider, path: str = PATH, **options: Any) -> Any:
    return pool.request("POST", f"{provider.url}{path}", **{"body": BODY, "retries": False, **options})


def again(times: int = 3, **options: Any) -> urllib3.Retry:
    return urllib3.Retry(times, allowed_methods=None, status_forcelist=[429, 503], **options)


def facts(told: Told) -> list[tuple[Any, ...]]:
    names = ("dispatch.outcome.kind", "dispatch.outcome.class", "error.type", "http.request.resend_count")
    return [tuple((span.attributes or {}).get(name) for name in names) for span in told.spans()]


def test_a_request_is_one_span_with_the_whole_record(told: Told, provider: Provider, pool: Any) -> None:
    provider.script(wire.chat("Hello.", model="m-2", usage=(11, 7)))
    body = {"model": "m", "reasoning_effort": "high", "max_tokens": 50}
    response = pool.request("POST", f"{provider.url}{PATH}?k=secret", body=json.dumps(body))
    assert response.status == 200
    span = told.only()
    attributes = dict(span.attributes or {})
    assert attributes.pop("gen_ai.response.id")
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "m",
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.request.stream": False,
        "gen_ai.response.model": "m-2",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 0,
        "peer.service": "local",
        "service.peer.name": "local",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
        "http.response.status_code": 200,
        "openai.api.type": "chat_completions",
        "dispatch.kind": "llm_call",
        "dispatch.provider": "local",
        "dispatch.model": "m",
        "dispatch.wire_format": "openai_compat",
        "dispatch.tool_format": "none",
        "dispatch.base_url_host": "127.0.0.1",
        "dispatch.thinking.mode": "effort",
        "dispatch.thinking.enabled": True,
        "dispatch.thinking.level": "high",
        "dispatch.mismatch": "model.served",
        "dispatch.provenance.provider": "unknown",
        "dispatch.provenance.model": "unknown",
        "dispatch.provenance.wire_format": "unknown",
        "dispatch.provenance.thinking": "unknown",
        "dispatch.provenance.tool_format": "unknown",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 7,
        "dispatch.outcome.content_len": 6,
    }
    assert (span.name, span.kind, span.status.status_code) == ("chat m", SpanKind.CLIENT, StatusCode.UNSET)
    assert span.events == ()


def pull(response: Any, method: str, *sizes: int, **options: Any) -> bytes:
    found, is_over = b"", False
    while not is_over:
        # Of the first bytes of a packed body, older versions make none.
        found += (piece := getattr(response, method)(*sizes, **options))
        is_over = not piece and response.closed
    return found


def fill(response: Any) -> bytes:
    room, found, is_over = bytearray(7), b"", False
    while not is_over:
        found += room[: (length := response.readinto(room))]
        is_over = not length and response.closed
    return found


READERS: dict[str, Callable[[Any], bytes]] = {
    "read": lambda r: r.read(),
    "read some": lambda r: pull(r, "read", 7),
    "read raw": lambda r: r.read(decode_content=False),
    "read some raw": lambda r: pull(r, "read", 7, decode_content=False),
    "readinto": fill,
    "readline": lambda r: pull(r, "readline"),
    "readlines": lambda r: b"".join(r.readlines()),
    "buffered": lambda r: io.BufferedReader(r, 16).read(),
    "data": lambda r: r.data,
    "iterate": b"".join,
    "stream": lambda r: b"".join(r.stream()),
    "stream some": lambda r: b"".join(r.stream(5)),
    "stream decoded": lambda r: b"".join(r.stream(5, decode_content=True)),
    "stream raw": lambda r: b"".join(r.stream(5, False)),
}
CHUNKED: dict[str, Callable[[Any], bytes]] = {
    "read_chunked": lambda r: b"".join(r.read_chunked()),
    "read_chunked decoded": lambda r: b"".join(r.read_chunked(5, decode_content=True)),
}
if hasattr(urllib3.HTTPResponse, "read1"):
    READERS |= {"read1": lambda r: pull(r, "read1"), "read1 some": lambda r: pull(r, "read1", 7)}


def same_as_without_us(
    make_told: Callable[[], Told], provider: Provider, pool: Any, answer: wire.Answer, read: Callable[[Any], bytes]
) -> Any:
    provider.script(answer, answer)
    plain = read(post(pool, provider, preload_content=False))
    told = make_told()
    response = post(pool, provider, preload_content=False)
    assert read(response) == plain
    assert type(response) is urllib3.HTTPResponse
    return told.only().attributes or {}


@pytest.mark.parametrize("is_gzip", [False, True])
@pytest.mark.parametrize("reader", READERS | CHUNKED)
def test_every_way_to_read_a_stream_is_overheard(
    make_told: Callable[[], Told], provider: Provider, pool: Any, reader: str, is_gzip: bool
) -> None:
    answer = replace(wire.chat_stream(["a", "bc"], model="m", usage=(3, 4)), gzip=is_gzip)
    attributes = same_as_without_us(make_told, provider, pool, answer, (READERS | CHUNKED)[reader])
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.content_len"] == 3
    assert attributes["gen_ai.response.time_to_first_chunk"] > 0


@pytest.mark.parametrize("is_gzip", [False, True])
@pytest.mark.parametrize("reader", READERS)
def test_every_way_to_read_a_whole_body_is_overheard(
    make_told: Callable[[], Told], provider: Provider, pool: Any, reader: str, is_gzip: bool
) -> None:
    answer = replace(wire.chat("Hello.", model="m", usage=(3, 4)), gzip=is_gzip)
    attributes = same_as_without_us(make_told, provider, pool, answer, READERS[reader])
    assert attributes["dispatch.outcome.kind"] == "served"
    assert attributes["dispatch.outcome.content_len"] == 6


def test_ways_to_read_may_be_mixed(told: Told, provider: Provider, pool: Any) -> None:
    provider.script(wire.chat("Hello.", model="m", usage=(3, 4)))
    response = post(pool, provider, preload_content=False)
    found = response.read(5) + next(response.stream(5)) + response.readline(4) + response.read()
    assert json.loads(found)["model"] == "m"
    assert facts(told) == [("served", None, None, None)]


def test_a_body_of_no_bytes_is_a_malformed_answer(told: Told, provider: Provider, pool: Any) -> None:
    provider.script(wire.Answer())
    assert post(pool, provider, preload_content=False).read() == b""
    assert facts(told)[0][:2] == ("provider_error", "malformed_response")


def test_a_lost_connection_is_retried_as_an_attempt_of_its_own(told: Told, provider: Provider, pool: Any) -> None:
    provider.script(LOST, LOST, wire.chat("ok", model="m"))
    with told.tracer_provider.get_tracer("app").start_as_current_span("step") as step:
        assert post(pool, provider, retries=again()).status == 200
    lost = ("provider_error", "connection", "urllib3.exceptions.ProtocolError")
    assert facts(told)[:3] == [(*lost, None), (*lost, 1), ("served", None, None, 2)]
    assert {span.parent.span_id for span in told.spans("chat m") if span.parent} == {step.get_span_context().span_id}


@pytest.mark.parametrize("preload", [True, False])
def test_a_refusal_that_is_retried_is_an_attempt_of_its_own(
    told: Told, provider: Provider, pool: Any, preload: bool
) -> None:
    provider.script(BUSY, wire.chat("ok", model="m"))
    response = post(pool, provider, retries=again(), preload_content=preload)
    assert b"ok" in response.data
    assert [fact[:2] + fact[3:] for fact in facts(told)] == [
        ("provider_error", "overloaded", None),
        ("served", None, 1),
    ]


def test_a_refusal_that_was_loaded_before_the_retry_tells_its_code(told: Told, provider: Provider, pool: Any) -> None:
    provider.script(QUOTA, wire.chat("ok", model="m"))
    post(pool, provider, retries=again())
    assert facts(told)[0] == ("usage_limit", "quota", "insufficient_quota", None)


@pytest.mark.parametrize("preload", [True, False])
def test_when_the_retries_are_used_up_the_last_attempt_says_why(
    told: Told, provider: Provider, pool: Any, preload: bool
) -> None:
    provider.script(BUSY, BUSY)
    with pytest.raises(urllib3.exceptions.MaxRetryError):
        post(pool, provider, retries=again(1), preload_content=preload)
    assert [fact[:2] for fact in facts(told)] == [("provider_error", "overloaded")] * 2


def test_a_last_refusal_that_is_returned_is_read_by_the_host(told: Told, provider: Provider, pool: Any) -> None:
    provider.script(QUOTA, QUOTA)
    response = post(pool, provider, retries=again(1, raise_on_status=False), preload_content=False)
    assert len(told.spans()) == 1
    assert b"insufficient_quota" in response.read()
    assert facts(told)[1] == ("usage_limit", "quota", "insufficient_quota", 1)


def test_a_retry_of_the_hosts_own_making_is_heard_too(told: Told, provider: Provider, pool: Any) -> None:
    class Counting(urllib3.Retry):
        def increment(self, *args: Any, **kwargs: Any) -> Any:
            return super().increment(*args, **kwargs)

    provider.script(LOST, BUSY, wire.chat("ok", model="m"))
    post(pool, provider, retries=Counting(3, allowed_methods=None, status_forcelist=[503]))
    assert [fact[1:2] + fact[3:] for fact in facts(told)] == [("connection", None), ("overloaded", 1), (None, 2)]


@pytest.mark.parametrize("is_direct", [False, True])
def test_a_redirect_that_is_followed_is_the_same_call(
    told: Told, provider: Provider, pool: Any, is_direct: bool
) -> None:
    provider.script(MOVED, MOVED, BUSY, wire.chat("ok", model="m"))
    way = pool.connection_from_url(provider.url) if is_direct else pool
    assert way.request("POST", f"{provider.url}{PATH}", body=BODY, retries=again()).status == 200
    assert facts(told) == [("provider_error", "overloaded", "server_error", None), ("served", None, None, 1)]
    assert len(provider.seen) == 4


def test_a_redirect_to_another_method_is_the_same_call(told: Told, provider: Provider, pool: Any) -> None:
    provider.script(replace(MOVED, status=303), wire.chat("ok", model="m"))
    assert post(pool, provider, retries=3).status == 200
    assert [seen.method for seen in provider.seen] == ["POST", "GET"]
    assert facts(told) == [("served", None, None, None)]


@pytest.mark.parametrize("options", [{"redirect": False}, {"retries": urllib3.Retry(0, raise_on_redirect=False)}])
def test_a_redirect_that_nobody_follows_is_the_answer(
    told: Told, provider: Provider, pool: Any, options: dict[str, Any]
) -> None:
    provider.script(MOVED)
    assert post(pool, provider, **options).status == 307
    assert facts(told) == [("provider_error", "unknown", "307", None)]


@pytest.mark.parametrize("is_direct", [False, True])
def test_too_many_redirects_are_an_error(told: Told, provider: Provider, pool: Any, is_direct: bool) -> None:
    provider.script(MOVED, MOVED)
    way = pool.connection_from_url(provider.url) if is_direct else pool
    with pytest.raises(urllib3.exceptions.MaxRetryError):
        way.request("POST", f"{provider.url}{PATH}", body=BODY, retries=1)
    assert facts(told)[0][:2] == ("provider_error", "unknown")
    assert len(told.spans()) == 1


def test_a_proxy_is_not_taken_for_the_provider(told: Told, provider: Provider) -> None:
    with urllib3.ProxyManager(f"http://user:key@127.0.0.1:{provider.port}") as proxy:
        proxy.request("POST", f"http://api.openai.com{PATH}", body=BODY, retries=False)
    attributes = told.only().attributes or {}
    assert provider.seen[0].path == f"http://api.openai.com{PATH}"
    assert (attributes["server.address"], attributes["server.port"]) == ("api.openai.com", 80)
    assert attributes["dispatch.provider"] == "openai"
    assert "key" not in repr(dict(attributes))


def test_a_timeout_is_a_timeout(told: Told, provider: Provider, pool: Any) -> None:
    provider.script(wire.Answer(delay=2.0))
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        post(pool, provider, timeout=0.05)
    assert facts(told) == [("provider_error", "timeout", "urllib3.exceptions.ReadTimeoutError", None)]


def test_a_connection_that_cannot_be_made_is_a_connection_error(told: Told, pool: Any) -> None:
    with pytest.raises(urllib3.exceptions.MaxRetryError):
        pool.request("POST", f"http://127.0.0.1:9{PATH}", body=BODY, retries=1)
    new = ("provider_error", "connection", "urllib3.exceptions.NewConnectionError")
    assert facts(told) == [(*new, None), (*new, 1)]


def test_an_answer_that_breaks_off_is_a_connection_error(told: Told, provider: Provider, pool: Any) -> None:
    chunks = wire.chat_stream(["a", "b"], model="m").chunks
    assert chunks is not None
    provider.script(wire.Answer(headers={"content-type": "text/event-stream"}, chunks=[*chunks[:2], wire.HANGUP]))
    with pytest.raises(urllib3.exceptions.ProtocolError):
        post(pool, provider, preload_content=False).read()
    assert facts(told)[0][:2] == ("provider_error", "connection")


GIVEN_UP: dict[str, Callable[[Any], Any]] = {
    "dropped": lambda r: None,
    "closed": lambda r: r.close(),
    "closed half read": lambda r: (r.read(30), r.close()),
    "iterated and dropped": lambda r: next(r.stream(30)) and None,
    "drained": lambda r: r.drain_conn(),
}


@pytest.mark.parametrize("way", GIVEN_UP)
def test_an_answer_that_is_given_up_is_abandoned_at_once(told: Told, provider: Provider, pool: Any, way: str) -> None:
    provider.script(wire.chat_stream(["a", "b", "c"], model="m"))
    gc.disable()
    try:
        GIVEN_UP[way](post(pool, provider, preload_content=False))
        assert facts(told) == [("cancelled", "abandoned", None, None)]
    finally:
        gc.enable()


def test_a_refusal_that_nobody_reads_is_still_a_refusal(told: Told, provider: Provider, pool: Any) -> None:
    provider.script(QUOTA)
    post(pool, provider, preload_content=False).close()
    assert facts(told) == [("usage_limit", "rate_limit", "429", None)]


def test_whoever_stops_iterating_may_read_on(told: Told, provider: Provider, pool: Any) -> None:
    answer = wire.chat("Hello.", model="m", usage=(3, 4))
    provider.script(answer)
    response = post(pool, provider, preload_content=False)
    first = next(response.stream(10))
    gc.collect()
    assert first + response.read() == answer.body
    assert facts(told) == [("served", None, None, None)]


def test_a_connection_is_closed_when_its_answer_is_dropped(told: Told, provider: Provider, pool: Any) -> None:
    provider.script(wire.chat_stream(["a", "b", "c"], model="m"))
    gc.disable()
    try:
        response = post(pool, provider, preload_content=False)
        connection = response.connection
        del response
        assert connection.sock is None
    finally:
        gc.enable()


def test_an_answer_that_dies_in_a_circle_is_closed_and_abandoned(told: Told, provider: Provider, pool: Any) -> None:
    class Holder:
        def __init__(self, response: Any) -> None:
            self.me, self.response = self, response
            self.reader = response.stream(30)
            next(self.reader)

    provider.script(wire.chat_stream(["a", "b", "c"], model="m"))
    response = post(pool, provider, preload_content=False)
    connection = response.connection
    Holder(response)
    del response
    gc.collect()
    eventually(lambda: len(told.spans()) == 1)
    assert connection.sock is None
    assert facts(told) == [("cancelled", "abandoned", None, None)]


def test_an_answer_may_be_read_on_another_thread(told: Told, provider: Provider, pool: Any) -> None:
    response = post(pool, provider, preload_content=False)
    reader = threading.Thread(target=response.read)
    reader.start()
    reader.join()
    assert facts(told) == [("served", None, None, None)]


def test_the_host_gets_a_response_of_its_own(told: Told, provider: Provider, pool: Any) -> None:
    import inspect

    response = post(pool, provider, preload_content=False)
    assert isinstance(response, urllib3.HTTPResponse)
    assert type(response).__qualname__ == "HTTPResponse"
    assert type(response).__module__ == urllib3.HTTPResponse.__module__
    assert inspect.signature(response.read) == inspect.signature(urllib3.HTTPResponse.read.__get__(response))
    kept = response.read
    assert kept(5)
    assert response.data
    assert type(response) is urllib3.HTTPResponse
    assert "_otel_dispatch" not in vars(response)
    assert kept(5) == b""


def test_what_is_no_model_call_is_left_alone(told: Told, provider: Provider, pool: Any) -> None:
    url = f"{provider.url}{PATH}"
    assert pool.request("GET", url).status == 404
    post(pool, provider, "/v1/items")
    response = pool.request("POST", f"{provider.url}/v1/items", body=iter([b"{}"]), preload_content=False)
    assert type(response) is urllib3.HTTPResponse
    response.close()
    assert told.spans() == []


def test_a_body_that_is_sent_from_a_generator_is_not_taken_from_the_host(
    told: Told, provider: Provider, pool: Any
) -> None:
    post(pool, provider, body=iter([BODY.encode()]), headers={"transfer-encoding": "chunked"}, chunked=True)
    assert provider.seen[0].body == BODY.encode()


def test_an_answer_that_is_open_at_exit_leaves_no_word(provider: Provider) -> None:
    code = f"""
import otel_dispatch, urllib3, urllib.request
from opentelemetry.sdk.trace import TracerProvider
otel_dispatch.instrument(tracer_provider=TracerProvider())
pool = urllib3.PoolManager()
opened = pool.request("POST", "{provider.url}{PATH}", body={BODY!r}, preload_content=False)
reader = opened.stream(10)
next(reader)
other = urllib.request.urlopen("{provider.url}{PATH}", {BODY!r}.encode())
other.read(10)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
