"""`audit`: what is counted and for whom, what makes it fail, and that its memory does not grow with the file."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import otel_dispatch as od
from otel_dispatch.__main__ import main
from otel_dispatch.command import ledger, seen, source
from tests.command.backend_doubles import Jaeger, Tempo
from tests.command.backend_doubles import call as call_span
from tests.command.backend_doubles import inherited as inherited_words
from tests.command.backend_doubles import run as run_span
from tests.command.harn_lines import BEGIN
from tests.conftest import Told
from tests.test_entries import call as send

Line = dict[str, Any]
Audit = Callable[..., tuple[int, list[Line], str]]

T = "ab" * 16
AT = 1_789_000_000.0
HARN = {
    "type": "resolved_dispatch",
    "call_id": "0199",
    "timestamp": "1789000000.042",
    "provider": "anthropic",
    "model": "claude-sonnet-4-6",
    "provenance": {"provider": "inherited_from_primary", "model": "escalation_override", "thinking": "unknown"},
    "outcome": {"kind": "usage_limit", "class": "rate_limit"},
    "outcome_kind": "usage_limit",
}


def line(number: int, at: float = 0.0, **told: Any) -> Line:
    """A line of a model call that was served, *at* seconds after the beginning."""
    return {
        "type": "resolved_dispatch",
        "timestamp": f"{AT + at:.3f}",
        "kind": "llm_call",
        "provider": "minimax",
        "model": "MiniMax-M2",
        "outcome": {"kind": "served"},
        "outcome_kind": "served",
        "inherited_fields": [],
        "mismatch": [],
        "call_id": f"c{number}",
        "trace_id": T,
        "otel_span_id": f"{number:016x}",
        "otel_parent_id": None,
        "otel_entry_id": None,
        **told,
    }


def below(number: int) -> Line:
    """The words of what ran below the span of that number."""
    return {"otel_parent_id": f"{number:016x}", "otel_entry_id": f"{number:016x}"}


def entry(number: int, name: str, at: float = 0.0, **told: Any) -> Line:
    return line(number, at, **{"kind": "run_skill", "names": {"skill": name, "label": name}, "rollup": {}, **told})


def ended(kind: str, cls: str | None = None) -> Line:
    return {"outcome": {"kind": kind, **({"class": cls} if cls else {})}, "outcome_kind": kind}


@pytest.fixture
def audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Audit:
    """Runs the command on files of these lines; gives the exit code, the findings and stderr."""

    def run(*files: list[Any], options: tuple[str, ...] = ()) -> tuple[int, list[Line], str]:
        paths = []
        for number, lines in enumerate(files):
            path = tmp_path / f"{number}.jsonl"
            path.write_text("".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in lines))
            paths.append(str(path))
        code = main(["audit", *paths, "--json", *options])
        captured = capsys.readouterr()
        return code, json.loads(captured.out)["findings"], captured.err

    return run


def brief(findings: list[Line]) -> list[tuple[Any, ...]]:
    return [tuple(each[name] for name in ("entry", "field", "found", "detail", "count")) for each in findings]


INHERITED = {"inherited_fields": ["model", "provider"]}


def test_calls_are_counted_for_the_entry_around_them(audit: Audit) -> None:
    lines = [
        line(3, 1, **below(1), **INHERITED),
        line(4, 2, **below(2), **ended("empty_completion_terminal")),
        line(5, 3, **below(1), **INHERITED),
        entry(1, "implement", 4, **below(2), inherited_fields=["model", "provider"], rollup={"inherited_calls": 2}),
        entry(2, "audit", 5, rollup={"inherited_calls": 2, "empty_terminal_calls": 1}),
        line(6, 6, mismatch=["model.served"], trace_id="cd" * 16),
    ]
    code, findings, err = audit(lines)
    assert code == 1
    assert brief(findings) == [
        ("implement", "model", "inherited_from_primary", None, 2),
        ("implement", "provider", "inherited_from_primary", None, 2),
        (None, "model", "mismatch", "model.served", 1),
        ("audit", "outcome", "empty_completion_terminal", None, 1),
    ]
    assert err == "4 calls and 2 runs looked at: 6 findings, 6 failing.\n"


def test_a_finding_says_where_and_when(audit: Audit) -> None:
    lines = [line(n, at, **below(1), mismatch=["model.served"]) for n, at in ((3, 7), (4, 2), (5, 5))]
    _, findings, _ = audit([*lines, entry(1, "implement", 9)])
    assert findings == [
        {
            "entry": "implement",
            "field": "model",
            "found": "mismatch",
            "detail": "model.served",
            "provider": "minimax",
            "model": "MiniMax-M2",
            "count": 3,
            "first": AT + 2,
            "last": AT + 7,
            "trace_id": T,
            "fails": True,
        }
    ]


def test_an_entry_counts_for_what_nothing_below_it_shows(audit: Audit) -> None:
    lines = [
        line(3, **below(2), inherited_fields=["model"]),
        entry(2, "inner", 1, **below(1), inherited_fields=["model", "thinking"], **ended("provider_error", "auth")),
        entry(1, "outer", 2, inherited_fields=["model", "thinking"], **ended("provider_error", "unknown")),
    ]
    _, findings, _ = audit(lines)
    assert brief(findings) == [
        ("inner", "model", "inherited_from_primary", None, 1),
        ("inner", "thinking", "inherited_from_primary", None, 1),
        ("inner", "outcome", "provider_error", "auth", 1),
    ]


def test_a_roll_up_counts_once_where_the_calls_are_not_at_hand(audit: Audit) -> None:
    rollup = {"inherited_calls": 3, "empty_terminal_calls": 2}
    lines = [entry(2, "inner", 1, **below(1), rollup=rollup), entry(1, "outer", 2, rollup=rollup)]
    _, findings, _ = audit(lines)
    assert brief(findings) == [
        ("inner", None, "inherited_from_primary", None, 1),
        ("inner", "outcome", "empty_completion_terminal", None, 1),
    ]
    _, findings, _ = audit([line(3, **below(2), inherited_fields=["model"]), *lines])
    assert brief(findings)[:2] == [
        ("inner", "model", "inherited_from_primary", None, 1),
        ("inner", "outcome", "empty_completion_terminal", None, 1),
    ]


def test_what_runs_below_a_launch_belongs_to_the_entry_of_the_launch(audit: Audit) -> None:
    lines = [
        line(4, 1, otel_parent_id=f"{3:016x}", **INHERITED),
        line(3, 2, kind="cli_launch", **below(1)),
        line(5, 3, otel_parent_id=f"{99:016x}", mismatch=["model.served"]),
        entry(1, "implement", 4),
    ]
    assert [each[0] for each in brief(audit(lines)[1])] == [None, "implement", "implement"]


def test_the_order_of_lines_and_files_does_not_matter(audit: Audit) -> None:
    calls = [line(3, 5, **below(1), **INHERITED), line(4, 9, **below(1), **INHERITED)]
    run = entry(1, "implement", 1, **INHERITED)
    expected = [("implement", each, "inherited_from_primary", None, 2) for each in ("model", "provider")]
    for files in ([[run, *calls]], [[*calls, run]], [[run], calls], [calls, [run]]):
        assert brief(audit(*files)[1]) == expected


def test_parents_that_go_round_in_circles_end_the_search(audit: Audit) -> None:
    lines = [entry(1, "a", **below(2)), entry(2, "b", **below(1)), line(3, **below(2), **INHERITED)]
    lines.append(line(4, kind="cli_launch", otel_parent_id=f"{4:016x}", mismatch=["provider.host"]))
    assert {each[0] for each in brief(audit(lines)[1])} == {"b", None}


def test_a_line_that_does_not_say_where_it_ran_belongs_to_the_one_entry_of_its_trace(audit: Audit) -> None:
    old = [
        {key: value for key, value in each.items() if key not in ("otel_parent_id", "otel_entry_id")}
        for each in (line(3, **INHERITED), entry(1, "implement", 1, **INHERITED), entry(2, "other", 2, **INHERITED))
    ]
    assert {(each[0], each[4]) for each in brief(audit(old[:2])[1])} == {("implement", 1)}
    assert {(each[0], each[4]) for each in brief(audit(old)[1])} == {(None, 1)}


def test_a_dispatch_that_two_sources_tell_counts_once(audit: Audit) -> None:
    lines = [line(n, n, **below(1), **INHERITED) for n in range(3, 9)] + [entry(1, "implement", 9)]
    for files in ([lines], [lines, lines], [lines, lines, lines[2:]], [lines + lines], [lines, lines[::-1]]):
        code, findings, err = audit(*files)
        assert (code, {each["count"] for each in findings}) == (1, {6})
        assert err.startswith("6 calls and 1 run looked at")


def test_the_attempts_on_somebody_elses_span_are_several_and_its_span_adds_none(audit: Audit) -> None:
    attempts = [
        line(3, 1, **below(1), **ended("superseded")),
        line(3, 2, **below(1), **ended("empty_completion_terminal"), call_id="other"),
    ]
    backend = line(3, 3, **below(1), **ended("empty_completion_terminal"), call_id="third")
    _, findings, err = audit(attempts, [backend], [attempts[0]], options=("--fail-on", "superseded"))
    assert brief(findings) == [
        (None, "outcome", "superseded", None, 1),
        (None, "outcome", "empty_completion_terminal", None, 1),
    ]
    assert err.startswith("2 calls and 0 runs looked at: ")


def test_what_was_served_is_shown_only_where_it_is_watched_for(audit: Audit) -> None:
    lines = [line(1), line(2, **ended("superseded")), line(3, **ended("empty_completion_transient_recovered"))]
    code, findings, _ = audit(lines)
    assert (code, [each["found"] for each in findings]) == (0, ["empty_completion_transient_recovered"])
    code, findings, _ = audit(lines, options=("--fail-on", "served"))
    assert (code, [each["found"] for each in findings]) == (
        1,
        ["served", "empty_completion_transient_recovered"],
    )


@pytest.mark.parametrize(
    ("words", "fails"),
    [
        ("inherited_from_primary", {"inherited_from_primary"}),
        ("mismatch", {"model.served", "provider.host"}),
        ("model.served", {"model.served"}),
        ("usage_limit, model.served", {"usage_limit", "model.served"}),
        ("rate_limit", {"usage_limit"}),
        ("timeout", set()),
        ("empty_completion_terminal", set()),
    ],
)
def test_it_fails_on_the_words_that_are_asked_for(audit: Audit, words: str, fails: set[str]) -> None:
    lines = [line(1, **INHERITED), line(2, mismatch=["model.served", "provider.host"])]
    lines.append(line(3, **ended("usage_limit", "rate_limit")))
    code, findings, err = audit(lines, options=("--fail-on", words))
    told = {each["detail"] if each["found"] == "mismatch" else each["found"] for each in findings if each["fails"]}
    assert (code, told) == (1 if fails else 0, fails)
    assert len(findings) == 5
    assert f"5 findings, {sum(each['fails'] for each in findings)} failing" in err


def test_an_unknown_word_is_told_with_those_that_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ("inherited", "mismatch,", ""):
        with pytest.raises(SystemExit) as raised:
            main(["audit", "x", f"--fail-on={words}"])
        assert raised.value.code == 2
        err = capsys.readouterr().err
        assert err.startswith("otel-dispatch: argument --fail-on: ")
        assert "is none of inherited_from_primary, mismatch, served, " in err
        assert err.count("\n") == 1


def test_since_leaves_out_what_ended_before(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line(n, 100 * n, **INHERITED) for n in range(1, 4)]
    monkeypatch.setattr("otel_dispatch.command.since.time.time", lambda: AT + 400)
    for word, count in (("100s", 1), ("2m", 1), ("3m", 1), ("4m", 2), ("1h", 3), ("2d", 3), ("99s", 0)):
        _, findings, _ = audit(lines, options=("--since", word))
        assert sum(each["count"] for each in findings if each["field"] == "model") == count, word
    for word, count in (("2026-09-10T00:29:59Z", 2), ("2026-09-10t02:31:39.500+02:00", 1)):
        _, findings, _ = audit(lines, options=("--since", word))
        assert sum(each["count"] for each in findings if each["field"] == "model") == count, word


def test_the_table_puts_what_fails_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "records.jsonl"
    limits = [line(n, n, **ended("usage_limit", "rate_limit")) for n in range(2, 5)]
    path.write_text(
        "".join(json.dumps(each) + "\n" for each in [line(1, **below(9), mismatch=["model.served"]), *limits])
    )
    assert main(["audit", str(path)]) == 1
    captured = capsys.readouterr()
    rows = [[cell.strip() for cell in row.split("  ") if cell] for row in captured.out.splitlines()]
    assert rows == [
        ["FIELD", "FOUND", "PROVIDER", "MODEL", "COUNT", "FIRST", "LAST", "TRACE", "VERDICT"],
        [
            *("model", "mismatch model.served", "minimax", "MiniMax-M2", "1"),
            *("2026-09-10T00:26:40Z", "2026-09-10T00:26:40Z", T, "fails"),
        ],
        [
            *("outcome", "usage_limit rate_limit", "minimax", "MiniMax-M2", "3"),
            *("2026-09-10T00:26:42Z", "2026-09-10T00:26:44Z", T),
        ],
    ]
    assert captured.err == "4 calls and 0 runs looked at: 4 findings, 1 failing.\n"
    assert main(["audit", str(path), "--limit", "1"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_clean_source_and_an_empty_one_are_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps(line(1)) + "\n" + json.dumps(entry(2, "x")) + "\n")
    assert main(["audit", str(path)]) == 0
    assert capsys.readouterr() == ("", "1 call and 1 run looked at: clean.\n")
    path.write_text("")
    assert main(["audit", str(path)]) == 0
    assert capsys.readouterr() == ("", f"No dispatches in {path}: there was nothing to look at.\n")


def test_one_source_that_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "records.jsonl").write_text(json.dumps(line(1, **INHERITED)) + "\n")
    assert main(["audit", str(tmp_path / "records.jsonl"), str(tmp_path / "none")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"otel-dispatch: {tmp_path / 'none'} cannot be read: No such file or directory.\n"


def test_the_json_object_has_these_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps(line(1)) + "\n")
    main(["audit", str(path), "--json", "--since", "2026-01-01T00:00:00Z", "--fail-on", "quota,mismatch"])
    assert json.loads(capsys.readouterr().out) == {
        "sources": [str(path)],
        "since": 1767225600.0,
        "fail_on": ["mismatch", "quota"],
        "calls": 1,
        "runs": 0,
        "failing": 0,
        "findings": [],
    }


def test_harns_own_lines_are_read(audit: Audit) -> None:
    code, findings, _ = audit([HARN, {**HARN, "call_id": "0200"}, HARN])
    assert (code, brief(findings)) == (
        1,
        [
            (None, "provider", "inherited_from_primary", None, 2),
            (None, "outcome", "usage_limit", "rate_limit", 2),
        ],
    )


def test_a_transcript_that_was_imported_is_told_by_its_name(
    tmp_path: Path, audit: Audit, capsys: pytest.CaptureFixture[str]
) -> None:
    transcript, target = tmp_path / "night.jsonl", tmp_path / "out.jsonl"
    transcript.write_text(json.dumps({**HARN, "iteration": 1, "timestamp": f"{BEGIN}.000"}) + "\n")
    assert main(["import-harn", str(transcript), "--record", str(target)]) == 0
    capsys.readouterr()
    findings = audit(target.read_text().splitlines())[1]
    assert brief(findings) == [
        ("night", "provider", "inherited_from_primary", None, 1),
        # harn finds the class in the text of a message, which is no evidence.
        ("night", "outcome", "usage_limit", "unknown", 1),
    ]


@pytest.mark.parametrize("wrong", [None, 7, "text", True, [], [None, {}], {"a": 1}, -1.5, 10**30])
def test_keys_of_the_wrong_type_are_as_if_they_were_not_there(audit: Audit, wrong: Any) -> None:
    good = line(1, **INHERITED)
    for key in good.keys() - {"type", "inherited_fields"}:
        code, findings, _ = audit([{**good, key: wrong}, {**entry(2, "x"), key: wrong}])
        assert code == 1
        assert {"model", "provider"} <= {each["field"] for each in findings}, key
    broken = {**dict.fromkeys(good, wrong), "type": "resolved_dispatch", "rollup": wrong, "names": wrong}
    assert audit([broken, "no json", '{"type": "message", "timestamp": 7}', '{"type":', "[]", ""])[0] in (0, 1)


def test_control_characters_and_long_names_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "records.jsonl"
    odd = {"model": "a\x1b[31mb", "provider": "p" * 9999, "mismatch": ["model.served\n"]}
    path.write_text(json.dumps(line(1, **odd)) + "\n")
    assert main(["audit", str(path)]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2
    assert "p" * 257 not in out


def test_the_memory_of_traces_and_findings_is_bounded(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "TRACES", 8)
    monkeypatch.setattr(ledger, "FINDINGS", 20)
    monkeypatch.setattr(ledger, "GROUPS", 30)
    kept: list[tuple[int, int]] = []
    keep = ledger.Ledger._keep

    def watched(self: ledger.Ledger, told: Any) -> None:
        keep(self, told)
        sizes = [each.size for each in self._open.values()]
        assert self._size == sum(sizes)
        kept.append((len(sizes), sum(sizes)))

    monkeypatch.setattr(ledger.Ledger, "_keep", watched)
    lines = []
    for n in range(200):
        trace = {"trace_id": f"{n + 1:032x}"}
        lines += [line(1000 + n * 5 + m, n, **trace, **below(1000 + n * 5), **INHERITED) for m in range(1, 5)]
        lines.append(entry(1000 + n * 5, f"run {n}", n, **trace, **INHERITED))
    _, findings, _ = audit(lines)
    assert max(traces for traces, _ in kept) <= 8
    assert max(size for _, size in kept) <= 20
    assert len(findings) <= 32
    assert sum(each["count"] for each in findings) == 2 * 4 * 200
    assert {"run 0", "run 14", None} <= {each["entry"] for each in findings}


def test_the_memory_of_what_was_seen_is_bounded(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "HALF", 10)
    lines = [line(n, n, **INHERITED) for n in range(1, 101)]
    assert {each["count"] for each in audit(lines, lines, lines)[1]} == {100}


def test_a_run_that_was_recorded_is_told_with_its_entry(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, audit: Audit
) -> None:
    path = tmp_path / "records.jsonl"
    monkeypatch.setenv("DISPATCH_OTEL_RECORD_FILE", str(path))

    @od.entry_point("run_skill", name="implement")
    def implement() -> None:
        with od.scope("primary", model="m"), od.scope("escalation"):
            send("m")
        tracer = told.tracer_provider.get_tracer("a framework")
        with tracer.start_as_current_span("a step"):
            send("m", text="")

    @od.entry_point("fleet_dispatch", name="audit")
    def fleet() -> None:
        implement()

    fleet()
    _, findings, err = audit(path.read_text().splitlines())
    assert brief(findings) == [
        ("implement", "model", "inherited_from_primary", None, 1),
        ("implement", "outcome", "empty_completion_terminal", None, 1),
    ]
    assert err.startswith("2 calls and 2 runs looked at")


@pytest.mark.parametrize("kind", [Jaeger, Tempo])
def test_a_backend_and_a_file_tell_the_same(
    kind: type[Jaeger] | type[Tempo],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source.time, "time", lambda: AT + 100)
    spans = [
        run_span(0xAB, 1, None, AT, 9.0, "implement"),
        call_span(0xAB, 3, 1, AT + 1, **inherited_words("model", "provider")),
        call_span(0xAB, 4, 1, AT + 3, **{"dispatch.outcome.kind": "empty_completion_terminal"}),
    ]
    lines = [line(3, 2, **below(1), **INHERITED), line(4, 4, **below(1), **ended("empty_completion_terminal"))]
    path = tmp_path / "records.jsonl"
    lines = [{**each, "trace_id": f"{0xAB:032x}"} for each in [*lines, entry(1, "implement", 9)]]
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    with kind(spans={"s": spans}) as backend:
        told = []
        for sources in ([str(path)], [backend.url], [str(path), backend.url], [backend.url, str(path)]):
            assert main(["audit", *sources, "--json"]) == 1
            told.append(json.loads(capsys.readouterr().out))
    assert len(told[0]["findings"]) == 3
    for each in told:
        assert {**each, "sources": []} == {**told[0], "sources": []}


def test_the_benchmark_makes_its_file_and_audits_it() -> None:
    for inherited, code in (("10", 1), ("0", 0)):
        command = [sys.executable, "-m", "benchmarks.audit", "--lines", "800", "--inherited", inherited, "--json"]
        done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        assert (told["lines"], told["exit_code"]) == (800, code)
        assert "700 calls and 100 runs looked at" in done.stderr
