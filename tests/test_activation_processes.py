"""What a program that is switched on takes from its parent, hands to its workers, and ends at its exit."""

import pytest

from otel_dispatch.demo.provider import Provider
from tests.programs import CALL, environment, run
from tests.programs import sink as sink
from tests.sinks import HttpSink


def test_spans_of_a_forked_worker_arrive(provider: Provider, sink: HttpSink) -> None:
    code = """
    import multiprocessing
    import openai
    def work(n):
        with openai.OpenAI() as client:
            client.chat.completions.create(model=f"m{n}", messages=[{"role": "user", "content": "hi"}])
    if __name__ == "__main__":
        work(0)
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=work, args=(n,)) for n in (1, 2)]
        for w in workers: w.start()
        for w in workers: w.join()
    """
    done = run(code, environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url))
    assert done.stderr == ""
    assert sorted(span.name for span in sink.wait(3)) == ["chat m0", "chat m1", "chat m2"]


def test_a_stream_that_is_open_at_exit_ends_as_abandoned(provider: Provider, sink: HttpSink) -> None:
    code = """
    import openai
    client = openai.OpenAI()
    stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True)
    next(stream)
    """
    done = run(code, environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url))
    # CPython 3.13 can crash on closing what the SDK left open at shutdown, with us and without.
    plain = run(code, environment(provider))
    # From 3.14 on it tells a traceback, in which a frame of ours is one more; the error is the library's own.
    assert done.returncode == plain.returncode
    assert done.stderr.splitlines()[-1:] == plain.stderr.splitlines()[-1:]
    (span,) = sink.wait(1)
    assert span.attributes["dispatch.outcome.class"] == "abandoned"


def test_a_span_of_the_hosts_own_arrives_where_nothing_is_dispatched(sink: HttpSink) -> None:
    code = """
        import openai
        from opentelemetry import trace
        with trace.get_tracer("mine").start_as_current_span("own"):
            pass
    """
    done = run(code, environment(DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url))
    assert (done.returncode, done.stderr) == (0, "")
    assert [(span.name, span.scope) for span in sink.wait(1)] == [("own", "mine")]


def test_an_entry_that_runs_on_a_thread_at_exit_ends_with_all_below_it(provider: Provider, sink: HttpSink) -> None:
    code = """
    import threading, time
    import openai
    import otel_dispatch
    @otel_dispatch.entry_point("run_skill", name="s")
    def skill():
        client = openai.OpenAI()
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True)
        next(stream)
        under_way.set()
        time.sleep(60)
    under_way = threading.Event()
    threading.Thread(target=skill, daemon=True).start()
    under_way.wait()
    """
    done = run(code, environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url))
    assert (done.returncode, done.stderr) == (0, "")
    call, entry = sink.wait(2)
    assert call.attributes["dispatch.outcome.class"] == "abandoned"
    assert entry.attributes["dispatch.outcome.kind"] == "cancelled"
    assert entry.attributes["dispatch.rollup.calls"] == 1
    assert call.parent_id == entry.span_id


def test_a_parents_traceparent_and_scope_are_taken_up(provider: Provider, sink: HttpSink) -> None:
    env = environment(
        provider,
        DISPATCH_OTEL="1",
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        TRACEPARENT="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        DISPATCH_OTEL_SCOPE='{"role":"escalation","primary":{"model":"gpt-6-luna"}}',
    )
    run(CALL, env)
    (span,) = sink.wait(1)
    assert (span.trace_id, span.parent_id) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert span.attributes["dispatch.provenance.model"] == "inherited_from_primary"


@pytest.mark.parametrize("scope", ["not json", "[1]", '{"primary": 3, "provenance": {"model": "guess"}}', "{" * 5000])
def test_an_unreadable_scope_is_told_in_a_sentence(provider: Provider, sink: HttpSink, scope: str) -> None:
    env = environment(provider, DISPATCH_OTEL="1", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, DISPATCH_OTEL_SCOPE=scope)
    done = run(CALL, env)
    assert done.stderr.startswith("DISPATCH_OTEL_SCOPE")
    assert done.stderr.count("\n") == 1
    assert len(sink.wait(1)) == 1
