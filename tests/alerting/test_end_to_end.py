"""One inherited field of one short run reaches a webhook, whatever is sampled; a hundred clean runs do not."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from otel_dispatch.demo.provider import Provider  # noqa: TC001 - a fixture is annotated with it
from tests.backends.asking import polled
from tests.backends.jaeger import AbsentError, Jaeger, program

from .bridge import Bridge
from .receiver import Alert, Receiver
from .stack import TOKEN, Stack, alerting

ROOT = Path(__file__).resolve().parents[2]
CLEAN = [48, 48, 2, 2]
"""How often each clean process runs its skill."""

# service → how its spans are sampled; the last two send none
SAMPLED = {
    "default": {},
    "off": {"OTEL_TRACES_SAMPLER": "always_off"},
    "ratio": {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
}


class Collector(Protocol):
    """Takes OTLP, and tells Prometheus."""

    @property
    def otlp_url(self) -> str: ...

    @property
    def metrics_url(self) -> str: ...


@contextlib.contextmanager
def jaeger(folder: Path) -> Iterator[Collector]:
    """Yield a real Jaeger on the shipped configuration, or skip with the reason why there is none."""
    try:
        binary = program()
    except AbsentError as reason:
        pytest.skip(str(reason))
    with Jaeger.started(binary, folder / "jaeger.log") as started:
        yield started


@contextlib.contextmanager
def bridge(_: Path) -> Iterator[Collector]:
    """Yield the double of a collector."""
    with Bridge() as double:
        yield double


@pytest.mark.timeout(720)  # the build of Jaeger beside a first run may be waited for
@pytest.mark.parametrize("collector", [jaeger, bridge], ids=["real jaeger", "double of the collector"])
def test_one_inherited_field_pages_and_a_hundred_clean_runs_do_not(
    collector: Callable[[Path], contextlib.AbstractContextManager[Collector]],
    real: Callable[[str], str],
    provider: Provider,
    tmp_path: Path,
) -> None:
    with Receiver() as receiver, collector(tmp_path) as told:
        launch = partial(launched, provider, told)
        with launch([("clean", runs, 0, {}) for runs in CLEAN]) as clean:
            with alerting(real, tmp_path, told.metrics_url, receiver.url) as stack:
                finish(clean)
                assert polled(lambda: counted(stack, "clean") == sum(CLEAN), 40)
                with launch([(service, 0, 1, sampling) for service, sampling in SAMPLED.items()]) as dirty:
                    finish(dirty)
                assert_spoken(receiver.wait(partial(is_entry_of, "default", "spans")))
                for service in SAMPLED:
                    assert_counted(receiver.wait(partial(is_entry_of, service, "counters")))
                assert_nobody_else_was_named(receiver, stack)
    ports = [urllib.parse.urlsplit(url).port for url in (stack.prometheus, stack.alertmanager, told.metrics_url)]
    assert [port for port in ports if is_open(port)] == []


def assert_spoken(alert: Alert) -> None:
    labels = {name: value for name, value in alert.labels.items() if name not in ("source", "service_name")}
    assert labels == {
        "alertname": "DispatchInherited",
        "severity": "page",
        "span_name": "invoke_agent fix-tests",
        "dispatch_kind": "run_skill",
        "dispatch_inherited_fields": "provider",
        "dispatch_provider": "minimax",
        "dispatch_model": "claude-opus-5-5",
    }
    assert alert.annotations == {
        "summary": "default: nobody chose the provider of invoke_agent fix-tests",
        "description": "invoke_agent fix-tests (run_skill) of default ran on claude-opus-5-5 at minimax, and its "
        "provider fell through from the primary (inherited_from_primary); about 1 in five minutes.",
        "jaeger": "http://jaeger.test/search?start=0&end=0&lookback=2d&limit=100&service=default&tags="
        "%7B%22dispatch.inherited%22%3A%22true%22%2C%22dispatch.inherited_fields%22%3A%22provider%22%2C"
        "%22dispatch.model%22%3A%22claude-opus-5-5%22%7D",
        "grafana": "http://grafana.test/d/otel-dispatch/otel-dispatch?from=now-1h&to=now&var-service=default",
    }


def assert_counted(alert: Alert) -> None:
    assert alert.labels["severity"] == "page"
    assert alert.labels["dispatch_field"] == "provider"
    assert "ran on claude-opus-5-5 at minimax;" in alert.annotations["description"]


def assert_nobody_else_was_named(receiver: Receiver, stack: Stack) -> None:
    assert {request.headers["authorization"] for request in receiver.seen} == {f"Bearer {TOKEN}"}
    assert {alert.labels["alertname"] for alert in receiver.alerts} == {"DispatchInherited"}
    assert {alert.labels["service_name"] for alert in receiver.alerts} == SAMPLED.keys()
    assert not any(is_of(service, "spans", alert) for alert in receiver.alerts for service in ("off", "ratio"))
    assert {labels["service_name"] for labels, _ in stack.query("ALERTS")} == SAMPLED.keys()
    assert counted(stack, "clean") == sum(CLEAN)


def is_of(service: str, source: str, alert: Alert) -> bool:
    """Return whether an alert of one of the two sources is about a service."""
    return (alert.labels.get("service_name"), alert.labels.get("source")) == (service, source)


def is_entry_of(service: str, source: str, alert: Alert) -> bool:
    """Return whether such an alert is about an entry, and not about the call below it."""
    return is_of(service, source, alert) and alert.labels["dispatch_kind"] == "run_skill"


def counted(stack: Stack, service: str) -> float:
    """Return how many runs of a service both ways of counting have seen."""
    ways = (
        f'traces_span_metrics_calls_total{{service_name="{service}", dispatch_kind="run_skill"}}',
        f'dispatch_calls_total{{job="{service}", dispatch_kind="run_skill"}}',
    )
    return min(sum(value for _, value in stack.query(f"sum({way})")) for way in ways)


Launch = tuple[str, int, int, dict[str, str]]
"""A service, how often it runs its skill, how often it escalates it, and its variables."""


@contextlib.contextmanager
def launched(provider: Provider, told: Collector, launches: list[Launch]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start programs as anybody would, switched on by one variable, and end those that are still there afterwards."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DISPATCH_"))}
    env |= {"DISPATCH_OTEL": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": told.otlp_url, "NO_PROXY": "*"}
    env |= {"OPENAI_BASE_URL": f"{provider.url}/v1", "DISPATCH_OTEL_PROVIDERS": f"127.0.0.1:{provider.port}=minimax"}
    with contextlib.ExitStack() as stack:
        processes = []
        for service, runs, escalations, variables in launches:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.alerting.agents", str(runs), str(escalations)],
                cwd=ROOT,
                env={**env, "OTEL_SERVICE_NAME": service, **variables},
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            processes.append(stack.enter_context(process))
            stack.callback(process.kill)
        yield processes


def finish(processes: list[subprocess.Popen[bytes]]) -> None:
    """Wait until the processes have ended, each well and without a word."""
    words = [process.communicate(timeout=60)[1] for process in processes]
    assert {process.returncode for process in processes} == {0}
    assert set(words) == {b""}


def is_open(port: int | None) -> bool:
    """Return whether something listens on a loopback port."""
    import socket

    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port or 0)) == 0
