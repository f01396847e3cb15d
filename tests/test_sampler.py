"""What is kept of an inherited route when the rest is sampled away."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from otel_dispatch.demo.provider import Provider
from otel_dispatch.sampler import InheritedSampler, asked_for, inherited
from tests.fakes import install
from tests.sinks import HttpSink, SinkSpan

TRACE_ID = 0x4BF92F3577B34DA6A3CE929D0E0E4736
INHERITED = {"dispatch.inherited": True, "dispatch.provider": "minimax"}
CHOSEN = {"dispatch.inherited": False}
DEFAULT = f"InheritedSampler{{{DEFAULT_ON.get_description()}}}"


class Recorder(Sampler):
    """Stands in for a sampler of the user's own: records what it does not sample, and leaves its mark."""

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        return SamplingResult(Decision.RECORD_ONLY, {"mark": 1}, TraceState([("mine", "2")]))

    def get_description(self) -> str:
        return "Recorder"


def decided(sampler: Sampler, attributes: dict[str, Any] | None, parent: Context | None = None) -> SamplingResult:
    return sampler.should_sample(parent, TRACE_ID, "chat", attributes=attributes)


def below(flags: int, is_remote: bool = False, state: TraceState | None = None) -> Context:
    parent = SpanContext(TRACE_ID, 7, is_remote, TraceFlags(flags), state)
    return trace.set_span_in_context(NonRecordingSpan(parent))


@pytest.mark.parametrize("parent", [None, below(0), below(0, is_remote=True), below(1)])
@pytest.mark.parametrize("base", [ALWAYS_OFF, DEFAULT_OFF, ALWAYS_ON, Recorder()], ids=lambda base: type(base).__name__)
def test_a_span_that_starts_inherited_is_sampled_with_all_its_attributes(base: Sampler, parent: Context | None) -> None:
    found = decided(InheritedSampler(base), INHERITED, parent)
    assert found.decision is Decision.RECORD_AND_SAMPLE
    assert found.attributes.items() >= INHERITED.items()


@pytest.mark.parametrize("attributes", [None, {}, CHOSEN, {"dispatch.inherited": "true"}, {"dispatch.inherited": 1}])
def test_of_any_other_span_the_base_decides(attributes: dict[str, Any] | None) -> None:
    assert decided(InheritedSampler(ALWAYS_OFF), attributes).decision is Decision.DROP
    assert decided(InheritedSampler(Recorder()), attributes).decision is Decision.RECORD_ONLY
    assert decided(InheritedSampler(ALWAYS_ON), attributes).decision is Decision.RECORD_AND_SAMPLE


def test_the_callers_trace_state_goes_on() -> None:
    state = TraceState([("vendor", "1")])
    assert decided(InheritedSampler(ALWAYS_OFF), INHERITED, below(0, True, state)).trace_state == state


def test_what_the_base_adds_is_kept() -> None:
    found = decided(InheritedSampler(Recorder()), INHERITED)
    assert dict(found.attributes) == {**INHERITED, "mark": 1}
    assert found.trace_state == TraceState([("mine", "2")])


