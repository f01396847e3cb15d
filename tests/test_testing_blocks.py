"""A block of `otel_dispatch.testing.recorded`: what it leaves as it was, before, in and after it."""

import subprocess
import sys

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import otel_dispatch as od
from otel_dispatch import activate, publish, testing
from otel_dispatch.demo.provider import Provider
from tests.conftest import Faults, Told
from tests.faulty import boom
from tests.test_testing import send


def test_afterwards_everything_is_as_it_was(provider: Provider) -> None:
    before, heard = httpx.Client.send, list(publish.listeners)
    with testing.recorded() as records:
        assert httpx.Client.send is not before
    send(provider)
    assert httpx.Client.send is before
    assert publish.listeners == heard
    assert not activate.is_on()
    assert list(records) == []
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def test_an_exception_in_the_block_is_the_tests_own_and_leaves_nothing_on(provider: Provider) -> None:
    raised = KeyError("theirs")
    kept = []

    def block() -> None:
        with testing.recorded() as records:
            kept.append(records)
            send(provider)
            raise raised

    with pytest.raises(KeyError) as seen:
        block()
    assert seen.value is raised
    assert not activate.is_on()
    assert len(kept[0]) == 1


def test_what_is_set_up_already_goes_on_as_it_was(told: Told, provider: Provider) -> None:
    with testing.recorded() as records:
        send(provider, "inside")
    send(provider, "after")
    assert [record.name for record in records] == ["chat inside"]
    assert [span.name for span in told.spans()] == ["chat inside", "chat after"]
    context = told.spans()[0].context
    assert context is not None
    assert records.only().span_id == f"{context.span_id:016x}"
    assert activate.is_on()


def test_a_tracer_provider_of_the_tests_own_is_used(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    od.uninstrument()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", told.tracer_provider)
    with testing.recorded() as records:
        send(provider)
    assert [span.name for span in told.spans()] == [record.name for record in records] == ["chat m"]
    assert trace.get_tracer_provider() is told.tracer_provider


@pytest.mark.parametrize("variable", ["OTEL_SDK_DISABLED", "OTEL_TRACES_SAMPLER"])
def test_no_variable_of_the_environment_takes_records_away(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, {"OTEL_SDK_DISABLED": "true"}.get(variable, "always_off"))

    @od.entry_point("agent", name="a")
    def agent() -> None:
        send(provider)

    with testing.recorded() as records:
        agent()
    assert [record.name for record in records.below(records.roots[0])] == ["chat m"]


def test_blocks_in_blocks_hear_what_is_theirs(provider: Provider) -> None:
    with testing.recorded() as outer:
        with testing.recorded() as inner:
            send(provider, "both")
        send(provider, "outer")
    assert [record.model for record in inner] == ["both"]
    assert [record.model for record in outer] == ["both", "outer"]
    assert not activate.is_on()


def test_a_block_that_ends_out_of_turn_leaves_the_other_recording(provider: Provider) -> None:
    first, second = testing.recorded(), testing.recorded()
    first.__enter__()
    later = second.__enter__()
    first.__exit__(None, None, None)
    send(provider)
    second.__exit__(None, None, None)
    assert len(later) == 1
    assert not activate.is_on()


def test_what_was_resolved_in_a_block_is_forgotten_with_it(provider: Provider) -> None:
    for expected in ("pipeline_input", "unknown"):
        with testing.recorded() as records:
            if expected == "pipeline_input":
                od.resolve("model", pipeline_input="m")
            send(provider)
        assert records.only().provenance.model == expected


def test_a_fault_in_a_listener_leaves_the_call_alone(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    faults.expect()
    monkeypatch.setattr(testing.Records, "hear", boom)
    with testing.recorded() as records:
        assert send(provider) == 200
    assert list(records) == []
    assert [place for place, _ in faults.seen] == ["publish"]


def test_who_does_not_import_it_does_not_pay_for_it() -> None:
    code = "import sys, otel_dispatch; otel_dispatch.instrument(); print('otel_dispatch.testing' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"


def test_the_sdk_is_not_imported_where_a_program_has_none() -> None:
    code = (
        "import sys, otel_dispatch.testing as t\n"
        "with t.recorded(): pass\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk.trace.export', 'pytest'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_a_provider_of_the_sdk_is_left_as_it_is(told: Told) -> None:
    assert isinstance(told.tracer_provider, TracerProvider)
    with testing.recorded():
        pass
    assert told.tracer_provider.force_flush()
