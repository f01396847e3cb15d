"""`import-harn`: harn's transcripts of three versions and in three wrappings, told as spans or as records."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from otel_dispatch.__main__ import main
from otel_dispatch.harn import calls
from tests.command import harn_lines as harn
from tests.command.harn_lines import ASTRAY, BEGIN, SECRET, failure, record, request, response, retry, served
from tests.sinks import HttpSink, SinkSpan, dead_endpoint

MINIMAX = ("minimax", "MiniMax-M2")
OPUS = ("minimax", "claude-opus-5-5")
SONNET = ("anthropic", "claude-sonnet-4-6")
AT_ANTHROPIC = {"wire_format": "anthropic_native", "base_url_host": "api.anthropic.com"}
RECOVERED = {
    "kind": "empty_completion_transient_recovered",
    "completion_tokens": 20,
    "content_len": 12,
    "empty_retries": 1,
}
TERMINAL = {"kind": "empty_completion_terminal", "completion_tokens": 0, "content_len": 0}

Records = list[dict[str, Any]]
Import = Callable[..., tuple[Records, str]]


def written(path: Path, lines: Iterable[Any]) -> str:
    """The path of a transcript of these *lines*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("".join(f"{text}\n" for text in texts))
    return str(path)


@pytest.fixture
def imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    """Imports transcripts of these lines into a record file; gives its records and what was printed."""

    def run(*transcripts: list[Any]) -> tuple[Records, str]:
        target = tmp_path / "records.jsonl"
        target.unlink(missing_ok=True)
        paths = [
            written(tmp_path / f"run-{number}-llm" / "llm_transcript.jsonl", lines)
            for number, lines in enumerate(transcripts)
        ]
        assert main(["import-harn", *paths, "--record-file", str(target)]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        text = target.read_text()
        assert SECRET not in text + captured.out
        return [json.loads(line) for line in text.splitlines()], captured.out

    return run


def outcomes(records: Records) -> list[tuple[Any, ...]]:
    """Each call's outcome: kind, class or tokens."""
    told = [each["outcome"] or {"kind": None} for each in records if each["kind"] == "llm_call"]
    return [(each["kind"], each.get("class", each.get("completion_tokens"))) for each in told]


def only(records: Records) -> dict[str, Any]:
    """The one call there is."""
    (call,) = [each for each in records if each["kind"] == "llm_call"]
    return call


def test_a_call_and_its_run_become_spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(
        tmp_path / ".harn-runs" / "fix-tests-llm" / "llm_transcript.jsonl",
        [
            {"type": "system_prompt", "timestamp": f"{BEGIN}.000", "content": SECRET},
            request(0, "c1", 3, SONNET, span_id=41),
            response(1.5, "c1", 3, SONNET, model="claude-sonnet-4-6-20260101", cache_read_tokens=60),
            record(1.5, "c1", 3, SONNET, served(904, 20), span_id=41, provenance=ASTRAY, **AT_ANTHROPIC),
        ],
    )
    with HttpSink() as sink:
        monkeypatch.setenv("DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
        assert main(["import-harn", path]) == 0
        call, run = sink.spans()
    assert (call.name, call.kind, call.status, call.parent_id) == (
        "chat claude-sonnet-4-6",
        "CLIENT",
        "UNSET",
        run.span_id,
    )
    assert (call.start, call.end) == (BEGIN * 10**9, BEGIN * 10**9 + 1_500_000_000)
    assert call.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-6",
        "gen_ai.request.max_tokens": 8192,
        "gen_ai.response.model": "claude-sonnet-4-6-20260101",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 60,
        "peer.service": "anthropic",
        "service.peer.name": "anthropic",
        "server.address": "api.anthropic.com",
        "dispatch.kind": "llm_call",
        "dispatch.provider": "anthropic",
        "dispatch.model": "claude-sonnet-4-6",
        "dispatch.wire_format": "anthropic_native",
        "dispatch.tool_format": "native",
        "dispatch.base_url_host": "api.anthropic.com",
        "dispatch.thinking.mode": "off",
        "dispatch.thinking.enabled": False,
        "dispatch.provenance.provider": "inherited_from_primary",
        "dispatch.provenance.model": "escalation_override",
        "dispatch.provenance.wire_format": "unknown",
        "dispatch.provenance.thinking": "unknown",
        "dispatch.provenance.tool_format": "unknown",
        "dispatch.inherited": True,
        "dispatch.inherited_fields": "provider",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 20,
        "dispatch.outcome.content_len": 904,
        "harn.call_id": "c1",
        "harn.iteration": 3,
        "harn.span_id": 41,
    }
    assert (run.name, run.kind, run.status, run.parent_id) == ("invoke_agent fix-tests", "INTERNAL", "UNSET", "")
    assert (run.trace_id, run.start, run.end) == (call.trace_id, call.start, call.end)
    rollup = {name: value for name, value in run.attributes.items() if "rollup" in name or name == "harn.run"}
    assert rollup == {
        "dispatch.rollup.calls": 1,
        "dispatch.rollup.models": "claude-sonnet-4-6",
        "dispatch.rollup.providers": "anthropic",
        "dispatch.rollup.inherited_calls": 1,
        "dispatch.rollup.empty_terminal_calls": 0,
        "dispatch.rollup.output_tokens": 20,
        "harn.run": "fix-tests",
    }
    assert (run.scope, run.resource["service.name"]) == ("otel_dispatch", "harn")
    assert SECRET not in str((call, run))


def spans_of(path: str, monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[SinkSpan]:
    with HttpSink() as sink:
        monkeypatch.setenv("DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert main(["import-harn", path]) == 0
        return list(sink.spans())


def test_importing_twice_gives_the_same_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for n in range(3) for line in (request(n, f"c{n}", n, MINIMAX), record(n, None, n, OPUS, served()))]
    paths = [written(tmp_path / folder / "r-llm" / "llm_transcript.jsonl", lines) for folder in ("here", "there")]
    first, second = (spans_of(path, monkeypatch) for path in paths)
    ids = [(span.trace_id, span.span_id, span.parent_id) for span in first]
    assert ids == [(span.trace_id, span.span_id, span.parent_id) for span in second]
    assert len(set(ids)) == len(ids) == 7
    assert spans_of(paths[0], monkeypatch, OTEL_SERVICE_NAME="mine")[0].resource["service.name"] == "mine"


def test_a_long_transcript_arrives_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [record(n, f"c{n}", n, MINIMAX, served()) for n in range(1200)]
    path = written(tmp_path / "long.jsonl", lines)
    with HttpSink() as sink:
        monkeypatch.setenv("DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
        assert main(["import-harn", path]) == 0
        assert sink.requests == 3
        assert len({span.span_id for span in sink.spans()}) == 1201
        assert {span.name for span in sink.spans()} == {"chat MiniMax-M2", "invoke_agent long"}


def test_a_retried_attempt_is_a_span_of_its_own_with_the_origins_of_its_call(imported: Import) -> None:
    records, out = imported(
        [
            request(0, "c1", 2, OPUS),
            retry(1, 2, OPUS),
            request(1.5, "c2", 2, OPUS),
            response(2, "c2", 2, OPUS),
            record(2, "c2", 2, OPUS, RECOVERED, provenance=ASTRAY),
        ]
    )
    first, second, run = records
    assert (first["call_id"], first["outcome_kind"], first["resend_count"]) == ("c1", "superseded", 0)
    assert (first["inherited_fields"], first["base_url_host"]) == (["provider"], "api.minimax.io")
    assert (first["started"], first["duration_s"]) == (BEGIN, 1.0)
    assert (second["call_id"], second["outcome"], second["resend_count"]) == ("c2", RECOVERED, 1)
    assert (run["rollup"]["calls"], run["outcome_kind"]) == (2, "served")
    assert out == "1 call in 2 attempts, 1 run. Lines left out: none.\n"


def test_calls_at_the_same_time_are_not_mixed_up(imported: Import) -> None:
    records, _ = imported(
        [
            request(0, "slow", 1, OPUS),
            request(2, "quick", 1, OPUS),
            # It took a second, and so it is the quick one that was empty.
            retry(3, 1, OPUS),
            request(3.1, "again", 1, OPUS),
            record(4, "slow", 1, OPUS, served()),
            record(5, "again", 1, OPUS, RECOVERED),
        ]
    )
    told = [(each["call_id"], each["outcome_kind"], each["resend_count"]) for each in records[:-1]]
    assert told == [
        ("slow", "served", 0),
        ("quick", "superseded", 0),
        ("again", "empty_completion_transient_recovered", 1),
    ]


def test_an_error_that_is_retried_keeps_its_own_class(imported: Import) -> None:
    records, _ = imported(
        [
            request(0, "c1", 1, SONNET),
            failure(1, "c1", 1, SONNET, status="retrying", reason="network_error"),
            {"type": "stream_transport_degrade", "timestamp": f"{BEGIN}.000", "error": SECRET},
            request(1.1, "c2", 1, SONNET),
            record(2, "c2", 1, SONNET, served(), **AT_ANTHROPIC),
        ]
    )
    assert outcomes(records) == [("provider_error", "connection"), ("served", 20)]


def test_an_empty_attempt_after_which_nothing_came_is_terminal(imported: Import) -> None:
    records, _ = imported([request(0, "c1", 1, OPUS), retry(1, 1, OPUS)])
    assert outcomes(records) == [("empty_completion_terminal", None)]


def test_a_request_of_which_nothing_is_known_has_no_outcome(
    imported: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [request(0, "c1", 1, OPUS), request(1, "c2", 1, SONNET), record(2, "c2", 1, SONNET, served())]
    records, out = imported(lines)
    lost = records[1]
    assert (lost["call_id"], lost["outcome"], lost["outcome_kind"], lost["duration_s"]) == ("c1", None, None, None)
    assert lost["provenance"] == harn.UNKNOWN
    assert out.startswith("2 calls in 2 attempts, 1 run.")
    spans = {
        span.attributes.get("harn.call_id"): span for span in spans_of(written(tmp_path / "t", lines), monkeypatch)
    }
    assert "dispatch.outcome.kind" not in spans["c1"].attributes
    assert (spans["c1"].status, spans["c1"].start) == ("UNSET", spans["c1"].end)


def test_how_a_run_of_several_outcomes_ended_is_not_claimed(imported: Import) -> None:
    lines = [
        record(0, "c1", 1, SONNET, served()),
        record(1, "c2", 2, SONNET, {"kind": "usage_limit"}),
    ]
    assert imported(lines)[0][-1]["outcome"] is None
    assert imported(lines[1:])[0][-1]["outcome"] == {"kind": "usage_limit", "class": "unknown"}


@pytest.mark.parametrize(
    ("outcome", "error", "told"),
    [
        # harn looks for "429" in the message, "api error" before everything else, and "503" in a model's name.
        ({"kind": "usage_limit"}, {"reason": "context_overflow"}, ("provider_error", "context_overflow")),
        ({"kind": "usage_limit"}, {"reason": "rate_limit"}, ("usage_limit", "rate_limit")),
        ({"kind": "usage_limit"}, {}, ("usage_limit", "unknown")),
        ({"kind": "provider_error", "class": "api_error"}, {"reason": "timeout"}, ("provider_error", "timeout")),
        ({"kind": "provider_error", "class": "api_error"}, {}, ("provider_error", "unknown")),
        ({"kind": "provider_error", "class": "server_error"}, {"reason": "auth_failure"}, ("provider_error", "auth")),
        (
            {"kind": "provider_error", "class": "server_error"},
            {"reason": "server_error", "category": "overloaded"},
            ("provider_error", "overloaded"),
        ),
        ({"kind": "provider_error", "class": "x"}, {"category": "cancelled"}, ("cancelled", "cancelled")),
        ({"kind": "provider_error", "class": "connection"}, {"reason": "new"}, ("provider_error", "connection")),
        ({"kind": "provider_error", "class": "brand_new"}, {}, ("provider_error", "unknown")),
        ({"kind": "brand_new"}, {}, (None, None)),
    ],
)
def test_a_typed_reason_is_believed_before_what_was_found_in_a_message(
    imported: Import, outcome: dict[str, Any], error: dict[str, Any], told: tuple[Any, Any]
) -> None:
    lines = [request(0, "c1", 1, SONNET), failure(1, "c1", 1, SONNET, **error), record(1, "c1", 1, SONNET, outcome)]
    assert outcomes(imported(lines)[0]) == [told]


def test_a_surfaced_error_without_a_record_is_told_by_its_reason(imported: Import) -> None:
    lines = [request(0, "c1", 1, SONNET), failure(1, "c1", 1, SONNET, reason="content_policy")]
    assert outcomes(imported(lines)[0]) == [("provider_error", "content_filter")]


NOTHING = {"input_tokens": 0, "output_tokens": 0}


@pytest.mark.parametrize(
    ("answer", "outcome", "told"),
    [
        # The tokens of a terminal empty are hard-wired to 0 where an exception told of it.
        (None, TERMINAL, ("empty_completion_terminal", None)),
        ({"text": ""}, TERMINAL, ("empty_completion_terminal", 20)),
        ({"text": "", **NOTHING}, TERMINAL, ("empty_completion_terminal", None)),
        ({"text": "", "accounting_status": "unknown"}, TERMINAL, ("empty_completion_terminal", None)),
        # Ollama's empties do not match harn's needles; and "completion_tokens=4290" holds a 429.
        ({"text": ""}, {"kind": "provider_error", "class": "unknown"}, ("empty_completion_terminal", 20)),
        ({"text": ""}, {"kind": "usage_limit"}, ("empty_completion_terminal", 20)),
        # An empty answer whose usage is missing counts as served, and as recovered after a retry.
        ({"text": "", **NOTHING}, served(0, 0), ("empty_completion_terminal", None)),
        ({"text": "", **NOTHING}, {**RECOVERED, "content_len": 0}, ("empty_completion_terminal", 20)),
        ({"text": " \n"}, served(2), ("empty_completion_terminal", 20)),
        ({"text": "", "output_tokens": 0}, served(0, 0), ("served", 0)),
        ({"text": "", "thinking": SECRET}, served(0), ("served", 20)),
        ({"text": "", "tool_calls": [{"name": SECRET}]}, served(0), ("served", 20)),
        ({"text": None}, served(0), ("served", 20)),
        (None, served(0, 0), ("served", None)),
        ({"output_tokens": -1}, served(12, -1), ("served", None)),
    ],
)
def test_what_came_back_is_told_by_the_answer_where_there_is_one(
    imported: Import, answer: dict[str, Any] | None, outcome: dict[str, Any], told: tuple[Any, Any]
) -> None:
    answers = [] if answer is None else [response(1, "c1", 1, OPUS, **{"text": SECRET, **answer})]
    lines = [request(0, "c1", 1, OPUS), *answers, record(1, "c1", 1, OPUS, outcome)]
    assert outcomes(imported(lines)[0]) == [told]


def test_an_answer_without_a_record_is_told_by_itself(imported: Import) -> None:
    records, _ = imported([response(1, "c1", 1, OPUS), response(2, "c2", 1, OPUS, text="")])
    assert outcomes(records) == [("served", 20), ("empty_completion_terminal", 20)]
    # What is left of a redacted text is no length.
    assert records[0]["outcome"]["content_len"] is None
    assert (records[0]["started"], records[0]["duration_s"]) == (BEGIN + 0.1, 0.9)


def test_who_really_answered_is_told(imported: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        request(0, "c1", 1, OPUS),
        {**response(1, "c1", 1, ("gateway", "MiniMax-M2")), "timestamp": f"{BEGIN + 1}.000"},
        record(1, "c1", 1, OPUS, served()),
    ]
    call = only(imported(lines)[0])
    assert (call["model"], call["response_model"], call["mismatch"]) == (OPUS[1], "MiniMax-M2", ["model.served"])
    span = spans_of(written(tmp_path / "t.jsonl", lines), monkeypatch)[0]
    assert span.attributes["dispatch.served.provider"] == "gateway"


SEED_KEYS = {"stop", "span_id"}


@pytest.mark.parametrize("missing", [set(), {"stop"}, SEED_KEYS, SEED_KEYS | {"provenance", "tool_format", "thinking"}])
def test_records_of_every_version_are_read(imported: Import, missing: set[str]) -> None:
    whole = record(1, "c1", 3, SONNET, served(), **AT_ANTHROPIC)
    call = only(imported([{name: value for name, value in whole.items() if name not in missing}])[0])
    assert (call["wire_format"], call["provider"], call["iteration"]) == ("anthropic_native", "anthropic", 3)
    assert set(call["provenance"]) == set(harn.UNKNOWN)
    assert (call["tool_format"] == "unknown") == ("tool_format" in missing)
    assert (call["thinking"]["mode"] == "unknown") == ("thinking" in missing)
    # When it began is not known without a request.
    assert (call["started"], call["duration_s"]) == (None, None)


def test_a_record_of_nothing_but_its_type_is_told_as_unknown(imported: Import) -> None:
    call = only(imported([{"type": "resolved_dispatch", "timestamp": f"{BEGIN}.000"}])[0])
    assert (call["provider"], call["model"], call["wire_format"]) == ("unknown", "unknown", "unknown")
    assert (call["provenance"], call["outcome"]) == (harn.UNKNOWN, None)


@pytest.mark.parametrize(
    ("told", "thinking"),
    [
        ({"mode": "off", "enabled": False}, {"mode": "off", "enabled": False}),
        ({"mode": "disabled", "enabled": False, "budget_tokens": None}, {"mode": "off", "enabled": False}),
        (
            {"mode": "enabled", "enabled": True, "budget_tokens": 2048},
            {"mode": "enabled", "enabled": True, "budget_tokens": 2048},
        ),
        ({"mode": "enabled", "enabled": True, "budget_tokens": None}, {"mode": "enabled", "enabled": True}),
        ({"mode": "adaptive", "enabled": True}, {"mode": "adaptive", "enabled": True}),
        ({"mode": "effort", "level": "xhigh", "enabled": True}, {"mode": "effort", "enabled": True, "level": "xhigh"}),
        ({"mode": "effort", "level": "none", "enabled": False}, {"mode": "off", "enabled": False, "level": "none"}),
        ({"mode": "later"}, {"mode": "unknown", "enabled": None}),
        ("[REDACTED]", {"mode": "unknown", "enabled": None}),
    ],
)
def test_both_spellings_of_a_thinking_config_are_read(imported: Import, told: Any, thinking: dict[str, Any]) -> None:
    assert only(imported([record(0, "c1", 1, SONNET, served(), thinking=told)])[0])["thinking"] == thinking
    unrecorded = imported([request(0, "c1", 1, SONNET, thinking=told)])[0]
    assert only(unrecorded)["thinking"] == thinking


def test_off_is_not_claimed_of_a_model_that_thought(imported: Import) -> None:
    lines = [response(0, "c1", 1, SONNET, thinking=SECRET), record(0, "c1", 1, SONNET, served())]
    assert only(imported(lines)[0])["thinking"] == {"mode": "unknown", "enabled": None}


@pytest.mark.parametrize(
    ("host", "provider", "told"),
    [
        ("api.anthropic.com", "anthropic", ("api.anthropic.com", "anthropic", [])),
        ("key:secret@API.anthropic.com:8443", "anthropic", ("api.anthropic.com", "anthropic", [])),
        ("api.anthropic.com?api_key=S", "anthropic", ("api.anthropic.com", "anthropic", [])),
        ("u:p@[::1]:8080", "llamacpp", ("::1", "llamacpp", [])),
        ("localhost:11434", "ollama", ("localhost", "ollama", [])),
        ("localhost:4000", "openai", ("localhost", "local", ["provider.host"])),
        ("{resource}.openai.azure.com", "azure_openai", ("", "azure_openai", [])),
        ("[REDACTED]", "anthropic", ("", "anthropic", [])),
        ("", "bedrock", ("", "bedrock", [])),
        ("api.minimax.io", "openai", ("api.minimax.io", "minimax", ["provider.host"])),
        ("api.minimax.io", "cheap-lane", ("api.minimax.io", "minimax", [])),
        ("llm.corp.example", "openai", ("llm.corp.example", "openai", ["provider.host"])),
        ("llm.corp.example", "corp", ("llm.corp.example", "corp", [])),
    ],
)
def test_the_host_is_told_without_what_may_be_secret_and_decides_the_provider(
    imported: Import, host: str, provider: str, told: tuple[str, str, list[str]]
) -> None:
    formats = {"anthropic": "anthropic_native", "ollama": "ollama"}
    given = {"base_url_host": host, "wire_format": formats.get(provider, "openai_compat")}
    call = only(imported([record(0, "c1", 1, (provider, "m"), served(), **given)])[0])
    assert (call["base_url_host"], call["provider"], call["mismatch"]) == told
    assert call["requested"]["provider"] == provider


@pytest.mark.parametrize(
    ("provider", "word", "told"),
    [
        ("gemini", "gemini", "gemini"),
        ("ollama", "ollama", "ollama"),
        # harn writes what its registry says of these, and sends something else.
        ("bedrock", "anthropic_native", "unknown"),
        ("vertex", "openai_compat", "unknown"),
        ("anthropic", "later_format", "unknown"),
        ("anthropic", ["x"], "unknown"),
    ],
)
def test_a_wire_format_that_is_not_known_to_be_true_is_unknown(
    imported: Import, provider: str, word: Any, told: str
) -> None:
    given = {"base_url_host": "", "wire_format": word}
    assert only(imported([record(0, "c1", 1, (provider, "m"), served(), **given)])[0])["wire_format"] == told


@pytest.mark.parametrize(
    ("word", "tools", "told"),
    [("native", 2, "native"), ("native", 0, "none"), ("json", 0, "json"), ("adaptive", 0, "text"), ("x", 1, "unknown")],
)
def test_the_tool_format_says_how_tools_were_offered(imported: Import, word: str, tools: int, told: str) -> None:
    lines = [request(0, "c1", 1, OPUS, native_tool_count=tools), record(0, "c1", 1, OPUS, served(), tool_format=word)]
    assert only(imported(lines)[0])["tool_format"] == told


def test_unknown_and_redacted_words_are_unknown(imported: Import) -> None:
    origins = {**harn.UNKNOWN, "model": "operator-pin", "thinking": 7, "provider": "operator_pin", "more": "x"}
    lines = [record(0, "c1", 1, ("***", "[REDACTED]"), served(), provenance=origins, base_url_host="")]
    call = only(imported(lines)[0])
    assert (call["provider"], call["model"]) == ("unknown", "unknown")
    assert call["provenance"] == {**harn.UNKNOWN, "provider": "operator_pin"}


def test_every_wrapping_is_read(imported: Import) -> None:
    told = [request(0, "c1", 2, OPUS), response(1, "c1", 2, OPUS), record(1, "c1", 2, OPUS, served())]
    plain = imported(told)[0]
    noise = [{"id": 1, "event": {"kind": "message", "payload": {"content": SECRET}}}, {"data": {"payload": SECRET}}]
    assert imported([*noise, *map(harn.in_event_log, told)])[0] == plain
    assert imported([*noise, *map(harn.in_run_json, told)])[0] == plain


def test_a_call_that_stands_in_two_transcripts_is_told_once(imported: Import) -> None:
    told = [request(0, "c1", 1, OPUS), retry(1, 1, OPUS), request(2, "c2", 1, OPUS), response(3, "c2", 1, OPUS)]
    end = record(3, "c2", 1, OPUS, RECOVERED)
    other = record(9, "c9", 1, OPUS, served())
    torn = [*told, json.dumps(end)[:70]]
    records, out = imported(torn, [*map(harn.in_event_log, told), harn.in_event_log(end), harn.in_event_log(other)])
    told_calls = [(each["call_id"], each["outcome_kind"]) for each in records if each["kind"] == "llm_call"]
    # What was torn in the one is read in the other, and belongs to the run that it began in.
    assert told_calls == [("c1", "superseded"), ("c2", "empty_completion_transient_recovered"), ("c9", "served")]
    assert [(each["names"]["label"], each["rollup"]["calls"]) for each in records[-2:]] == [("run-0", 2), ("run-1", 1)]
    assert out == "2 calls in 3 attempts, 2 runs. Lines left out: 4 read before, 1 unreadable.\n"


def test_a_copy_is_no_run_of_its_own(imported: Import) -> None:
    lines = [record(0, "c1", 1, OPUS, served()), {**record(1, None, 1, OPUS, served())}]
    records, out = imported(lines, lines)
    assert [each["kind"] for each in records] == ["llm_call", "llm_call", "agent"]
    assert out.startswith("2 calls in 2 attempts, 1 run. Lines left out: 2 read before.")


def test_what_was_imported_is_not_imported_again(imported: Import) -> None:
    records, _ = imported([record(0, "c1", 1, OPUS, served())])
    assert imported(records) == ([], "0 calls in 0 attempts, 0 runs. Lines left out: 2 of other kinds.\n")


def test_foreign_and_torn_lines_are_counted(imported: Import, tmp_path: Path) -> None:
    lines = [
        {"type": "message", "content": f"resolved_dispatch {SECRET}"},
        '{"type": "resolved_dispatch", broken}',
        "not json",
        "[1, 2]",
        "[" * 5000 + '"resolved_dispatch"',
        record(0, "c1", 1, OPUS, served()),
        {"type": "resolved_dispatch", "call_id": "c2"},
        json.dumps(record(1, "c3", 1, OPUS, served()))[:90],
    ]
    _, out = imported(lines)
    assert out == "2 calls in 2 attempts, 1 run. Lines left out: 1 of other kinds, 5 unreadable.\n"
    _, out = imported([{"type": "resolved_dispatch", "call_id": "c2"}])
    assert out == "0 calls in 0 attempts, 0 runs. Lines left out: 1 without a time.\n"


@pytest.mark.parametrize("wrong", [None, 7, -1, 2**70, 1.5, True, "x" * 3000, [], ["x"], {}, {"a": 1}, "\ud800", "{}"])
def test_keys_of_the_wrong_type_do_no_harm(imported: Import, wrong: Any) -> None:
    whole = [
        request(0, "c1", 1, OPUS),
        response(1, "c1", 1, OPUS),
        failure(1, "c1", 1, OPUS),
        retry(1, 1, OPUS),
        record(1, "c1", 1, OPUS, served()),
    ]
    time = {"timestamp": f"{BEGIN}.000"}
    for each in whole:
        broken = {**dict.fromkeys(each, wrong), "type": each["type"], **time}
        imported([broken, {**each, "outcome": {"kind": wrong, "class": wrong, "content_len": wrong}}, *whole])
    wrapped = harn.in_event_log(whole[0])
    imported([{**wrapped, "event": {**wrapped["event"], "occurred_at_ms": wrong, "kind": wrong}}])


def test_memory_does_not_grow_with_what_is_left_open(imported: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 0
    tell = calls.Calls._tell

    def watched(self: calls.Calls, attempt: calls.Attempt) -> None:
        nonlocal most
        most = max(most, len(self._open) + self._count)
        tell(self, attempt)

    monkeypatch.setattr(calls.Calls, "_tell", watched)
    lines: list[Any] = []
    for n in range(2000):
        turn = n * 2
        lines += [request(n, f"a{n}", turn, OPUS), request(n, f"b{n}", turn + 1, OPUS), retry(n, turn + 1, OPUS)]
    records, _ = imported(lines)
    assert len(records) == 4001
    assert most <= 2 * calls.OPEN + 1


def test_stdin_is_a_transcript_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = (json.dumps(record(0, "c1", 1, OPUS, served())) + "\n").encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    target = tmp_path / "records.jsonl"
    assert main(["import-harn", "-", "--record-file", str(target)]) == 0
    assert json.loads(target.read_text().splitlines()[-1])["names"]["label"] == "stdin"
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (".harn-runs/2026-a-llm/llm_transcript.jsonl", "2026-a"),
        ("jobs/9/llm_transcript.jsonl", "9"),
        ("events/topics/agent.transcript.llm.jsonl", "agent.transcript.llm"),
        ("-llm/llm_transcript.jsonl", "-llm"),
        ("out.ndjson", "out"),
    ],
)
def test_a_run_is_named_after_its_folder_or_file(tmp_path: Path, path: str, name: str) -> None:
    source = written(tmp_path / path, [record(0, "c1", 1, OPUS, served())])
    target = tmp_path / "records.jsonl"
    assert main(["import-harn", source, "--record-file", str(target)]) == 0
    assert json.loads(target.read_text().splitlines()[-1])["name"] == f"invoke_agent {name}"


def test_runs_answers_what_a_user_asks_of_a_transcript(imported: Import, tmp_path: Path, capsys: Any) -> None:
    imported(
        [
            request(0, "c1", 1, OPUS),
            retry(1, 1, OPUS),
            request(1, "c2", 1, OPUS),
            record(2, "c2", 1, OPUS, RECOVERED, provenance=ASTRAY),
            record(3, "c3", 2, OPUS, TERMINAL, provenance=ASTRAY),
            record(4, "c4", 3, SONNET, {"kind": "provider_error", "class": "overloaded"}, **AT_ANTHROPIC),
        ]
    )
    path = str(tmp_path / "records.jsonl")
    tables = []
    for option in ([], ["--outcomes"], ["--calls", "--inherited"]):
        assert main(["runs", path, *option]) == 0
        tables.append([line.split() for line in capsys.readouterr().out.splitlines()[1:]])
    assert tables == [
        [["run-0", "agent", "2", "models", "2", "providers", "4.0", "s", "3", "of", "4", "calls"]],
        [
            ["anthropic", SONNET[1], "provider_error", "overloaded", "1"],
            [*OPUS, "empty_completion_terminal", "1", "1"],
            [*OPUS, "empty_completion_transient_recovered", "1", "1"],
            [*OPUS, "superseded", "1", "1"],
        ],
        [
            ["turn", "1", "llm_call", *reversed(OPUS), "superseded", "1.0", "s", "provider"],
            ["turn", "1", "llm_call", *reversed(OPUS), RECOVERED["kind"], "1.0", "s", "provider"],
            ["turn", "2", "llm_call", *reversed(OPUS), TERMINAL["kind"], "provider"],
        ],
    ]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_dead_endpoint_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], protocol: str
) -> None:
    dead = dead_endpoint()
    monkeypatch.setenv("DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT", dead)
    monkeypatch.setenv("DISPATCH_OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    path = written(tmp_path / "t.jsonl", [record(0, "c1", 1, OPUS, served())])
    assert main(["import-harn", path]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"otel-dispatch: spans do not arrive at {dead}; ")
    assert captured.err.count("\n") == 1


def test_where_nothing_can_go_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "t.jsonl", [record(0, "c1", 1, OPUS, served())])
    for words, why in (
        ([str(tmp_path / "none")], f"{tmp_path}/none cannot be read: No such file or directory."),
        ([path, str(tmp_path)], f"{tmp_path} cannot be read: it is no file that you may read."),
        ([path, "--record-file", str(tmp_path)], f"{tmp_path} cannot be written: Is a directory."),
    ):
        assert main(["import-harn", *words]) == 2
        assert capsys.readouterr() == ("", f"otel-dispatch: {why}\n")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert main(["import-harn", path]) == 2
    assert "give a --record-file instead" in capsys.readouterr().err


@pytest.mark.parametrize("rich", [True, False])
def test_a_long_file_shows_how_far_it_is_on_a_terminal(tmp_path: Path, rich: bool) -> None:
    lines = ['{"type": "message", "content": "' + "x" * 2**20 + '"}'] * 20
    path = written(tmp_path / "t.jsonl", [*lines, record(0, "c1", 1, OPUS, served())])
    hidden = "" if rich else "import sys; sys.modules['rich'] = None; import otel_dispatch.command.progress as p\n"
    hidden += "" if rich else "p.find_spec = lambda name: None\n"
    code = f"{hidden}from otel_dispatch.__main__ import main\nimport sys\nsys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", code, "import-harn", path, "--record-file", str(tmp_path / "r.jsonl")]
    master, slave = os.openpty()
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=slave) as process:
        out, _ = process.communicate(timeout=60)
    os.close(slave)
    shown = os.read(master, 65536).decode()
    os.close(master)
    assert (process.returncode, out[:6]) == (0, b"1 call")
    assert "MiB" in shown or "MB" in shown
    assert "\x1b" in shown if rich else "\x1b" not in shown
