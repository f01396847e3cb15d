"""The commands of the real `li`, started as a user starts them: one trace each, and the truth on every span of it."""

import hashlib
import importlib.util
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.lionagi_runs import Home, traces, tree
from tests.sinks import HttpSink, SinkSpan

VERSION = tuple(map(int, version("lionagi").split(".")[:2]))
OPUS = ("invoke_agent claude", [])
WORKED = [
    ("invoke_agent orchestrator", [OPUS]),
    ("invoke_agent researcher", [OPUS]),
    ("invoke_agent reviewer", [OPUS]),
]
# Fan-out has had a branch of its own for the synthesis since 0.35.
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


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of this test's own."""
    return Home.made_in(tmp_path)


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    """A collector."""
    with HttpSink() as made:
        yield made


def of(spans: list[SinkSpan], role: str) -> dict[str, Any]:
    """The attributes of the one step of *role*."""
    (found,) = (span.attributes for span in spans if span.attributes.get("lionagi.role") == role)
    return found


def origins(attributes: dict[str, Any]) -> tuple[str, str]:
    """Where the model and the thinking config came from."""
    return attributes["dispatch.provenance.model"], attributes["dispatch.provenance.thinking"]


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


AGENTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "typed": (["claude/sonnet", "hi", "--effort", "high"], {}),
    "alias": (["claude", "hi"], {}),
    "profile": (["-a", "reviewer", "hi"], {}),
    "suffix": (["-a", "reviewer", "claude/opus-high", "hi"], {}),
    "job": (["claude/sonnet", "hi"], {"LIONAGI_MCP_JOB_RUN_ID": "job"}),
    "resumed": (["-c", "more"], {}),
    "other provider": (["claude/sonnet", "hi"], {"ANTHROPIC_BASE_URL": "https://api.minimax.io/anthropic"}),
    "limited": (["claude/opus", "hi"], {"FAKE_MODE": "429"}),
    "overloaded": (["claude/opus", "hi"], {"FAKE_MODE": "529"}),
    "empty": (["claude/opus", "hi"], {"FAKE_MODE": "empty"}),
    "served": (["claude/opus", "hi"], {"FAKE_MODE": "served"}),
    "overdue": (["claude/opus", "hi", "--timeout", "2"], {"FAKE_MODE": "slow"}),
    "refused": (["-a", "nobody", "hi"], {}),
}
MODEL_AND_ORIGINS = {
    "typed": ("sonnet", "claude-sonnet-5", "operator_pin", "operator_pin"),
    "alias": ("claude", "claude-sonnet-5", "catalog_default", "catalog_default"),
    "profile": ("haiku", "claude-haiku-5-5", "catalog_default", "catalog_default"),
    "suffix": ("opus-high", "claude-opus-5-5", "operator_pin", "catalog_default"),
    "job": ("sonnet", "claude-sonnet-5", "pipeline_input", "catalog_default"),
    "resumed": (None, "claude-sonnet-5", "inherited_from_primary", "catalog_default"),
}
OUTCOMES = {
    "limited": ("usage_limit", "rate_limit", "ERROR"),
    "overloaded": ("provider_error", "overloaded", "ERROR"),
    "empty": ("empty_completion_terminal", None, "ERROR"),
    "served": ("served", None, "UNSET"),
    "overdue": ("provider_error", "timeout", "ERROR"),
    "refused": ("refused", None, "UNSET"),
}


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, dict[str, list[SinkSpan]]]:
    """Runs of `li agent`, all in one process, and the spans of each."""
    home = Home.made_in(tmp_path_factory.mktemp("lionagi"))
    with HttpSink() as sink:
        found = home.batch(sink, [(["agent", *argv], env) for argv, env in AGENTS.values()])
    return home, dict(zip(AGENTS, found, strict=True))


