"""`demo`: the real thing in a process of its own, and what it says where it cannot run."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from otel_dispatch import recordfile
from otel_dispatch.__main__ import main
from otel_dispatch.command import demo
from otel_dispatch.command.destination import Answer, Word, destination
from otel_dispatch.demo.provider import Provider
from tests.sinks import HttpSink, dead_endpoint


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The demo, run once: what it printed, what it recorded and what arrived."""
    record = tmp_path_factory.mktemp("demo") / "records.jsonl"
    record.write_text('{"type":"resolved_dispatch","kind":"run_skill","names":{"label":"of-yesterday"}}\n')
    with HttpSink() as sink:
        command = [sys.executable, "-m", "otel_dispatch", "demo", "--record", str(record), "--endpoint", sink.url]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        yield SimpleNamespace(
            done=done,
            record=record,
            lines=list(recordfile.read(record))[1:],
            spans=sink.spans(),
            url=sink.url,
        )


def test_it_shows_its_runs(shown: Any) -> None:
    assert (shown.done.returncode, shown.done.stderr) == (0, "")
    rows = [line.split() for line in shown.done.stdout.split("\n\n")[0].splitlines()]
    timeless = [[word for word in row[:-1] if word not in ("ms", "s") and not word[0].isdigit()] for row in rows]
    assert timeless[1:] == [
        ["write-tests", "run_skill", "MiniMax-M2", "minimax", "served"],
        ["summarise-log", "run_skill", "MiniMax-M2", "minimax", "served"],
        ["review-diff", "run_skill", "MiniMax-M2", "minimax", "usage_limit", "rate_limit"],
        ["report_bug", "report_bug", "gpt-6-luna", "openai", "served"],
        ["nightly-audit", "fleet_dispatch", "models", "providers", "served"],
        ["fix-tests", "run_skill", "claude-opus-5-5", "minimax", "served"],
    ]
    assert "2 models" in shown.done.stdout
    assert rows[-1][-1] == "provider"


def test_it_points_at_the_run_that_went_astray_and_says_where_to_look(shown: Any) -> None:
    text = " ".join(shown.done.stdout.split())
    assert "Look at fix-tests: the escalation chose claude-opus-5-5, nobody chose its provider" in text
    assert "inherited_from_primary" in text
    assert str(shown.record) in text
    assert shown.url in text


def test_one_call_went_to_a_provider_that_nobody_chose(shown: Any) -> None:
    astray = [line for line in shown.lines if line["provenance"]["provider"] == "inherited_from_primary"]
    assert [line["kind"] for line in astray] == ["llm_call", "run_skill"]
    for line in astray:
        assert (line["provider"], line["model"]) == ("minimax", "claude-opus-5-5")
        assert line["provenance"]["model"] == "escalation_override"
        assert line["inherited_fields"] == ["provider"]


def test_an_empty_completion_was_recovered_by_its_retry(shown: Any) -> None:
    calls = [line["outcome_kind"] for line in shown.lines if line["kind"] == "llm_call"]
    assert calls == [
        "served",
        "superseded",
        "empty_completion_transient_recovered",
        "usage_limit",
        "served",
        "served",
        "served",
        "served",
    ]


def test_its_spans_arrive_where_it_was_told_to_send_them(shown: Any) -> None:
    names = {span.name for span in shown.spans}
    assert {"invoke_agent fix-tests", "invoke_workflow nightly-audit"} <= names
    assert {span.resource["service.name"] for span in shown.spans} == {"otel-dispatch-demo"}
    inherited = [span for span in shown.spans if span.attributes.get("dispatch.inherited")]
    assert "invoke_agent fix-tests" in {span.name for span in inherited}


def test_what_the_user_s_own_set_up_says_does_not_lead_it_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRACEPARENT", "DISPATCH_OTEL_SCOPE", "DISPATCH_OTEL_ENTRYPOINTS", "SMART_MODEL"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("NO_PROXY", "mine")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://elsewhere")
    env = demo._environment("http://here:1")
    assert not {"TRACEPARENT", "DISPATCH_OTEL_SCOPE", "DISPATCH_OTEL_ENTRYPOINTS", "SMART_MODEL"} & set(env)
    assert env["NO_PROXY"] == "mine,127.0.0.1"
    assert "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" not in env
    assert env["DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://here:1"


def test_a_missing_sdk_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    assert main(["demo"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "pip install 'otel-dispatch[demo]'" in captured.err


@pytest.mark.parametrize("words", [["--endpoint", "ftp://x"], ["--endpoint", "http://x:port"], ["--record", "/"]])
def test_bad_input_is_told_in_one_sentence(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert main(["demo", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_where_nobody_listens_it_says_how_to_start_jaeger(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ran: list[dict[str, str]] = []

    def pipeline(env: dict[str, str]) -> int:
        ran.append(env)
        line = {"type": "resolved_dispatch", "kind": "run_skill", "names": {"label": "one"}, "duration_s": 1}
        Path(env["DISPATCH_OTEL_RECORD_FILE"]).write_text(json.dumps(line) + "\n")
        return 0

    monkeypatch.setattr(demo, "_run_pipeline", pipeline)
    url = dead_endpoint()
    assert main(["demo", "--record", str(tmp_path / "r"), "--endpoint", url]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "No run inherited anything." in text
    assert f"not sent: {url} refuses (nothing listens there)" in text
    assert "docker compose up" in text
    # Nothing would take them, so nothing is to wait for it.
    assert ran[0]["DISPATCH_OTEL_TRACES_EXPORTER"] == "none"


def test_where_jaeger_answers_it_gives_the_link(monkeypatch: pytest.MonkeyPatch, provider: Provider) -> None:
    monkeypatch.setattr(demo, "_JAEGER", provider.port)
    env = demo._environment(f"http://user:secret@127.0.0.1:{provider.port}")
    where = destination(env)
    told = demo._spans(where, Answer(Word.ANSWERS), env)
    assert told == f"http://127.0.0.1:{provider.port}/search?service=otel-dispatch-demo"


def test_a_pipeline_that_fails_or_is_not_observed_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for code, told in ((3, "ended with 3"), (0, "was not observed")):
        monkeypatch.setattr(demo, "_run_pipeline", lambda env, code=code: code)
        assert main(["demo", "--record", str(tmp_path / "r"), "--endpoint", dead_endpoint()]) == 1
        assert told in capsys.readouterr().err


def test_the_pipeline_alone_says_what_it_needs() -> None:
    command = [sys.executable, "-m", "otel_dispatch.demo.pipeline"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "otel-dispatch demo" in done.stderr
