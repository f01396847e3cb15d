"""Programs that start an agent program by themselves: every way to start one, to read it and to end it."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.trace import StatusCode

import otel_dispatch as od
from otel_dispatch import aloft, baton, emit, launch, launch_record, pipes, store
from otel_dispatch.transports import subprocess as transport
from tests.conftest import Faults, Told, eventually
from tests.fakes import install
from tests.faulty import raising
from tests.launches import facts
from tests.transports.starting import STREAM, WAYS

HEARD = {"gen_ai.response.model": "claude-sonnet-5-5", "dispatch.outcome.content_len": 6, "process.exit.code": 0}


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    found = install(tmp_path)
    # Where a child's own environment is given, POSIX looks for the program on that one's PATH.
    monkeypatch.setenv("PATH", found["PATH"])
    return {**os.environ, **found}


def outcome(told: Told) -> tuple[Any, Any]:
    eventually(lambda: bool(told.spans()))
    found = facts(told.only())
    return found["dispatch.outcome.kind"], found.get("dispatch.outcome.class")


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_start_and_read_gives_one_span_and_the_same_bytes(
    way: str, env: dict[str, str], make_told: Callable[[], Told]
) -> None:
    plain = WAYS[way](env)
    told = make_told()
    assert WAYS[way](env) == plain
    assert outcome(told) == ("served", None)
    span = told.only()
    assert span.name == "invoke_agent claude"
    assert facts(span) | HEARD == facts(span)
    assert aloft.count() == 0


def test_a_host_that_reads_elsewhere_is_told_by_the_exit_alone(env: dict[str, str], told: Told, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        subprocess.run(STREAM, env=env, stdout=out, check=True)
    assert outcome(told) == ("served", None)
    assert "gen_ai.response.model" not in facts(told.only())
    assert "dispatch.outcome.content_len" not in facts(told.only())
    assert (tmp_path / "out").read_bytes().count(b"\n") == 3


def test_a_pipe_that_nobody_reads_does_not_keep_the_span_open(
    env: dict[str, str], told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipes, "DRAIN_SECONDS", 0.05)
    process = subprocess.Popen(STREAM, env=env, stdout=subprocess.PIPE)
    process.wait()
    assert outcome(told) == ("served", None)
    assert process.stdout is not None
    process.stdout.close()


def test_a_program_that_is_no_agent_is_left_alone(told: Told, env: dict[str, str]) -> None:
    code = "import os; print('TRACEPARENT' in os.environ)"
    for argv in ([sys.executable, "-c", code], iter([sys.executable, "-c", code])):
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:  # type: ignore[arg-type]
            assert type(process.stdout.raw) is io.FileIO  # type: ignore[union-attr]
            assert process.communicate()[0] == b"False\n"
    subprocess.run("echo claude", shell=True, check=True, capture_output=True)
    subprocess.run(["claude", "--version"], env=env, check=True, capture_output=True)
    assert told.spans() == []


@pytest.mark.parametrize(("mode", "end"), [("slow", ("cancelled", "abandoned")), ("success", ("served", None))])
def test_an_exit_code_that_nobody_is_told_is_not_taken_for_a_success(
    mode: str, end: tuple[str, str | None], env: dict[str, str], told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipes, "DRAIN_SECONDS", 0.05)
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with subprocess.Popen(STREAM, env={**env, "FAKE_MODE": mode}, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.stdout.readline()
            # Not by `kill`, which would tell who ended it.
            os.kill(process.pid, signal.SIGKILL) if mode == "slow" else process.stdout.read()
            assert process.wait() == process.poll() == 0
    finally:
        signal.signal(signal.SIGCHLD, before)
    eventually(told.spans)
    assert outcome(told) == end
    assert "process.exit.code" not in facts(told.only())


def test_an_exit_code_that_a_closed_loop_was_to_tell_is_not_taken_for_a_success(
    env: dict[str, str], told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipes, "DRAIN_SECONDS", 0.05)
    with subprocess.Popen(STREAM, env={**env, "FAKE_MODE": "slow"}, stdout=subprocess.PIPE) as process:
        os.kill(process.pid, signal.SIGKILL)
        # As asyncio's thread does.
        os.waitpid(process.pid, 0)
        assert process.poll() == process.poll() == 0
    eventually(told.spans)
    assert outcome(told) == ("cancelled", "abandoned")


STOPS: list[tuple[str, Callable[[Any], Any], tuple[str, str | None]]] = [
    ("killed", lambda process: None, ("provider_error", "unknown")),
    ("slow", lambda process: process.kill(), ("cancelled", "cancelled")),
    ("slow", lambda process: process.terminate(), ("cancelled", "cancelled")),
    ("slow", lambda process: os.kill(process.pid, signal.SIGTERM), ("cancelled", "cancelled")),
    ("slow", lambda process: os.kill(process.pid, signal.SIGKILL), ("provider_error", "unknown")),
]


@pytest.mark.parametrize(("mode", "stop", "end"), STOPS)
def test_who_ended_it_decides(
    mode: str, stop: Callable[[Any], Any], end: tuple[str, str | None], env: dict[str, str], told: Told
) -> None:
    with subprocess.Popen(STREAM, env={**env, "FAKE_MODE": mode}, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        stop(process)
        process.communicate()
    assert outcome(told) == end
    assert facts(told.only())["process.exit.code"] == process.returncode < 0
    assert facts(told.only())["dispatch.model"] == "claude-sonnet-5-5"


@pytest.mark.parametrize("mode", ["kill", "terminate"])
def test_asyncios_transport_ends_it_likewise(mode: str, env: dict[str, str], told: Told) -> None:
    async def start() -> None:
        process = await asyncio.create_subprocess_exec(
            *STREAM, env={**env, "FAKE_MODE": "slow"}, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        await process.stdout.readline()
        getattr(process, mode)()
        await process.communicate()

    asyncio.run(start())
    assert outcome(told) == ("cancelled", "cancelled")


def test_a_launch_that_takes_longer_than_its_launcher_waits_is_a_timeout(env: dict[str, str], told: Told) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(STREAM, env={**env, "FAKE_MODE": "slow"}, capture_output=True, timeout=1.5, check=False)
    assert outcome(told) == ("provider_error", "timeout")
    assert told.only().status.status_code is StatusCode.ERROR
    assert facts(told.only())["dispatch.model"] == "claude-sonnet-5-5"


def test_a_cancelled_task_is_no_providers_error(env: dict[str, str], told: Told) -> None:
    async def cancelled() -> None:
        with anyio.move_on_after(1.0):
            await anyio.run_process(STREAM, env={**env, "FAKE_MODE": "slow"})

    asyncio.run(cancelled())
    assert outcome(told) == ("cancelled", "cancelled")


def test_a_program_that_is_not_there_was_refused_before_any_session(told: Told, env: dict[str, str]) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        subprocess.run(STREAM, env={"PATH": "/nowhere"}, check=False)
    assert caught.value.filename == "claude"
    assert outcome(told) == ("refused", None)
    assert facts(told.only())["error.type"] == "FileNotFoundError"
    done = subprocess.run("claude -p x", shell=True, env={"PATH": "/nowhere"}, capture_output=True, check=False)
    assert done.returncode == 127
    assert facts(told.spans()[1])["dispatch.outcome.kind"] == "refused"
    assert facts(told.spans()[1])["process.exit.code"] == 127


def test_only_the_environment_of_an_agent_program_changes_and_only_by_our_variables(
    env: dict[str, str], told: Told, tmp_path: Path
) -> None:
    given = {
        **env,
        "FAKE_DUMP": str(tmp_path / "dump"),
        "TRACEPARENT": "00-1-2-3",
        "TRACESTATE": "a=1",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "DISPATCH_OTEL_SCOPE": "stale",
    }
    before = dict(given)
    with od.scope("primary", model="MiniMax-M2"):
        subprocess.run(STREAM, env=given, capture_output=True, check=True)
    assert given == before
    got = json.loads((tmp_path / "dump").read_text())["env"]
    context = told.only().context
    assert context is not None
    assert got.pop("TRACEPARENT") == f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
    assert json.loads(got.pop("DISPATCH_OTEL_SCOPE")) == {"primary": {"model": "MiniMax-M2"}}
    for name in ("TRACEPARENT", "TRACESTATE", "DISPATCH_OTEL_SCOPE"):
        before.pop(name)
    got.pop("LC_CTYPE", None)
    before.pop("LC_CTYPE", None)
    assert got == before


FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "command line": raising(transport, "begin"),
    "looking into it": raising(launch, "program_in"),
    "record at start": raising(launch, "told_of_launch"),
    "provenance": raising(launch_record, "launch_provenance"),
    "environment": raising(baton, "hand_on"),
    "putting it in": raising(transport, "_with_env"),
    "span start": raising(sdk_trace.Tracer, "start_span"),
    "context": raising(emit.context, "with_frame"),
    "watching": raising(transport, "Watch"),
    "ear": raising(transport, "overhear"),
    "inside the ear": raising(pipes, "_rebuilt"),
    "piece": raising(launch.Launch, "hear"),
    "line": raising(launch.Launch, "_hear"),
    "exit": raising(pipes.Watch, "_finish"),
    "outcome": raising(launch, "outcome_of_launch"),
    "what it said": raising(launch, "settled"),
    "attributes": raising(store, "put"),
    "span end": raising(sdk_trace.Span, "end"),
}


def everything(env: dict[str, str]) -> list[Any]:
    found = [way(env) for way in WAYS.values()]
    for mode in ("empty", "429", "crash"):
        done = subprocess.run(STREAM, env={**env, "FAKE_MODE": mode}, capture_output=True, check=False)
        found.append((done.returncode, done.stdout, done.stderr))
    with pytest.raises(FileNotFoundError) as caught:
        subprocess.run(STREAM, env={"PATH": "/nowhere"}, check=False)
    return [*found, repr(caught.value)]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_ours_leaves_every_launch_as_it_was(
    fault: str,
    env: dict[str, str],
    make_told: Callable[[], Told],
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults.expect()
    monkeypatch.setattr(pipes, "DRAIN_SECONDS", 3600.0)
    plain = everything(env)
    make_told()
    with monkeypatch.context() as patcher:
        FAULTS[fault](patcher)
        assert everything(env) == plain
    assert faults.seen, "the fault was not provoked"
    assert {type(error) for _, error in faults.seen} == {ZeroDivisionError}
    od.uninstrument()
    assert aloft.count() == 0, "a span is open"


def test_uninstrumenting_while_a_program_runs_ends_its_span_and_leaves_it_running(
    env: dict[str, str], told: Told
) -> None:
    with subprocess.Popen(STREAM, env={**env, "FAKE_MODE": "slow"}, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        od.uninstrument()
        assert outcome(told) == ("cancelled", "abandoned")
        assert process.poll() is None
        process.stdout.readline()
        process.kill()
    assert len(told.spans()) == 1
