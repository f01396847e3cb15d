"""A host of somebody else's: installed as a distribution, run by a program that knows nothing of it, explained."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from otel_dispatch import recordfile
from otel_dispatch.demo.provider import Provider, chat, error
from tests.sinks import HttpSink, SinkSpan

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "third_party_host"
PAGE = ROOT / "docs" / "hosts.md"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the distribution is installed in."""
    folder = tmp_path_factory.mktemp("installed")
    command = ["uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation", "--no-cache"]
    command += ["--python", sys.executable, "--target", str(folder), str(EXAMPLE)]
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@dataclass
class Ran:
    """What a program printed, what it recorded, and the spans that arrived."""

    done: subprocess.CompletedProcess[str]
    records: list[dict[str, Any]] = field(default_factory=list)
    spans: list[SinkSpan] = field(default_factory=list)

    def entries(self, name: str) -> list[dict[str, Any]]:
        """The attributes of the runs of this name."""
        return [span.attributes for span in self.spans if span.kind == "INTERNAL" and span.name.endswith(f" {name}")]

    def entry(self, name: str) -> dict[str, Any]:
        """The attributes of the one run of this name."""
        (found,) = self.entries(name)
        return found


@dataclass
class Place:
    """Two providers, and a folder with the distribution."""

    acme: Provider
    globex: Provider
    installed: Path
    record: Path

    def run(self, *program: str, **more: str) -> Ran:
        """Run a program, switched on."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DISPATCH_OTEL"))}
        with HttpSink() as sink:
            env = {
                **kept,
                "PYTHONPATH": str(self.installed),
                "ACME_URL": self.acme.url,
                "GLOBEX_URL": self.globex.url,
                "DISPATCH_OTEL": "1",
                "DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT": sink.url,
                "DISPATCH_OTEL_RECORD_FILE": str(self.record),
                "DISPATCH_OTEL_PROVIDERS": f"127.0.0.1:{self.acme.port}=acme,127.0.0.1:{self.globex.port}=globex",
                **more,
            }
            command = [sys.executable, *program]
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
            records = list(recordfile.read(self.record)) if self.record.exists() else []
            return Ran(done, records, sink.wait(len(records)))


@pytest.fixture
def place(installed: Path, tmp_path: Path) -> Iterator[Place]:
    with Provider() as acme, Provider() as globex:
        yield Place(acme, globex, installed, tmp_path / "records.jsonl")


PROGRAM = str(EXAMPLE / "program.py")
PRINTED = """summarise: Hello from acme-mini.
review: Hello from globex-mini.
fix: Hello from globex-max.
nightly: Hello from acme-mini.
nightly: Hello from globex-max.
"""


def test_a_program_of_the_framework_is_told_with_the_origin_of_each_value(place: Place) -> None:
    plain = place.run(PROGRAM, DISPATCH_OTEL="")
    assert (plain.done.stdout, plain.records) == (PRINTED, [])
    ran = place.run(PROGRAM)
    assert (ran.done.returncode, ran.done.stdout, ran.done.stderr) == (0, PRINTED, "")
    expected = {
        "dispatch.kind": "agent",
        "gen_ai.agent.name": "summarise",
        "dispatch.provider": "acme",
        "dispatch.model": "acme-mini",
        "dispatch.requested.model": "cheap",
        "dispatch.reported.provider": "acme",
        "dispatch.provenance.provider": "catalog_default",
        "dispatch.provenance.model": "catalog_default",
        "dispatch.inherited": False,
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 24,
        "dispatch.rollup.calls": 2,
        "dispatch.rollup.models": "acme-mini",
    }
    found = ran.entry("summarise")
    assert found | expected == found
    assert "dispatch.mismatch" not in found
    review = ran.entry("review")
    assert review["dispatch.provenance.model"] == "pipeline_input"
    assert review["dispatch.provenance.provider"] == "catalog_default"
    assert (review["dispatch.model"], review["dispatch.requested.model"]) == ("globex-mini", "smart")


def test_what_fell_through_from_the_step_before_is_the_alarm(place: Place) -> None:
    ran = place.run(PROGRAM)
    found = ran.entry("fix")
    assert (found["dispatch.provider"], found["dispatch.model"]) == ("acme", "globex-max")
    assert (found["dispatch.inherited"], found["dispatch.inherited_fields"]) == (True, "provider")
    assert found["dispatch.provenance.model"] == "catalog_default"
    assert found["dispatch.rollup.inherited_calls"] == 2
    inherited = [span for span in ran.spans if span.attributes["dispatch.inherited"]]
    assert len(inherited) == 3
    alarmed = [record["name"] for record in ran.records if record["inherited_fields"]]
    assert alarmed == ["chat globex-max", "chat globex-max", "invoke_agent fix"]


def test_a_recipe_sums_up_its_steps_and_is_one_tree_with_them(place: Place) -> None:
    ran = place.run(PROGRAM)
    expected = {
        "dispatch.kind": "fleet_dispatch",
        "gen_ai.workflow.name": "nightly",
        "tinyagents.steps": 2,
        "dispatch.provider": "unknown",
        "dispatch.outcome.kind": "served",
        "dispatch.rollup.calls": 4,
        "dispatch.rollup.models": "acme-mini,globex-max",
        "dispatch.rollup.providers": "acme,globex",
        "dispatch.rollup.output_tokens": 48,
    }
    found = ran.entry("nightly")
    assert found | expected == found
    (recipe,) = [span for span in ran.spans if span.name == "invoke_workflow nightly"]
    steps = [span for span in ran.spans if span.parent_id == recipe.span_id]
    assert sorted(span.name for span in steps) == ["invoke_agent audit", "invoke_agent write"]
    calls = [span for span in ran.spans if span.parent_id in {step.span_id for step in steps}]
    assert len(calls) == 4
    assert {span.trace_id for span in (*steps, *calls)} == {recipe.trace_id}


def test_what_an_operator_pins_is_told_and_a_report_that_is_not_true(place: Place) -> None:
    ran = place.run(PROGRAM, TINYAGENTS_PROVIDER="globex", TINYAGENTS_MODEL="globex-pinned")
    assert ran.done.stdout.count("Hello from globex-pinned.") == 5
    found = ran.entry("summarise")
    assert found["dispatch.provenance.provider"] == found["dispatch.provenance.model"] == "operator_pin"
    assert (found["dispatch.provider"], found["dispatch.reported.provider"]) == ("globex", "acme")
    assert found["dispatch.mismatch"] == "provider.reported"
    assert not any(span.attributes["dispatch.inherited"] for span in ran.spans)


STEP = "from tinyagents import Runner, Step; print(Runner().run(Step('s', 't', {!r})).error)"
EMPTY = chat("", model="m", usage=(9, 7))
LIMIT = error("openai", 429, "requests", "rate_limit_exceeded")
ENDS: list[tuple[str, list[Any], tuple[Any, ...]]] = [
    ("cheap", [LIMIT], ("limited", "usage_limit", "rate_limit", 1)),
    ("cheap", [chat("plan", model="m"), LIMIT], ("limited", "usage_limit", "rate_limit", 2)),
    (
        "cheap",
        [chat("plan", model="m"), error("openai", 500, "server_error")],
        ("failed", "provider_error", "unknown", 2),
    ),
    ("cheap", [EMPTY, EMPTY], ("None", "empty_completion_terminal", None, 2)),
    ("careful", [], ("no_profile", "refused", None, 0)),
]


@pytest.mark.parametrize(("profile", "answers", "expected"), ENDS)
def test_a_failure_that_is_not_raised_is_the_runs_outcome(
    profile: str, answers: list[Any], expected: tuple[Any, ...], place: Place
) -> None:
    place.acme.script(*answers)
    ran = place.run("-c", STEP.format(profile))
    found = ran.entry("s")
    told = (found["dispatch.outcome.kind"], found.get("dispatch.outcome.class"), found["dispatch.rollup.calls"])
    assert (ran.done.stdout.strip(), *told) == expected


def test_the_program_says_what_it_needs(place: Place) -> None:
    ran = place.run(PROGRAM, ACME_URL="", GLOBEX_URL="")
    assert (ran.done.returncode, ran.done.stdout) == (2, "")
    assert ran.done.stderr == "This program needs ACME_URL, GLOBEX_URL in its environment.\n"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def test_the_page_shows_the_very_file_and_its_registration() -> None:
    assert blocks("python") == [(EXAMPLE / "tinyagents_dispatch.py").read_text()]
    (registration,) = blocks("toml")
    assert f"\n\n{registration}\n" in (EXAMPLE / "pyproject.toml").read_text()


def test_the_page_shows_what_the_program_gives(place: Place) -> None:
    ran = place.run(PROGRAM)
    command = [sys.executable, "-m", "otel_dispatch", "runs", str(place.record)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    told = PAGE.read_text().partition("RUN  ")[2].partition("```")[0].splitlines()[1:]
    # Steps of a recipe run at the same time, and times differ.
    timeless = {re.sub(r"\d+ ms", "", " ".join(line.split())) for line in told}
    assert {re.sub(r"\d+ ms", "", " ".join(line.split())) for line in shown.splitlines()[1:]} == timeless
    assert len(ran.records) == 16


def test_the_page_names_all_that_is_public() -> None:
    from otel_dispatch import hosts

    for name in hosts.__all__:
        assert f"`{name}" in PAGE.read_text()
