"""How a run of the real `li` may end before it is done: signals, time-outs, pipes that break."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress

import pytest

from tests.conftest import eventually
from tests.hosts.lionagi.library import since
from tests.hosts.lionagi.runs import Home, traces, tree
from tests.sinks import HttpSink

LAUNCH = ("invoke_agent claude", [])


# Before, the system ended it at once.
ON_SIGTERM = pytest.param(signal.SIGTERM, 143, marks=since(0, 30))


@pytest.mark.parametrize(("sent", "exit_code"), [(signal.SIGINT, 130), ON_SIGTERM])
def test_a_run_that_is_interrupted_is_cancelled_with_all_that_is_in_it(
    home: Home, sink: HttpSink, sent: signal.Signals, exit_code: int
) -> None:
    with home.start(sink, "agent", "claude/sonnet", "hi", FAKE_MODE="slow") as running:
        eventually(home.dump.exists, 60)
        time.sleep(1)
        running.send_signal(sent)
        _, said = running.communicate(timeout=60)
    (spans,) = traces(sink)
    assert running.returncode == exit_code, said[-2000:]
    assert tree(spans) == ("invoke_agent li agent", [("invoke_agent operate", [LAUNCH])])
    ends = {
        one.name: (one.attributes["dispatch.outcome.kind"], one.attributes["dispatch.outcome.class"]) for one in spans
    }
    # A loop that is closed early takes the exit code of the program with it, and then nobody knows who ended it.
    assert ends.pop("invoke_agent claude") in {("cancelled", "cancelled"), ("cancelled", "abandoned")}
    assert set(ends.values()) == {("cancelled", "cancelled")}


@since(0, 30)
def test_an_agent_that_goes_on_after_its_time_out_inherits_what_it_was_given(home: Home, sink: HttpSink) -> None:
    argv = ("agent", "claude/sonnet", "hi", "--timeout", "6", "--resume-on-timeout")
    assert home.li(sink, *argv, FAKE_MODE="slow").returncode == 124
    (spans,) = traces(sink)
    leg = ("invoke_agent operate", [LAUNCH])
    assert tree(spans) == ("invoke_agent li agent", [leg, ("invoke_agent li agent", [leg])])
    entries = [span.attributes for span in spans if span.attributes.get("lionagi.command") == "agent"]
    assert [one["dispatch.inherited"] for one in entries] == [False, True]
    assert entries[1]["dispatch.provenance.model"] == "inherited_from_primary"
    assert {(one["dispatch.outcome.kind"], one["dispatch.outcome.class"]) for one in entries} == {
        ("provider_error", "timeout")
    }


def piped_into_nobody(home: Home, sink: HttpSink | None) -> int:
    """The end of a run whose reader is gone, as ``head`` is when it has read enough."""
    reader, writer = os.pipe()
    os.close(reader)
    with home.start(sink, "agent", "claude/sonnet", "hi", stdout=writer) as running:
        os.close(writer)
        running.communicate(timeout=60)
    return running.returncode


def test_a_run_whose_reader_is_gone_ends_as_without_us_and_is_on_record(home: Home, sink: HttpSink) -> None:
    # `li` gives SIGPIPE its default back: the system ends it before anything can be sent.
    assert piped_into_nobody(home, sink) == piped_into_nobody(home, None) == -signal.SIGPIPE
    records = [json.loads(line) for line in home.records.read_text().splitlines()]
    assert [one["kind"] for one in records] == ["cli_launch", "agent", "agent"]
    assert {one["model"] for one in records} != {"unknown"}


@pytest.mark.parametrize("lines", [1, 1000])
def test_a_run_that_is_piped_into_head_prints_what_it_prints_without_us(home: Home, sink: HttpSink, lines: int) -> None:
    def printed(one: HttpSink | None) -> str:
        command = f"li agent claude/sonnet hi 2>/dev/null | head -n {lines}"
        env = home.env(one)
        run = subprocess.run(
            ["sh", "-c", command], cwd=home.root / "work", env=env, capture_output=True, text=True, timeout=110
        )
        return run.stdout

    assert printed(sink) == printed(None) != ""


def test_a_flow_in_the_background_is_one_tree(home: Home, sink: HttpSink) -> None:
    done = home.li(sink, "o", "flow", "claude/opus", "do it", "--background", "--save", "saved")
    started = re.search(r"in background \(PID (\d+)\)", done.stdout + done.stderr)
    assert started, done.stderr[-2000:]
    try:
        eventually(lambda: any(not span.parent_id for span in sink.spans()), 90)
    finally:
        with suppress(ProcessLookupError):
            os.kill(int(started[1]), signal.SIGTERM)
    (spans,) = traces(sink)
    assert [name for name, _ in tree(spans)[1]] == [
        "invoke_agent orchestrator",
        "invoke_agent researcher",
        "invoke_agent reviewer",
    ]


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
