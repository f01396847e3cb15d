"""The commands of the real `li`, started as a user starts them: one trace each, and the truth on every span of it."""

import importlib.util
import json
import re
import subprocess
import sys
from typing import Any

import pytest

from otel_dispatch.demo.provider import Provider
from tests.hosts.lionagi.library import VERSION, since
from tests.hosts.lionagi.runs import Home, of, origins, traces, tree
from tests.sinks import HttpSink

OPUS = ("invoke_agent claude", [])


WORKED = [
    ("invoke_agent orchestrator", [OPUS]),
    ("invoke_agent researcher", [OPUS]),
    ("invoke_agent reviewer", [OPUS]),
]


SUMMED = "invoke_agent synthesis" if VERSION >= (0, 35) else "invoke_agent orchestrator"


COMMANDS: dict[str, tuple[list[str], Any]] = {
    "agent": (["agent", "claude/sonnet", "hi"], ("invoke_agent li agent", [("invoke_agent operate", [OPUS])])),
    "fanout": (
        ["o", "fanout", "claude/opus", "do it", "--num-workers", "2", "--with-synthesis", "codex/gpt-5.4"],
        ("invoke_workflow li o fanout", [*WORKED, (SUMMED, [OPUS])]),
    ),
    "flow": (
        ["o", "flow", "claude/opus", "do it", "--with-synthesis", "codex/gpt-5.4"],
        ("invoke_workflow li o flow", [*WORKED, ("invoke_agent orchestrator", [OPUS])]),
    ),
    "play": (
        ["play", "triage", "hello"],
        ("invoke_workflow triage", [*WORKED, ("invoke_agent orchestrator", [OPUS])]),
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_tree(home: Home, sink: HttpSink, command: str) -> None:
    argv, expected = COMMANDS[command]
    done = home.li(sink, *argv)
    (spans,) = traces(sink)
    assert tree(spans) == expected, done.stderr[-3000:]
    root, kind = spans[0].attributes, "agent" if command == "agent" else "fleet_dispatch"
    assert (root["dispatch.kind"], root["lionagi.command"]) == (kind, command)
    # Each child was told of its own launch.
    starts = [json.loads(line) for line in home.dump.read_text().splitlines()]
    launches = {span.span_id for span in spans if span.attributes["dispatch.kind"] == "cli_launch"}
    told = [start["env"]["TRACEPARENT"].split("-") for start in starts]
    assert {parent for _, _, parent, _ in told} == launches
    assert {(trace, flags) for _, trace, _, flags in told} == {(spans[0].trace_id, "01")}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_and_returns_what_it_does_without_us(home: Home, sink: HttpSink, command: str) -> None:
    argv, _ = COMMANDS[command]
    ids = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{8}\b|\d{8}T\d{6}-[0-9a-f]{6}|[\d.]+m?s\b")

    def lines(text: str) -> list[str]:
        # Workers are done in any order.
        return sorted(ids.sub("", text).splitlines())

    told, untold = (home.li(one, *argv) for one in (sink, None))
    assert (told.returncode, lines(told.stdout)) == (untold.returncode, lines(untold.stdout))
    assert lines(told.stderr) == lines(untold.stderr)


def test_an_engine_tells_the_models_that_lionagi_records_nowhere(home: Home, sink: HttpSink) -> None:
    if importlib.util.find_spec("lionagi.cli.engine") is None:
        # The command came with 0.28.
        assert VERSION < (0, 28)
        return
    done = home.li(sink, "engine", "run", "research", "topic", "--model", "claude/opus", "--no-persist")
    (spans,) = traces(sink)
    assert tree(spans)[0] == "invoke_workflow research", done.stderr[-3000:]
    root, step = spans[0].attributes, spans[1].attributes
    assert root["lionagi.command"] == "engine"
    assert (root["dispatch.rollup.models"], root["dispatch.requested.model"]) == ("claude-opus-5-5", "opus")
    assert (step["lionagi.role"], step["gen_ai.agent.name"]) == ("researcher", "researcher-d0")
    assert (step["dispatch.model"], *origins(step)) == ("claude-opus-5-5", "operator_pin", "catalog_default")


def test_a_fan_out_tells_each_workers_model_and_its_origin(home: Home, sink: HttpSink) -> None:
    home.li(sink, "o", "fanout", "claude/opus", "do it", "--num-workers", "2", "--workers", "claude/sonnet-high")
    (spans,) = traces(sink)
    root, worker = spans[0].attributes, of(spans, "reviewer")
    assert root["dispatch.rollup.models"].count(",") == 1
    assert (root["dispatch.model"], root["dispatch.rollup.inherited_calls"]) == ("unknown", 0)
    assert worker["dispatch.requested.model"] == "sonnet-high"
    # The suffix was typed, and the role's profile beats it.
    assert origins(worker) == ("operator_pin", "catalog_default")
    assert worker["dispatch.thinking.level"] == "low"
    assert (of(spans, "researcher")["dispatch.thinking.level"], origins(of(spans, "researcher"))) == (
        "high",
        ("operator_pin", "operator_pin"),
    )


@pytest.mark.parametrize("command", ["fanout", "flow"])
def test_a_synthesis_tells_the_model_that_ran_beside_the_one_that_was_asked_for(
    home: Home, sink: HttpSink, command: str
) -> None:
    home.li(sink, *COMMANDS[command][0])
    (spans,) = traces(sink)
    step = of(spans, "synthesis")
    assert (step["dispatch.requested.model"], step["dispatch.model"]) == ("gpt-5.4", "claude-opus-5-5")
    assert (step["dispatch.inherited"], step["dispatch.inherited_fields"]) == (True, "model")


@pytest.mark.parametrize("command", ["fanout", "flow"])
def test_a_worker_that_nobody_gave_a_model_inherits_the_orchestrators(home: Home, sink: HttpSink, command: str) -> None:
    home.li(sink, *COMMANDS[command][0])
    (spans,) = traces(sink)
    assert origins(of(spans, "researcher")) == ("inherited_from_primary", "catalog_default")
    assert origins(of(spans, "reviewer")) == ("catalog_default", "catalog_default")
    assert of(spans, "reviewer")["dispatch.model"] == "claude-haiku-5-5"
    assert spans[0].attributes["dispatch.rollup.inherited_calls"] == 2
    planning = spans[1].attributes
    assert origins(planning)[0] == "operator_pin"


def test_what_a_playbook_says_is_pipeline_input_and_what_is_typed_beside_it_is_not(home: Home, sink: HttpSink) -> None:
    home.li(sink, "play", "triage", "hello", "--effort", "low")
    (spans,) = traces(sink)
    root, worker = spans[0].attributes, of(spans, "reviewer")
    assert (root["gen_ai.workflow.name"], root["dispatch.requested.model"]) == ("triage", "opus")
    planning = spans[1].attributes
    assert origins(planning) == ("pipeline_input", "operator_pin")
    # The run's effort beats the profile's of every worker.
    assert (worker["dispatch.thinking.level"], *origins(worker)) == ("low", "catalog_default", "operator_pin")


def test_a_runs_line_says_how_many_models_ran_and_how_many_calls_nobody_chose(home: Home, sink: HttpSink) -> None:
    home.li(sink, *COMMANDS["fanout"][0])
    command = [sys.executable, "-m", "otel_dispatch", "runs", str(home.records)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    (line,) = (line for line in said.splitlines() if line.startswith("li o fanout"))
    assert re.search(r"fleet_dispatch +2 models +anthropic +served .* 2 of 4 calls", line)


NESTED = "import os, subprocess; del os.environ['FAKE_NESTED']; subprocess.run(['li', 'agent', 'claude/haiku', 'hi'])"


def test_a_run_that_a_program_starts_lies_below_its_launch(home: Home, sink: HttpSink) -> None:
    home.li(sink, "agent", "claude/sonnet", "hi", FAKE_NESTED=NESTED, FAKE_PYTHON=sys.executable)
    (spans,) = traces(sink)
    name, ((_, ((launch, (nested,)),)),) = tree(spans)
    assert (name, launch, nested[0]) == ("invoke_agent li agent", "invoke_agent claude", "invoke_agent li agent")
    entries = [span.attributes for span in spans if span.attributes.get("lionagi.command") == "agent"]
    # Later versions refuse to start an agent below an agent.
    assert entries[1]["dispatch.outcome.kind"] == ("served" if nested[1] else "refused")
    assert entries[0]["dispatch.rollup.calls"] == 1


REDIRECT = """
import socket
connect = socket.socket.connect
def redirected(self, address):
    return connect(self, ("127.0.0.1", {port}) if address[1] == 8080 else address)
socket.socket.connect = redirected
"""


@since(0, 36)
def test_an_agent_over_an_api_tells_each_call_and_the_effort_that_was_never_sent(
    home: Home, sink: HttpSink, provider: Provider
) -> None:
    # Lattice is the one API that lionagi itself looks for on this machine, at a port of its own.
    home.at_start(REDIRECT.format(port=provider.port))
    (home.profile.parent / "reader.md").write_text("---\nmodel: lattice/m\napi_tools: read\n---\nYou read.\n")
    done = home.li(sink, "agent", "-a", "reader", "hi", "--effort", "high")
    (spans,) = traces(sink)
    root, step, *asked = spans
    assert tree(spans) == ("invoke_agent reader", [("invoke_agent reader", [("chat m", [])] * len(provider.seen))])
    assert root.attributes["dispatch.rollup.calls"] == len(asked) == len(provider.seen) > 1, done.stderr[-2000:]
    assert not any(b"effort" in seen.body for seen in provider.seen)
    assert {call.attributes["dispatch.thinking.mode"] for call in asked} == {"provider_default"}
    by_origin = [call.attributes["dispatch.provenance.model"] for call in asked]
    # The first answer is none that lionagi can read, so that the chat model is to repair it.
    assert (by_origin[0], by_origin[1]) == ("catalog_default", "inherited_from_primary")
    assert step.attributes["dispatch.requested.provider"] == "lattice"


@since(0, 36)
def test_a_fan_out_that_cannot_ask_is_refused_with_the_step_that_could_not(home: Home, sink: HttpSink) -> None:
    assert home.li(sink, "o", "fanout", "lattice/m", "do it").returncode == 1
    (spans,) = traces(sink)
    assert tree(spans) == ("invoke_workflow li o fanout", [("invoke_agent orchestrator", [])])
    assert {span.attributes["dispatch.outcome.kind"] for span in spans} == {"refused"}
    assert {span.attributes["dispatch.requested.provider"] for span in spans} == {"lattice"}