def test_what_lies_below_a_kept_span_is_kept_with_it() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider(inherited("0"), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span("dropped") as parent:
        with tracer.start_as_current_span("launch", attributes=INHERITED):
            with tracer.start_as_current_span("below", attributes=CHOSEN):
                pass
        with tracer.start_as_current_span("beside", attributes=CHOSEN):
            pass
    provider.shutdown()
    inner, launch = kept.get_finished_spans()
    assert (inner.name, launch.name) == ("below", "launch")
    # What started before it is gone, so its parent is an id that no backend has.
    assert launch.parent is not None
    assert launch.parent.span_id == parent.get_span_context().span_id
    assert launch.context.trace_id == parent.get_span_context().trace_id


@pytest.mark.parametrize(
    ("argument", "base"),
    [
        (None, DEFAULT_ON.get_description()),
        ("", DEFAULT_ON.get_description()),
        ("0.25", "TraceIdRatioBased{0.25}"),
        (" 0 ", "TraceIdRatioBased{0.0}"),
        ("parentbased_traceidratio:0.1", "TraceIdRatioBased{0.1}"),
        ("always_off", "AlwaysOffSampler"),
        ("ALWAYS_ON", "AlwaysOnSampler"),
        ("traceidratio:0.5", "TraceIdRatioBased{0.5}"),
        ("parentbased_always_off", DEFAULT_OFF.get_description()),
    ],
)
def test_the_argument_says_what_is_wrapped(argument: str | None, base: str, caplog: pytest.LogCaptureFixture) -> None:
    description = inherited(argument).get_description()
    assert description.startswith("InheritedSampler{")
    assert base in description
    assert ("ParentBased" in description) is (argument not in ("always_off", "ALWAYS_ON", "traceidratio:0.5"))
    assert caplog.records == []


@pytest.mark.parametrize(
    "argument",
    ["1.5", "-1", "nan", "inf", "nobody", "nobody:1", "traceidratio", "traceidratio:x", ":", "dispatch_inherited:0.1"],
)
def test_what_cannot_be_read_is_warned_of_once_and_samples_as_by_default(
    argument: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert {inherited(argument).get_description() for _ in range(2)} == {DEFAULT}
    (record,) = caplog.records
    assert record.getMessage().startswith("OTEL_TRACES_SAMPLER_ARG: a ratio from 0 to 1 or a sampler")


@pytest.mark.parametrize("name", ["", "always_off", " TraceIdRatio "])
def test_a_sampler_of_the_sdks_own_is_left_to_the_sdk(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    assert asked_for() is None


def test_ours_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "dispatch_inherited")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.1")
    found = asked_for()
    assert found is not None
    assert found.get_description() == inherited("0.1").get_description()


def test_opentelemetry_finds_ours_by_its_entry_point() -> None:
    (found,) = entry_points(group="opentelemetry_traces_sampler", name="dispatch_inherited")
    assert found.load() is inherited


@pytest.fixture
def somebodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another distribution that registers samplers: one that works, one that raises, one that is no sampler."""
    info = tmp_path / "somebodys-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[opentelemetry_traces_sampler]\n"
        "works = somebodys_samplers:Recorder\nraises = somebodys_samplers:raises\nodd = somebodys_samplers:odd\n"
    )
    (tmp_path / "somebodys_samplers.py").write_text(
        "from opentelemetry.sdk.trace.sampling import ALWAYS_OFF\n"
        "def Recorder(argument):\n    assert argument == 'http://sampling.example:5778'\n    return ALWAYS_OFF\n"
        "def raises(argument):\n    raise RuntimeError(argument)\n"
        "def odd(argument):\n    return argument\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_sampler_of_somebody_elses_may_be_wrapped_or_asked_for(
    somebodys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    argument = "http://sampling.example:5778"
    assert inherited(f"works:{argument}").get_description() == "InheritedSampler{AlwaysOffSampler}"
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "works")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    assert asked_for() is ALWAYS_OFF


@pytest.mark.parametrize("name", ["raises", "odd", "nobody"])
def test_a_sampler_that_cannot_be_made_stops_nothing(
    name: str, somebodys: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, faults: Any
) -> None:
    faults.expect()
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    assert asked_for() is DEFAULT_ON
    assert inherited(name).get_description() == DEFAULT
    assert len(caplog.records) == 2
    assert [place for place, _ in faults.seen] == ["the sampler raises"] * (2 if name == "raises" else 0)


CALLS = """
import subprocess
import openai, otel_dispatch as od

@od.entry_point("run_skill", name="implement")
def implement(model):
    with openai.OpenAI() as client:
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hi"}])

with od.scope("primary", provider="local", model="gpt-6-luna"):
    with od.scope("escalation"):
        implement("gpt-6-luna")
implement("gpt-6.1-sol")
subprocess.run(["claude", "-p", "hi", "--output-format", "stream-json"], capture_output=True, check=True)
"""
KEPT = ["chat gpt-6-luna", "invoke_agent claude"]
ALL = sorted([*KEPT, "chat gpt-6.1-sol", "invoke_agent implement", "invoke_agent implement"])


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with HttpSink() as server:
        yield server


ANTHROPIC = """
import anthropic, otel_dispatch as od
with anthropic.Anthropic() as client:
    def call(model):
        message = {"role": "user", "content": "hi"}
        client.messages.create(model=model, max_tokens=64, messages=[message])
    with od.scope("primary", provider="local", model="MiniMax-M2"), od.scope("escalation"):
        call("MiniMax-M2")
    call("claude-sonnet-5-5")
"""


def run(
    sink: HttpSink, provider: Provider, folder: Path, *command: str, code: str = CALLS, **more: str
) -> list[SinkSpan]:
    """Run code in a program of its own and give the spans that arrived; it must say nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DISPATCH_OTEL"))}
    env = {**kept, **install(folder, "claude"), "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"{provider.url}/v1"}
    # The child's model falls through from the environment of its parent.
    env |= {"ANTHROPIC_BASE_URL": provider.url, "ANTHROPIC_API_KEY": "k"}
    env |= {"ANTHROPIC_MODEL": "MiniMax-M2", "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url, **more}
    done = subprocess.run(
        [*(command or (sys.executable,)), "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return sink.spans()


def names_of(spans: list[SinkSpan]) -> list[str]:
    return sorted(span.name for span in spans)


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_TRACES_SAMPLER": "dispatch_inherited", "OTEL_TRACES_SAMPLER_ARG": "0"},
        {"OTEL_TRACES_SAMPLER": "dispatch_inherited", "OTEL_TRACES_SAMPLER_ARG": "always_off"},
        {
            "OTEL_TRACES_SAMPLER": "always_on",
            "DISPATCH_OTEL_TRACES_SAMPLER": "dispatch_inherited",
            "DISPATCH_OTEL_TRACES_SAMPLER_ARG": "0",
        },
    ],
    ids=["ratio", "named", "ours wins"],
)
def test_at_a_ratio_of_nothing_the_inherited_calls_and_launches_are_exported_and_no_other_span(
    variables: dict[str, str], sink: HttpSink, provider: Provider, tmp_path: Path
) -> None:
    spans = run(sink, provider, tmp_path, DISPATCH_OTEL="1", **variables)
    assert names_of(spans) == KEPT
    assert all(span.attributes["dispatch.inherited"] is True for span in spans)
    (call,) = (span for span in spans if span.name == KEPT[0])
    assert call.attributes["dispatch.inherited_fields"] == "model,provider"
    assert call.attributes["dispatch.outcome.kind"] == "served"
    # The entry around it was dropped before it could be known what the call below it would inherit.
    assert call.parent_id not in {"", *(span.span_id for span in spans)}
    # Cumulative: the last point of a series holds all of it.
    counted = {str(point.attributes): point.value for point in sink.metrics() if point.name == "dispatch.calls"}
    assert sum(counted.values()) == len(ALL)
    assert len(sink.logs()) == len(ALL)


def test_the_caller_of_the_process_does_not_decide_for_them(sink: HttpSink, provider: Provider, tmp_path: Path) -> None:
    unsampled = f"00-{TRACE_ID:032x}-00f067aa0ba902b7-00"
    sampler = {"OTEL_TRACES_SAMPLER": "dispatch_inherited", "TRACEPARENT": unsampled}
    spans = run(sink, provider, tmp_path, DISPATCH_OTEL="1", **sampler)
    assert names_of(spans) == KEPT
    assert {span.trace_id for span in spans} == {f"{TRACE_ID:032x}"}


def test_a_call_whose_own_span_its_sdk_was_denied_gets_one_of_ours(
    sink: HttpSink, provider: Provider, tmp_path: Path
) -> None:
    sampler = {"OTEL_TRACES_SAMPLER": "dispatch_inherited", "OTEL_TRACES_SAMPLER_ARG": "0"}
    (span,) = run(sink, provider, tmp_path, code=ANTHROPIC, DISPATCH_OTEL="1", **sampler)
    assert (span.name, span.scope) == ("chat MiniMax-M2", "otel_dispatch")
    assert span.attributes["dispatch.outcome.kind"] == "served"


def test_without_an_argument_everything_is_exported(sink: HttpSink, provider: Provider, tmp_path: Path) -> None:
    spans = run(sink, provider, tmp_path, DISPATCH_OTEL="1", OTEL_TRACES_SAMPLER="dispatch_inherited")
    assert names_of(spans) == ALL


def test_opentelemetry_instrument_takes_it_too(sink: HttpSink, provider: Provider, tmp_path: Path) -> None:
    command = (str(Path(sys.executable).parent / "opentelemetry-instrument"), sys.executable)
    sampler = {"OTEL_TRACES_SAMPLER": "dispatch_inherited", "OTEL_TRACES_SAMPLER_ARG": "0"}
    spans = run(
        sink, provider, tmp_path, *command, OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf", OTEL_LOGS_EXPORTER="none",
        **sampler,
    )  # fmt: skip
    ours = [span for span in spans if span.scope == "otel_dispatch"]
    assert names_of(ours) == KEPT
