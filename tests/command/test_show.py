"""`show`: the tree of one run, from what was really recorded and from what was recorded badly."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import otel_dispatch as od
from otel_dispatch import recordfile
from otel_dispatch.__main__ import main
from otel_dispatch.command import outline
from otel_dispatch.command.table import width_of
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.command.test_tree import record
from tests.conftest import Told

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HI: Any = [{"role": "user", "content": "hi"}]

Show = Callable[..., tuple[int, str, str]]


class Terminal(io.StringIO):
    """Something that is written to and says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Show:
    """Runs the command on a file of these records; gives the exit code, stdout and stderr."""

    def run(records: list[dict[str, Any]], *words: str) -> tuple[int, str, str]:
        path = tmp_path / "records.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in records))
        code = main(["show", str(path), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def entry(name: str, parent: str | None = None, /, **changes: Any) -> dict[str, Any]:
    """A line about a run of an entry point."""
    return record(name, parent, **{"trace_id": TRACE, "outcome_kind": "served", "duration_s": 1.5, **changes})


def call(name: str, parent: str | None = None, /, **changes: Any) -> dict[str, Any]:
    """A line about a model call that says everything."""
    told = {
        "kind": "llm_call",
        "name": "chat claude-sonnet-4-6",
        "names": {},
        "provider": "claude",
        "model": "claude-sonnet-4-6",
        "wire_format": "anthropic_native",
        "thinking": {"mode": "effort", "enabled": True, "level": "high"},
        "tool_format": "native",
        "base_url_host": "api.anthropic.com",
        "provenance": {
            "provider": "inherited_from_primary",
            "model": "escalation_override",
            "wire_format": "catalog_default",
            "thinking": "unknown",
            "tool_format": "unknown",
        },
        "inherited_fields": ["provider"],
        "primary": {"provider": "claude", "model": "claude-haiku"},
        "usage": {"input": 1200, "output": 12, "cache_read": 1000, "reasoning": 5},
        "duration_s": 0.012,
    }
    return entry(name, parent, **{**told, **changes})


RUN = [
    call("c", "b"),
    entry("b", "a", kind="agent", names={"agent": "explorer", "label": "explorer"}, rollup={"calls": 1}),
    entry(
        "a",
        kind="fleet_dispatch",
        names={"workflow": "audit", "label": "audit"},
        rollup={"calls": 1, "models": ["claude-sonnet-4-6"], "providers": ["claude"], "inherited_calls": 1},
    ),
]


CALLED = "chat (claude/claude-sonnet-4-6, effort=high)"
OTHERS = "model: escalation_override; wire_format: catalog_default; thinking, tool_format: unknown"


def test_each_step_says_what_it_used_where_from_and_what_came_back(show: Show) -> None:
    code, out, err = show(RUN)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"trace {TRACE}  1970-01-01T00:01:37Z  2.5 s  3 steps, 1 call, 1 inherited",
        "└─ fleet_dispatch audit (claude/claude-sonnet-4-6)  INHERITED 1 of 1 calls  served  1.5 s",
        "   └─ agent explorer  served  1.5 s",
        f"      └─ {CALLED}  INHERITED provider  served  12 ms  1,200 tokens in, 12 out",
        "            anthropic_native, thinking effort high, tools native, at api.anthropic.com",
        f"            provider: inherited_from_primary; {OTHERS}",
        "            the primary is claude/claude-haiku, 1,000 tokens read from cache, 5 tokens spent on reasoning",
    ]


def test_one_row_a_step_can_be_asked_for(show: Show) -> None:
    _, out, _ = show(RUN, "--brief")
    assert [line.split("  ")[0].strip() for line in out.splitlines()[1:]] == [
        "└─ fleet_dispatch audit (claude/claude-sonnet-4-6)",
        "",
        "",
    ]
    assert len(out.splitlines()) == 4


def test_what_differs_from_what_was_asked_for_is_told(show: Show) -> None:
    line = call(
        "c",
        requested={"provider": "openai", "model": "sonnet"},
        response_model="claude-haiku",
        mismatch=["model.served", "provider.host"],
        resend_count=2,
        outcome={"kind": "empty_completion_transient_recovered", "empty_retries": 2},
        outcome_kind="empty_completion_transient_recovered",
        provenance={},
        inherited_fields=[],
        usage=None,
    )
    _, out, _ = show([line])
    assert "  empty_completion_transient_recovered  12 ms\n" in out
    assert out.splitlines()[-1].strip() == (
        "asked for openai/sonnet, mismatch model.served, provider.host, answered by claude-haiku, resend 2,"
        " after 2 empty attempts"
    )


@pytest.mark.parametrize(
    ("reported", "remark"),
    [
        ("minimax", "mismatch provider.reported, its host reports minimax"),
        ("", "mismatch provider.reported, its host reports no provider"),
        (None, "mismatch provider.reported"),
        ("claude", "mismatch provider.reported"),
        (7, "mismatch provider.reported"),
    ],
)
def test_what_the_host_itself_reports_is_told_where_another_provider_served(
    show: Show, reported: Any, remark: str
) -> None:
    _, out, _ = show([entry("a", provider="claude", mismatch=["provider.reported"], reported_provider=reported)])
    assert out.splitlines()[-1].strip() == remark
    told = json.loads(show([entry("a", reported_provider=reported)], "--json")[1])
    assert f'"reported_provider": {json.dumps(None if reported == 7 else reported)}' in json.dumps(told)


@pytest.mark.parametrize(
    ("thinking", "used"),
    [
        ({"mode": "off", "enabled": False}, "(claude/m, thinking=off)"),
        ({"mode": "enabled", "budget_tokens": 2048}, "(claude/m, thinking=enabled 2,048 tokens)"),
        ({"mode": "adaptive", "level": "max"}, "(claude/m, thinking=adaptive max)"),
        ({"mode": "effort", "level": "low"}, "(claude/m, effort=low)"),
        ({"mode": "provider_default"}, "(claude/m)"),
        ({"mode": "unknown"}, "(claude/m)"),
        ({"mode": "of tomorrow"}, "(claude/m)"),
        (None, "(claude/m)"),
    ],
)
def test_the_thinking_stands_beside_the_model(show: Show, thinking: Any, used: str) -> None:
    _, out, _ = show([call("c", model="m", thinking=thinking)])
    assert f"chat {used}  INHERITED" in out


def test_an_entry_whose_calls_disagree_says_no_unknown(show: Show) -> None:
    unknown = dict.fromkeys(("provider", "model", "wire_format", "thinking", "tool_format"), "unknown")
    mixed = entry(
        "a",
        kind="fleet_dispatch",
        names={"label": "audit"},
        provider="unknown",
        model="unknown",
        wire_format="unknown",
        thinking={"mode": "unknown"},
        tool_format="none",
        provenance=unknown,
        rollup={"calls": 2, "models": ["m", "n"], "providers": ["x", "y"], "output_tokens": 24},
    )
    rows = show([call("b", "a"), mixed], "--json")
    assert json.loads(rows[1])["runs"][0]["wire_format"] == "unknown"
    _, out, _ = show([call("b", "a"), mixed])
    assert out.splitlines()[1:4] == [
        "└─ fleet_dispatch audit (2 providers, 2 models)  served  1.5 s  24 tokens out",
        "   │  tools none",
        "   │  providers x, y, models m, n",
    ]
    _, out, _ = show([{**mixed, "rollup": {"calls": 0}}])
    assert "audit (no call)  served" in out


def test_a_call_says_what_is_unknown(show: Show) -> None:
    _, out, _ = show([call("c", wire_format="unknown", thinking={"mode": "unknown"}, tool_format="unknown")])
    assert "   wire format unknown, thinking unknown, tools unknown, at api.anthropic.com\n" in out


def test_only_so_many_levels_are_shown_and_sums_of_the_rest(show: Show) -> None:
    bad = call("d", "b", outcome_kind="provider_error", outcome={"kind": "provider_error", "class": "timeout"})
    _, out, _ = show([bad, *RUN], "--depth", "2")
    assert out.splitlines()[-1] == "      └─ 2 more steps below, 2 calls, 2 inherited, 1 failed"
    _, out, _ = show([bad, *RUN], "--depth", "3")
    assert "more step" not in out
    assert "  provider_error timeout  " in out
    _, out, _ = show(RUN, "--depth", "1", "--json")
    told = json.loads(out)["runs"][0]
    assert (told["steps_below"], told["below"]) == (2, [])


def test_json_is_the_tree_as_nested_objects(show: Show) -> None:
    code, out, err = show([*RUN, entry("z")], "--json")
    told = json.loads(out)
    assert (code, err, told["trace_id"], told["started"], told["ended"]) == (0, "", TRACE, 97.0, 123.5)
    assert [each["name"] for each in told["runs"]] == ["audit", "z"]
    chat = told["runs"][0]["below"][0]["below"][0]
    assert chat["below"] == []
    assert (chat["thinking"]["level"], chat["tokens"]["input"], chat["place"]) == ("high", 1200, "said")
    assert chat["provenance"]["provider"] == "inherited_from_primary"
    assert chat["requested"] == {"provider": None, "model": None}
    assert set(chat) == set(told["runs"][1])


OTHER = "aaaa" * 8


def test_the_newest_run_is_shown_unless_another_is_asked_for(show: Show) -> None:
    newer = entry("n", trace_id=OTHER, timestamp="900")
    stray = call("o", trace_id="bb" * 16, timestamp="901")
    lines = [newer, stray, *RUN]
    assert show(lines)[1].startswith(f"trace {OTHER}  ")
    for wanted in (TRACE, TRACE.upper(), TRACE[:4], "audit", "explorer"):
        assert show(lines, wanted)[1].startswith(f"trace {TRACE}  "), wanted
    assert show(lines, "bbbb")[1].startswith("trace bbbb")


def test_of_runs_of_one_name_the_newest_is_shown(show: Show) -> None:
    twice = [entry("a", trace_id=OTHER, timestamp="5"), entry("a", timestamp="7"), entry("a", trace_id="cc" * 16)]
    assert show([*twice, entry("a", trace_id=OTHER, timestamp="2000")], "a")[1].startswith(f"trace {OTHER}")
    assert show(twice, "a")[1].startswith("trace cccc")


def test_a_run_within_another_is_shown_alone(show: Show) -> None:
    _, out, _ = show(RUN, "explorer")
    assert out.splitlines()[0].endswith("  2 steps, 1 call, 1 inherited  part of audit")
    assert out.splitlines()[1] == "└─ agent explorer  served  1.5 s"


def test_a_name_wins_over_the_beginning_of_an_id(show: Show) -> None:
    assert show([entry("x", names={"label": TRACE[:4]}, trace_id=OTHER), entry("y")], TRACE[:4])[1].startswith(
        f"trace {OTHER}"
    )


def test_what_is_not_there_or_not_clear_is_told_in_one_sentence(show: Show, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    lines = [*RUN, entry("n", trace_id=f"4bf9{OTHER[4:]}")]
    for wanted, sentence in (
        ("nobody", f"No run in {path} has the name or the trace id 'nobody'; the newest runs are n, audit, explorer."),
        ("4bf9", f"2 traces in {path} begin with 4bf9; give more of the id."),
        (OTHER, f"No run in {path} has the name or the trace id '{OTHER}'; the newest runs are n, audit, explorer."),
    ):
        assert show(lines, wanted) == (2, "", f"otel-dispatch: {sentence}\n")
    assert show([], "x") == (2, "", f"otel-dispatch: No run in {path} has the name or the trace id 'x'.\n")


def test_an_empty_source_is_no_fault_and_one_that_is_not_there_is(
    show: Show, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show([]) == (0, f"No runs in {tmp_path / 'records.jsonl'} yet.\n", "")
    assert json.loads(show([], "--json")[1]) == {"trace_id": None, "started": None, "ended": None, "runs": []}
    assert main(["show", str(tmp_path / "nothing")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_only_what_ended_since_can_be_looked_at(show: Show) -> None:
    lines = [entry("a", trace_id=OTHER, timestamp="5"), entry("b", timestamp="2000000000")]
    assert show(lines, "a", "--since", "2001-01-01T00:00:00Z")[0] == 2
    assert show(lines, "a")[0] == 0


def test_records_of_no_trace_are_shown_side_by_side(show: Show) -> None:
    harn = {
        "type": "resolved_dispatch",
        "iteration": 3,
        "timestamp": "1789000000.042",
        "provider": "anthropic",
        "model": "claude-sonnet-4-6",
    }
    _, out, _ = show([harn, harn])
    head, *rows = out.splitlines()
    assert head == "records of no trace  2 steps, 2 calls  not recorded: what ran below what"
    assert rows == ["├─ turn 3 (anthropic/claude-sonnet-4-6)", "└─ turn 3 (anthropic/claude-sonnet-4-6)"]


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        (call("c", "x"), "what it ran below is not recorded here"),
        (call("c", "c"), "the parents that are recorded of it go in a circle"),
    ],
)
def test_a_step_whose_place_is_not_known_says_so(show: Show, line: dict[str, Any], remark: str) -> None:
    assert show([line])[1].splitlines()[-1].endswith(remark)


@pytest.mark.parametrize("wrong", [None, 7, "text", True, [], [None, {}], {"a": 1}, -1.5, 10**30, 1e300])
def test_keys_of_the_wrong_type_are_as_if_they_were_not_there(show: Show, wrong: Any) -> None:
    keys = (*call("c"), "rollup", "requested", "mismatch", "outcome", "response_model", "resend_count", "definition")
    broken = {**dict.fromkeys(keys, wrong), "type": "resolved_dispatch"}
    for line in (broken, {**broken, "trace_id": TRACE, "kind": "run_skill"}):
        assert show([line])[0] == 0
        assert show([line], "--json")[0] == 0


def test_a_definition_that_says_something_else_now_is_marked(show: Show, tmp_path: Path) -> None:
    skill = tmp_path / "SKILL.md"
    skill.write_text("two")
    line = entry("a", definition={"path": str(skill), "hash": "0" * 16})
    assert "its definition has changed since this run" in show([line])[1]


def test_a_deep_trace_is_written_whole(show: Show) -> None:
    ids = [f"{number:016x}" for number in range(1, 3001)]
    chain = [
        entry("a", otel_span_id=here, otel_parent_id=above, call_id=here)
        for here, above in zip(ids, [None, *ids], strict=False)
    ]
    _, out, _ = show(chain, "--brief")
    assert len(out.splitlines()) == 3001
    assert out.splitlines()[-1].startswith("[2999] ")
    assert max(map(len, out.splitlines())) < 200
    _, told, _ = show(chain, "--json")
    assert told.count('"below": [') == told.count("]}") - 1 == 3000


# What a terminal shows


@pytest.fixture(params=[True, False], ids=["rich", "plain"])
def terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal without colours, with rich and without."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    if not request.param:
        monkeypatch.setattr(outline, "find_spec", lambda name: None)
    with Terminal() as out:
        yield out


def written(path: Path, records: list[dict[str, Any]], out: io.StringIO) -> list[str]:
    """The lines that are written to *out* about *records*."""
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    with redirect_stdout(out):
        assert main(["show", str(path)]) == 0
    return out.getvalue().splitlines()


@pytest.mark.parametrize("columns", [100, 60, 34])
def test_a_terminal_s_width_is_kept_and_the_branches_go_on(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = written(tmp_path / "r", [*RUN, entry("e", "a")], terminal)
    assert max(map(width_of, lines)) <= columns
    text = "".join(line.lstrip(" │├└─") for line in lines)
    for word in ("inherited_from_primary;", "(claude/claude-sonnet-4-6,", "escalation_override;", "explorer"):
        assert word in text.replace(" ", "")
    before = lines[: next(n for n, line in enumerate(lines) if "run_skill e" in line)]
    inside = before[next(n for n, line in enumerate(before) if "agent explorer" in line) :]
    assert all(line.startswith(("   ├─", "   │")) for line in inside)


def test_colours_come_from_rich_and_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for out, is_coloured in ((Terminal(), True), (io.StringIO(), False)):
        with out:
            text = "\n".join(written(tmp_path / "r", RUN, out))
            assert ("\x1b[1;33m  INHERITED provider" in text) == is_coloured
            assert ("\x1b[" in text) == is_coloured


def test_what_a_record_says_is_no_markup_and_no_escape(terminal: Terminal, tmp_path: Path) -> None:
    line = entry("a", names={"label": "[red]x\x1b]0;y\x07\nz"}, provider="模" * 80, model="m")
    lines = written(tmp_path / "r", [line], terminal)
    assert "[red]x ]0;y  z" in lines[1]
    assert "\x1b]" not in "".join(lines)
    assert max(map(width_of, lines)) <= 80


def test_a_terminal_that_has_no_lines_gets_ascii(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "r").write_text("".join(json.dumps(each) + "\n" for each in RUN))
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "otel_dispatch", "show", str(tmp_path / "r")]
    done = subprocess.run(command, env=env, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.splitlines()[1].startswith(b"`- fleet_dispatch audit ")


# What is really recorded


def ask(provider: Provider) -> None:
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0) as client:
        client.chat.completions.create(model="m", messages=HI)


@od.entry_point("run_skill", name="inner")
def inner(provider: Provider) -> None:
    ask(provider)


@od.entry_point("fleet_dispatch", name="outer")
def outer(provider: Provider) -> None:
    tracer = trace.get_tracer("host", tracer_provider=TracerProvider(shutdown_on_exit=False))
    with tracer.start_as_current_span("plan"):
        ask(provider)
    inner(provider)


def told_in(path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    assert main(["show", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def names(nodes: list[Any]) -> list[Any]:
    return [(each["name"], names(each["below"])) for each in nodes]


def test_spans_of_the_host_s_own_between_an_entry_and_its_calls_break_no_tree(
    told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(recordfile.VARIABLE, str(tmp_path / "r"))
    provider.script(wire.chat("Hello.", model="m", usage=(9, 12), cached_tokens=4))
    outer(provider)
    found = told_in(tmp_path / "r", capsys)
    assert names(found["runs"]) == [("outer", [("chat", []), ("inner", [("chat", [])])])]
    first, second = found["runs"][0]["below"]
    assert (first["place"], second["place"]) == ("below_entry", "said")
    assert first["tokens"] == {"input": 9, "output": 12, "cache_read": 4, "cache_write": None, "reasoning": 0}
    spans = {f"{each.context.span_id:016x}": each for each in told.spans() if each.context}
    for line in recordfile.read(tmp_path / "r"):
        parent = spans[line["otel_span_id"]].parent
        assert line["otel_parent_id"] == (parent and f"{parent.span_id:016x}")


def test_what_is_not_sampled_is_a_tree_all_the_same(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(recordfile.VARIABLE, str(tmp_path / "r"))
    od.instrument(tracer_provider=TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False))
    try:
        outer(provider)
    finally:
        od.uninstrument()
    assert names(told_in(tmp_path / "r", capsys)["runs"]) == [("outer", [("chat", []), ("inner", [("chat", [])])])]


CHILD = """
import sys, openai, otel_dispatch as od
@od.entry_point("run_skill", name="child")
def child():
    with openai.OpenAI(base_url=sys.argv[1], api_key="k") as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
child()
"""


def test_what_runs_in_a_child_process_is_below_what_started_it(
    told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(recordfile.VARIABLE, str(tmp_path / "r"))

    @od.entry_point("fleet_dispatch", name="parent")
    def parent() -> None:
        env = {**od.propagation_env(), "DISPATCH_OTEL": "1", "OTEL_TRACES_EXPORTER": "none"}
        command = [sys.executable, "-c", CHILD, f"{provider.url}/v1"]
        subprocess.run(command, env=env, check=True, timeout=60)

    parent()
    found = told_in(tmp_path / "r", capsys)
    assert names(found["runs"]) == [("parent", [("child", [("chat", [])])])]
