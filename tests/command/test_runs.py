"""`runs`: what a record file holds, as a table and as JSON, whatever else lies in the file."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import otel_dispatch
from otel_dispatch.__main__ import main
from otel_dispatch.command.runs import duration
from tests.conftest import Faults, Told

HARN = {
    "type": "resolved_dispatch",
    "iteration": 3,
    "call_id": "0199",
    "span_id": 41,
    "timestamp": "1789000000.042",
    "provider": "anthropic",
    "model": "claude-sonnet-4-6",
    "wire_format": "anthropic_native",
    "thinking": {"mode": "effort", "level": "high", "enabled": True},
    "tool_format": "native",
    "stop": None,
    "base_url_host": "api.anthropic.com",
    "provenance": {
        "provider": "inherited_from_primary",
        "model": "escalation_override",
        "wire_format": "unknown",
        "thinking": "unknown",
        "tool_format": "pipeline_input",
    },
    "outcome": {"kind": "usage_limit", "class": "rate_limit"},
    "outcome_kind": "usage_limit",
}

KEYS = {
    "name",
    "kind",
    "span_name",
    "agent",
    "skill",
    "workflow",
    "conversation",
    "model",
    "models",
    "provider",
    "providers",
    "wire_format",
    "outcome",
    "outcome_class",
    "started",
    "ended",
    "duration_s",
    "calls",
    "inherited_calls",
    "inherited_fields",
    "mismatch",
    "trace_id",
    "otel_span_id",
    "definition",
    "definition_hash",
    "definition_changed",
}

Run = Callable[..., tuple[int, str, str]]


def entry(**changes: Any) -> dict[str, Any]:
    """A line about a run of an entry point."""
    return {
        "type": "resolved_dispatch",
        "timestamp": "1789000001.500",
        "provider": "minimax",
        "model": "MiniMax-M2",
        "outcome": {"kind": "served"},
        "outcome_kind": "served",
        "kind": "run_skill",
        "inherited_fields": [],
        "mismatch": [],
        "names": {"skill": "write-tests", "label": "write-tests"},
        "rollup": {"calls": 1, "models": ["MiniMax-M2"], "providers": ["minimax"], "inherited_calls": 0},
        "name": "invoke_agent write-tests",
        "trace_id": "ab" * 16,
        "otel_span_id": "cd" * 8,
        "started": 1789000000.0,
        "duration_s": 1.5,
        **changes,
    }


@pytest.fixture
def runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command on a file of these lines; gives the exit code, stdout and stderr."""

    def run(lines: list[Any], *options: str) -> tuple[int, str, str]:
        path = tmp_path / "records.jsonl"
        path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
        code = main(["runs", str(path), *options])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def cells(out: str) -> list[list[str]]:
    return [[cell for cell in line.split("  ") if cell] for line in out.splitlines()]


def test_the_runs_of_entry_points_are_shown_newest_last(runs: Run) -> None:
    call = entry(kind="llm_call", name="chat MiniMax-M2", rollup=None, names={})
    second = entry(
        kind="fleet_dispatch",
        names={"workflow": "audit", "label": "audit", "agent": "night"},
        rollup={"calls": 3, "models": ["a", "b"], "providers": ["x", "y", "z"], "inherited_calls": 1},
        outcome={"kind": "provider_error", "class": "timeout"},
        outcome_kind="provider_error",
        duration_s=185.2,
    )
    code, out, err = runs([call, entry(), call, second])
    assert (code, err) == (0, "")
    assert [[cell.strip() for cell in row] for row in cells(out)] == [
        ["RUN", "KIND", "AGENT OR SKILL", "MODEL", "PROVIDER", "STATUS", "TIME", "INHERITED"],
        ["write-tests", "run_skill", "MiniMax-M2", "minimax", "served", "1.5 s"],
        [
            "audit",
            "fleet_dispatch",
            "night",
            "2 models",
            "3 providers",
            "provider_error timeout",
            "3 min 05 s",
            "1 of 3 calls",
        ],
    ]


def test_what_every_call_inherited_is_named(runs: Run) -> None:
    rollup = {"calls": 2, "models": ["m"], "providers": ["p"], "inherited_calls": 2}
    _, out, _ = runs([entry(inherited_fields=["model", "provider"], rollup=rollup)])
    assert out.rstrip().endswith("  model, provider")


def test_a_run_that_called_nothing_has_no_model(runs: Run) -> None:
    rollup = {"calls": 0, "models": [], "providers": [], "inherited_calls": 0}
    _, out, _ = runs([entry(model="unknown", provider="unknown", rollup=rollup)])
    assert "unknown" not in out


