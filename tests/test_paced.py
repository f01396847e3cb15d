"""What is sent is sent in small steps, so that the program goes on in between, unless there is no time for that."""

import time
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from otel_dispatch.paced import Paced


class Kept(SpanExporter):
    """Keeps what it is given, one by one, as exporters that encode do."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.sizes: list[int] = []
        self.is_shut = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.sizes.append(len(spans))
        self.names += [span.name for span in spans]
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.is_shut = True


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    sleep = time.sleep
    monkeypatch.setattr("otel_dispatch.paced.time.sleep", lambda seconds: (taken.append(seconds), sleep(seconds)))
    return taken


def spans_of(count: int) -> list[ReadableSpan]:
    return [ReadableSpan(f"s{n}") for n in range(count)]


def test_the_program_may_go_on_before_each_span(pauses: list[float]) -> None:
    kept = Kept()
    assert Paced(kept).export(spans_of(7)) is SpanExportResult.SUCCESS
    assert kept.names == [f"s{n}" for n in range(7)]
    assert (kept.sizes, len(pauses)) == ([7], 7)
    assert all(0 < pause < 0.001 for pause in pauses)


def test_there_are_fewer_pauses_where_more_spans_wait(pauses: list[float]) -> None:
    kept = Kept()
    Paced(kept).export(spans_of(512))
    assert (kept.sizes, len(kept.names), len(pauses)) == ([512], 512, 128)


def test_there_is_no_pause_at_the_end_of_the_process(pauses: list[float]) -> None:
    paced = Paced(Kept())
    paced.hurry()
    paced.export(spans_of(7))
    assert not pauses


def test_it_is_its_exporter_in_all_else() -> None:
    kept = Kept()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Paced(kept)))  # type: ignore[arg-type]
    provider.get_tracer("t").start_span("one").end()
    provider.shutdown()
    assert (kept.names, kept.is_shut) == (["one"], True)


def test_what_its_exporter_raises_goes_through() -> None:
    class Broken(Kept):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            raise OSError(len(list(spans)))

    with pytest.raises(OSError, match="3"):
        Paced(Broken()).export(spans_of(3))
