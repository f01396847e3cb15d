"""Where dispatches are read from: a file, a Jaeger, a Tempo; and what is said where that cannot be."""

import base64
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from otel_dispatch.__main__ import main
from otel_dispatch.command import asking, jaeger, source, tempo
from otel_dispatch.command.window import in_order, windows
from otel_dispatch.demo.answer import Answer
from otel_dispatch.recordfile import UnreadableError
from tests.command.backend_doubles import Backend, Jaeger, Tempo, answer, call, inherited, run, span

NOW = 1_795_000_000.0
HOUR = 3600.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source.time, "time", lambda: NOW)


@pytest.fixture(params=["jaeger", "old jaeger", "tempo", "old tempo"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Each backend, below a path of its host."""
    kind: type[Jaeger] | type[Tempo] = Jaeger if "jaeger" in request.param else Tempo
    with kind(prefix="/traces", is_old="old" in request.param) as found:
        yield found


def spans_of(url: str, **options: Any) -> list[str]:
    return [each["otel_span_id"].lstrip("0") for each in source.records(url, **options)]


def told_of(url: str) -> str:
    """The one sentence that says why *url* cannot be read."""
    with pytest.raises(UnreadableError) as raised:
        list(source.records(url))
    said = str(raised.value)
    assert said.endswith(".")
    assert "\n" not in said
    return said


def test_the_dispatches_of_every_service_come_oldest_first(backend: Backend) -> None:
    backend.spans = {
        "web": [
            run(1, 1, None, NOW - 2 * HOUR, HOUR, "long"),
            call(1, 2, 1, NOW - 1.9 * HOUR, **inherited("model")),
            span(1, 9, 1, "GET /", NOW - 1.8 * HOUR),
        ],
        "worker": [call(1, 3, 2, NOW - 1.5 * HOUR), call(2, 4, None, NOW - 1.7 * HOUR), call(3, 5, None, NOW - 10)],
        "other": [span(4, 10, None, "SELECT 1", NOW - HOUR)],
    }
    records = list(source.records(backend.url + "/"))
    assert [each["otel_span_id"][-1] for each in records] == ["2", "4", "3", "1", "5"]
    assert [each["otel_entry_id"] for each in records] == [f"{1:016x}", None, f"{1:016x}", None, None]


def test_since_leaves_out_what_ended_before(backend: Backend) -> None:
    backend.spans = {"s": [call(1, 1, None, NOW - 100), run(2, 2, None, NOW - HOUR, HOUR - 50, "long")]}
    assert spans_of(backend.url, since=NOW - 99) == ["1", "2"]
    assert spans_of(backend.url, since=NOW - 98) == ["2"]
    assert spans_of(backend.url, since=NOW - 49) == []
    assert spans_of(backend.url, since=NOW + HOUR) == []


def test_a_backend_is_asked_for_seven_days_where_nobody_says(backend: Backend) -> None:
    day = 24 * HOUR
    backend.spans = {"s": [call(1, 1, None, NOW - 8 * day), call(2, 2, None, NOW - 6.9 * day)]}
    assert spans_of(backend.url) == ["2"]
    assert spans_of(backend.url, since=NOW - 9 * day) == ["1", "2"]


def test_one_trace_is_asked_for_by_its_id(backend: Backend) -> None:
    backend.spans = {"s": [call(0xAB, 1, None, NOW - 5), call(2, 2, None, NOW - 5)]}
    assert spans_of(backend.url, trace=f"{0xAB:032X}") == ["1"]
    assert spans_of(backend.url, trace=f"{3:032x}") == []
    asked = len(backend.seen)
    for odd in ("ab", "", "../services", "g" * 32):
        assert spans_of(backend.url, trace=odd) == []
    paths = [seen.path for seen in backend.seen[asked:]]
    assert all("/services" in path or "/status" in path or "/echo" in path for path in paths)


def test_more_traces_than_one_answer_holds_are_asked_for_by_smaller_windows(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jaeger, "DEPTH", 5)
    monkeypatch.setattr(tempo, "LIMIT", 5)
    found = [call(n, n, None, NOW - 1000 + 40 * n) for n in range(1, 24)]
    backend.spans = {"s": [*found, *(call(n, n + 100, n, NOW - 5 + n) for n in (1, 2))]}
    ids = [int(each, 16) for each in spans_of(backend.url)]
    assert ids == [*range(1, 24), 101, 102]


def test_more_traces_in_one_moment_than_can_be_had_are_told(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, least in ((jaeger, "DEPTH"), (tempo, "LIMIT")):
        monkeypatch.setattr(module, least, 2)
        monkeypatch.setattr(module, "MOST", 5)
    backend.spans = {"s": [call(n, n, None, NOW - 100) for n in range(1, 5)]}
    assert len(spans_of(backend.url)) == 4
    backend.spans = {"s": [call(n, n, None, NOW - 100) for n in range(1, 7)]}
    said = told_of(backend.url)
    assert said.startswith(f"{backend.url.removesuffix('/traces')} cannot be read: 5 or more of its traces ")


def test_an_answer_that_is_too_large_is_asked_for_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    with Jaeger(spans={"s": [call(n, n, None, NOW - 1000 + 100 * n) for n in range(1, 9)]}) as backend:
        assert len(spans_of(backend.url)) == 8
        monkeypatch.setattr(asking, "LARGEST", 2500)
        assert len(spans_of(backend.url)) == 8
        monkeypatch.setattr(asking, "LARGEST", 500)
        assert told_of(backend.url).startswith(f"{backend.url} gives an answer of more than ")


def test_a_jaeger_that_searches_by_attributes_is_asked_for_spans_of_ours_alone() -> None:
    with Jaeger(spans={"s": [span(n, n, None, "GET /", NOW - n) for n in range(1, 9)]}) as backend:
        assert spans_of(backend.url) == []
        assert all("query.attributes" in each.path for each in backend.seen if "query.serviceName" in each.path)


def test_a_trace_that_tempo_gives_in_part_only_is_told() -> None:
    with Tempo(spans={"s": [call(1, 1, None, NOW - 5)]}, status="PARTIAL") as backend:
        assert told_of(backend.url).endswith(": it gives a trace that is too large for it in part only.")


def test_credentials_are_sent_and_never_told(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    backend.spans = {"s": [call(1, 1, None, NOW - 5)]}
    address = backend.url.replace("http://", "http://me:s%40crit@")
    assert spans_of(address) == ["1"]
    basic = "Basic " + base64.b64encode(b"me:s@crit").decode()
    assert {seen.headers["authorization"] for seen in backend.seen} == {basic}
    backend.seen.clear()
    monkeypatch.setenv("DISPATCH_OTEL_QUERY_HEADERS", "authorization=Bearer%20t0ken,X-Scope-OrgID=team")
    assert spans_of(address) == ["1"]
    assert {(seen.headers["authorization"], seen.headers["x-scope-orgid"]) for seen in backend.seen} == {
        ("Bearer t0ken", "team")
    }


class Odd(Backend):
    """Answers everything alike."""

    answer: Answer

    def told(self, path: str, query: Mapping[str, str]) -> Answer:
        return self.answer


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (Answer(status=401, body=b"SECRET"), "it answers HTTP 401; DISPATCH_OTEL_QUERY_HEADERS holds the headers that"),
        (Answer(status=403), "it answers HTTP 403; DISPATCH_OTEL_QUERY_HEADERS holds the headers that"),
        (Answer(status=503, body=b"SECRET"), "it answers HTTP 503."),
        (Answer(status=400, body=b"SECRET"), "it answers HTTP 400 to what it is asked."),
        (Answer(status=302, headers={"location": "http://127.0.0.1:1/SECRET"}), "it answers HTTP 302 to what it is"),
        (Answer(body=b"<html>SECRET</html>"), "what answers there is neither Jaeger's query API (api/v3) nor Tempo's."),
        (answer(["SECRET"]), "what answers there is neither "),
        (answer({"services": "SECRET"}), "what answers there is neither "),
        (Answer(drop=True), "what listens there does not speak HTTP."),
        (Answer(headers={"content-encoding": "gzip"}, body=b"SECRET"), "asking it fails (error)."),
        (Answer(body=b"[" * 100_000), "what answers there is neither "),
        (Answer(body=b"\xff"), "what answers there is neither "),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_what_is_no_backend_is_told_in_one_sentence(odd: Answer, why: str) -> None:
    with Odd() as backend:
        backend.answer = odd
        address = backend.url.replace("http://", "http://me:SECRET@") + "/SECRET?token=SECRET#SECRET"
        said = told_of(address)
    assert said.startswith(f"{backend.url} cannot be read: {why}")
    assert "SECRET" not in said


class Broken(Jaeger):
    """Knows a service, and answers oddly what is asked of it."""

    answer: Answer

    def told(self, path: str, query: Mapping[str, str]) -> Answer:
        return super().told(path, query) if path == "/api/v3/services" else self.answer


@pytest.mark.parametrize("odd", [Answer(body=b"no json"), Answer(body=b"["), Answer(body=b"")])
def test_a_torn_answer_is_told(odd: Answer) -> None:
    with Broken(spans={"s": []}) as backend:
        backend.answer = odd
        assert told_of(backend.url) == f"{backend.url} cannot be read: its answer is no JSON."


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, {"result": 7}, {"result": {"resourceSpans": [None]}}])
def test_an_answer_without_spans_holds_none(odd: Any) -> None:
    with Broken(spans={"s": []}) as backend:
        backend.answer = answer(odd)
        assert spans_of(backend.url) == []


def test_nobody_there_and_nobody_answering_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "TIMEOUT", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        assert told_of(f"http://127.0.0.1:{port}") == (
            f"http://127.0.0.1:{port} cannot be read: it does not answer within 10 s."
        )
    assert told_of(f"http://127.0.0.1:{port}") == f"http://127.0.0.1:{port} cannot be read: nothing listens there."


def test_an_answer_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "WHOLE", 0.1)
    with Odd() as backend:
        backend.answer = Answer(chunks=[b"[1," if n % 2 else 0.02 for n in range(2000)])
        assert told_of(backend.url).endswith(": its answer takes more than 0 s.")


def test_what_speaks_no_http_is_told() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def speak() -> None:
            with closing(server.accept()[0]) as other:
                other.recv(1024)
                other.sendall(b"\x00\x00\x12\x04 hello, this is HTTP/2\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        port = server.getsockname()[1]
        assert told_of(f"http://127.0.0.1:{port}").endswith(": what listens there does not speak HTTP.")
        thread.join(5)


@pytest.mark.parametrize("address", ["http://", "http://:80", "http://[::1", "http://host:port/", "https:///x"])
def test_an_address_without_a_host_is_told(address: str) -> None:
    assert told_of(address).startswith("There is an address without a host: ")


def test_a_header_that_cannot_be_sent_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_OTEL_QUERY_HEADERS", "authorization=SECRET%0D%0Ax: y")
    with Jaeger() as backend:
        assert told_of(backend.url) == f"{backend.url} cannot be read: asking it fails (ValueError)."


def test_loopback_is_asked_without_the_proxy_of_the_environment(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    backend.spans = {"s": [call(1, 1, None, NOW - 5)]}
    assert spans_of(backend.url) == ["1"]


def test_of_a_file_the_trace_and_the_time_can_be_chosen(tmp_path: Path) -> None:
    lines = [
        {"type": "resolved_dispatch", "otel_span_id": f"{n}", "timestamp": f"{n}.000", "trace_id": "ab"[n % 2] * 32}
        for n in range(1, 6)
    ]
    lines.append({"type": "resolved_dispatch", "otel_span_id": "6"})
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert spans_of(str(path)) == ["1", "2", "3", "4", "5", "6"]
    assert spans_of(str(path), since=3.0) == ["3", "4", "5"]
    assert spans_of(str(path), trace="B" * 32) == ["1", "3", "5"]
    assert spans_of(str(path), trace="c" * 32) == []
    assert told_of(str(tmp_path / "none")).startswith(f"{tmp_path / 'none'} cannot be read: ")


def test_runs_takes_a_backend(backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    backend.spans = {"s": [run(1, 1, None, NOW - 50, 2.0, "implement"), call(1, 2, 1, NOW - 49)]}
    assert main(["runs", backend.url, "--since", "1h"]) == 0
    captured = capsys.readouterr()
    assert [line.split()[:2] for line in captured.out.splitlines()] == [["RUN", "KIND"], ["implement", "run_skill"]]
    assert main(["runs", backend.url, "--since", "2000-01-01T00:00:00Z", "--calls", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["name"], told["model"], told["started"], told["duration_s"]) == ("chat", "MiniMax-M2", NOW - 49, 1.0)


def test_a_secret_in_an_address_is_never_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with Jaeger() as backend:
        address = backend.url.replace("http://", "http://me:SECRET@") + "?token=SECRET"
        assert main(["runs", address]) == 0
        assert main(["audit", address, "--json"]) == 0
    assert main(["runs", address]) == main(["audit", address]) == 2
    captured = capsys.readouterr()
    assert "SECRET" not in captured.out + captured.err


@pytest.mark.parametrize("word", ["", "1", "1w", "h", "-1h", "1.5h", "yesterday", "2026-11-21", "2026-11-21T10:00:00"])
def test_what_is_no_moment_is_told(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["runs", "x", f"--since={word}"])
    assert raised.value.code == 2
    assert f"{word!r} is no moment: 30s, 15m, 1h, 7d, or an instant such as " in capsys.readouterr().err


def test_windows_are_halved_until_they_hold_little_enough() -> None:
    moments = [1.0, 2.0, 2.1, 2.2, 7.0]

    def ask(start: float, stop: float, is_last: bool) -> list[float] | None:
        found = [each for each in moments if start <= each <= stop]
        return found if len(found) < 3 or is_last else None

    told = list(windows(ask, 0.0, 8.0, 0.5))
    assert [stop for stop, _ in told] == sorted(stop for stop, _ in told)
    assert sorted({each for _, found in told for each in found}) == moments
    assert list(windows(lambda *_: None, 0.0, 1.0, 0.5)) == []


def test_what_ends_after_its_window_waits_for_the_next() -> None:
    pages = [(10.0, [3, 14, 1]), (20.0, [12, 25]), (30.0, [])]
    assert list(in_order(iter(pages), float)) == [1, 3, 12, 14, 25]