def test_where_there_is_no_entry_the_calls_are_shown(runs: Run) -> None:
    code, out, err = runs([HARN, entry(kind="llm_call", name="chat MiniMax-M2", names={}, rollup=None)])
    assert code == 0
    assert [[cell.strip() for cell in row] for row in cells(out)][1:] == [
        ["turn 3", "claude-sonnet-4-6", "anthropic", "usage_limit rate_limit", "provider"],
        ["chat", "llm_call", "MiniMax-M2", "minimax", "served", "1.5 s"],
    ]
    assert err == "No entry point ran here: these are single model calls.\n"


def test_json_has_the_same_keys_for_every_run(runs: Run) -> None:
    _, out, err = runs([entry()], "--json")
    _, harn, _ = runs([HARN], "--json")
    ours, theirs = json.loads(out)[0], json.loads(harn)[0]
    assert err == ""
    assert set(ours) == set(theirs) == KEYS
    assert (ours["name"], ours["duration_s"], ours["calls"], ours["models"]) == ("write-tests", 1.5, 1, ["MiniMax-M2"])
    assert (theirs["ended"], theirs["duration_s"], theirs["kind"]) == (1789000000.042, None, None)
    assert theirs["inherited_fields"] == ["provider"]


@pytest.mark.parametrize("wrong", [None, 7, "text", True, [], [None, {}], {"a": 1}, -1.5, 10**30])
def test_keys_of_the_wrong_type_are_as_if_they_were_not_there(runs: Run, wrong: Any) -> None:
    broken = {**dict.fromkeys(entry(), wrong), "type": "resolved_dispatch"}
    code, out, _ = runs([broken, {**entry(), "rollup": wrong, "names": wrong, "duration_s": wrong}], "--json")
    assert code == 0
    assert set(json.loads(out)[-1]) == KEYS
    assert runs([broken])[0] == 0


def test_torn_and_foreign_lines_are_left_out(runs: Run) -> None:
    torn = json.dumps(entry())[:40]
    code, out, _ = runs(['{"type": "message"}', "not json", "", entry(), torn])
    assert code == 0
    assert len(out.splitlines()) == 2


def test_the_newest_can_be_asked_for_alone(runs: Run) -> None:
    names = [{"label": f"run-{n}"} for n in range(5)]
    _, out, _ = runs([entry(names=name) for name in names], "--limit", "2")
    assert [row[0] for row in cells(out)] == ["RUN", "run-3", "run-4"]


def test_an_empty_file_is_no_fault(runs: Run, tmp_path: Path) -> None:
    assert runs([]) == (0, f"No runs in {tmp_path / 'records.jsonl'} yet.\n", "")
    assert runs([], "--json") == (0, "[]\n", "")