@pytest.mark.parametrize("run", MODEL_AND_ORIGINS)
def test_an_agents_model_is_the_one_that_ran_with_the_layer_that_decided(agents: Any, run: str) -> None:
    requested, model, by_model, by_effort = MODEL_AND_ORIGINS[run]
    for span in agents[1][run]:
        told = span.attributes
        assert origins(told) == (by_model, by_effort), span.name
        # Each version has a table of its own of what an alias stands for.
        assert told["dispatch.model"].startswith(model), span.name
    for span in agents[1][run][:2]:
        assert span.attributes.get("dispatch.requested.model") == requested, span.name


@pytest.mark.parametrize("run", OUTCOMES)
def test_an_agents_outcome_is_what_came_back_and_not_what_lionagi_says(agents: Any, run: str) -> None:
    kind, cls, status = OUTCOMES[run]
    root = agents[1][run][0]
    told = root.attributes
    assert (told["dispatch.outcome.kind"], told.get("dispatch.outcome.class"), root.status) == (kind, cls, status)


def test_a_billed_empty_keeps_its_tokens(agents: Any) -> None:
    root, step, launch = (span.attributes for span in agents[1]["empty"])
    assert launch["gen_ai.usage.output_tokens"] == root["dispatch.rollup.output_tokens"] == 812
    assert root["dispatch.rollup.empty_terminal_calls"] == step["dispatch.rollup.empty_terminal_calls"] == 1


def test_a_model_that_another_served_is_a_mismatch_on_the_run(agents: Any) -> None:
    root, _, launch = (span.attributes for span in agents[1]["served"])
    assert (launch["gen_ai.response.model"], root["dispatch.mismatch"]) == ("MiniMax-M2", "model.served")


def test_naming_the_program_chooses_no_provider(agents: Any) -> None:
    told = agents[1]["other provider"][0].attributes
    assert (told["dispatch.provider"], told["dispatch.base_url_host"]) == ("minimax", "api.minimax.io")
    assert told["dispatch.provenance.provider"] == "inherited_from_primary"


def test_a_profiles_hash_is_that_of_its_file(agents: Any) -> None:
    home, found = agents
    expected = hashlib.sha256(home.profile.read_bytes()).hexdigest()[:16]
    for span in found["profile"][:2]:
        assert span.attributes["dispatch.agent.definition_hash"] == expected
        assert span.attributes["gen_ai.agent.name"] == "reviewer"
    assert "dispatch.agent.definition_hash" not in found["typed"][0].attributes


def test_a_resumed_agent_is_the_same_conversation(agents: Any) -> None:
    of_run = {run: agents[1][run][1].attributes["gen_ai.conversation.id"] for run in ("job", "resumed")}
    assert of_run["job"] == of_run["resumed"]


def test_a_run_that_is_refused_dispatches_nothing(agents: Any) -> None:
    (root,) = agents[1]["refused"]
    assert (root.attributes["gen_ai.agent.name"], root.attributes["dispatch.rollup.calls"]) == ("nobody", 0)


def hang_up(listener: socket.socket) -> None:
    """Close every connection that is still being written to, so that the next write meets a broken pipe."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.recv(100)
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.1)
        connection.close()


SMALL_BUFFERS = """
import socket
connect = socket.socket.connect
def small(self, *args):
    self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return connect(self, *args)
socket.socket.connect = small
"""


def test_a_collector_that_hangs_up_kills_nothing(home: Home) -> None:
    # `li` gives SIGPIPE its default back, and a broken pipe in any thread would end it with 141.
    home.at_start(SMALL_BUFFERS)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        more = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{listener.getsockname()[1]}"}
        more |= {"DISPATCH_OTEL": "1", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        more |= {"OTEL_RESOURCE_ATTRIBUTES": "more.than.a.socket.holds=" + "x" * 120_000}
        done = home.li(None, "agent", "claude/sonnet", "hi", **more)
        listener.shutdown(socket.SHUT_RDWR)
    assert (done.returncode, done.stdout.strip()) == (0, "Hello."), done.stderr[-2000:]
    assert "Our spans do not arrive" in done.stderr