def test_a_file_that_is_not_there_is_told_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        assert main(["runs", str(path)]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith(f"otel-dispatch: {path} cannot be read: ")
        assert captured.err.count("\n") == 1


CALLS = [
    entry(kind="llm_call", name="chat MiniMax-M2", names={}, rollup=None),
    HARN,
    entry(
        kind="llm_call",
        iteration=2,
        provider="openai",
        names={},
        rollup=None,
        mismatch=["model.served"],
        outcome={"kind": "provider_error", "class": "timeout"},
        outcome_kind="provider_error",
    ),
    entry(),
    entry(kind="llm_call", provider="openai", names={}, rollup=None, outcome=None, outcome_kind=None),
]


def test_the_single_calls_of_a_run_can_be_asked_for(runs: Run) -> None:
    code, out, err = runs(CALLS, "--calls")
    assert (code, err) == (0, "")
    assert [[cell.strip() for cell in row] for row in cells(out)] == [
        ["RUN", "KIND", "MODEL", "PROVIDER", "STATUS", "TIME", "INHERITED", "MISMATCH"],
        ["chat", "llm_call", "MiniMax-M2", "minimax", "served", "1.5 s"],
        ["turn 3", "claude-sonnet-4-6", "anthropic", "usage_limit rate_limit", "provider"],
        ["turn 2", "llm_call", "MiniMax-M2", "openai", "provider_error timeout", "1.5 s", "model.served"],
        ["invoke_agent", "llm_call", "MiniMax-M2", "openai", "1.5 s"],
    ]


def test_how_the_calls_ended_is_counted(runs: Run) -> None:
    code, out, _ = runs([*CALLS, CALLS[0]], "--outcomes")
    assert code == 0
    assert [[cell.strip() for cell in row] for row in cells(out)] == [
        ["PROVIDER", "MODEL", "STATUS", "CALLS", "INHERITED", "MISMATCH"],
        ["anthropic", "claude-sonnet-4-6", "usage_limit rate_limit", "1", "1"],
        ["minimax", "MiniMax-M2", "served", "2"],
        ["openai", "MiniMax-M2", "not known", "1"],
        ["openai", "MiniMax-M2", "provider_error timeout", "1", "1"],
    ]
    _, told, _ = runs(CALLS, "--outcomes", "--json", "--inherited")
    assert json.loads(told) == [
        {
            "provider": "anthropic",
            "model": "claude-sonnet-4-6",
            "outcome": "usage_limit",
            "outcome_class": "rate_limit",
            "calls": 1,
            "inherited_calls": 1,
            "mismatch_calls": 0,
        }
    ]


def test_only_what_inherited_can_be_asked_for(runs: Run, tmp_path: Path) -> None:
    rollup = {"calls": 2, "models": ["m"], "providers": ["p"], "inherited_calls": 1}
    _, out, _ = runs([entry(), entry(names={"label": "astray"}, rollup=rollup)], "--inherited")
    assert [row[0].strip() for row in cells(out)] == ["RUN", "astray"]
    assert (
        runs([entry()], "--inherited")[1] == f"No runs that inherited anything in {tmp_path / 'records.jsonl'} yet.\n"
    )
    assert runs([entry()], "--calls", "--inherited")[1].startswith("No calls that inherited anything in ")


def test_a_definition_that_says_something_else_now_is_marked(runs: Run, tmp_path: Path) -> None:
    definition = tmp_path / "SKILL.md"
    definition.write_text("one")
    known = {"path": str(definition), "hash": hashlib.sha256(b"one").hexdigest()[:16]}
    lines = [entry(definition=known), entry(definition={**known, "path": str(tmp_path / "gone.md")})]
    assert "DEFINITION" not in runs(lines)[1]
    assert [each["definition_changed"] for each in json.loads(runs(lines, "--json")[1])] == [False, None]
    definition.write_text("two")
    assert [row[-1].strip() for row in cells(runs(lines)[1])][:2] == ["DEFINITION", "changed since this run"]
    assert [each["definition_changed"] for each in json.loads(runs(lines, "--json")[1])] == [True, None]


def test_an_entry_point_records_its_definition(
    runs: Run, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPATCH_OTEL_RECORD_FILE", str(tmp_path / "records.jsonl"))
    (tmp_path / "skills").mkdir()
    path = tmp_path / "skills" / "SKILL.md"
    path.write_text("one")

    @otel_dispatch.entry_point("run_skill", name="fix", definition=Path("skills/SKILL.md"))
    def skill() -> None:
        pass

    skill()
    (line,) = (tmp_path / "records.jsonl").read_text().splitlines()
    known = hashlib.sha256(b"one").hexdigest()[:16]
    assert json.loads(line)["definition"] == {"path": os.path.join("skills", "SKILL.md"), "hash": known}
    span = told.only()
    assert span.attributes is not None
    assert span.attributes["dispatch.agent.definition_hash"] == known
    # Where the file lies is for the local file alone.
    assert "SKILL.md" not in span.to_json()
    assert "SKILL.md" not in str([event.attributes for event in told.events()])
    path.write_text("two")
    assert "changed since this run" in runs([line])[1]


def test_a_definition_that_is_no_path_leaves_the_function_as_it_was(faults: Faults) -> None:
    def agent() -> int:
        return 7

    faults.expect()
    assert otel_dispatch.entry_point("agent", definition=7)(agent) is agent  # type: ignore[arg-type]


def test_a_definition_that_cannot_be_read_is_told_once_and_stops_nothing(
    tmp_path: Path, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    missing = tmp_path / "none.md"

    @otel_dispatch.entry_point("agent", definition=str(missing))
    def agent() -> int:
        return 7

    assert [agent(), agent()] == [7, 7]
    assert "dispatch.agent.definition_hash" not in (told.spans()[0].attributes or {})
    assert [each.getMessage() for each in caplog.records] == [
        f"The definition {missing} cannot be read (No such file or directory); its hash is not recorded."
    ]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, ""),
        (0.0, "0 ms"),
        (0.0124, "12 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (1.24, "1.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (185.2, "3 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7512, "2 h 05 min"),
    ],
)
def test_durations_are_told_as_people_say_them(seconds: float | None, told: str) -> None:
    assert duration(seconds) == told
