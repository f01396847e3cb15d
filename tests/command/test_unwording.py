"""A span of ours read back: what the record file says of a dispatch, its span says, too."""

import base64
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.trace import Tracer

import otel_dispatch as od
from otel_dispatch import recordfile
from otel_dispatch.command.otlp import hex_id, spans_in
from otel_dispatch.command.run import run_of
from otel_dispatch.command.unwording import records_of
from tests.command.backend_doubles import call, inherited, run, span, traces
from tests.conftest import Told

CHAT = "https://api.openai.com/v1/chat/completions"
MESSAGES = "https://api.anthropic.com/v1/messages"
# The file's lines have an id of their own; what was asked for is on a span only where it differs; and where the
# definition lies is told to the local file alone.
OWN = {"call_id", "requested", "definition"}


def send(url: str, body: dict[str, Any], status: int = 200, **answer: Any) -> None:
    """One model call, answered in memory."""
    served = httpx2.MockTransport(lambda _: httpx2.Response(status, json=answer))
    with httpx2.Client(transport=served) as client:
        client.post(url, json=body)


def chat(model: str, text: str = "hi", answered: str | None = None) -> None:
    message = {"message": {"content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}
    send(CHAT, {"model": model, "reasoning_effort": "high"}, model=answered or model, choices=[message], usage=usage)


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "records.jsonl"
    monkeypatch.setenv("DISPATCH_OTEL_RECORD_FILE", str(path))
    return path


@pytest.fixture
def session(records: Path, told: Told, tmp_path: Path) -> Told:
    """A run of several kinds of dispatch, told to a file and as spans."""
    definition = tmp_path / "skill.md"
    definition.write_text("do it")

    @od.entry_point("run_skill", name="implement", definition=definition)
    def implement(model: str, conversation_id: str) -> None:
        chat("gpt-6-luna", answered="gpt-6-mini")
        with od.scope("primary", provider="openai", model="gpt-6-luna"), od.scope("escalation"):
            chat("gpt-6-sol")

    @od.entry_point("fleet_dispatch", name="audit")
    def audit() -> None:
        implement("luna", conversation_id="c-1")
        chat("gpt-6-luna", text="")
        chat("gpt-6-luna", text="")
        thinking = {"type": "enabled", "budget_tokens": 2048}
        messages = [{"role": "user", "content": "x"}]
        asked = {"model": "claude-opus-5-5", "max_tokens": 9, "thinking": thinking, "messages": messages}
        send(MESSAGES, asked, status=429)

    audit()
    return told


def as_tempo(told: Told) -> dict[str, Any]:
    """What the SDK's own encoder makes of the spans, in protobuf's spelling of JSON."""
    return MessageToDict(encode_spans(told.spans()))


def as_jaeger(told: Told) -> dict[str, Any]:
    """The same with OTLP's ids in hex and enums as numbers."""
    message = as_tempo(told)
    for resource in message["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for each in scope["spans"]:
                each["kind"] = 3
                for name in {"traceId", "spanId", "parentSpanId"} & each.keys():
                    each[name] = base64.b64decode(each[name]).hex()
    return message


@pytest.fixture(params=[as_tempo, as_jaeger], ids=["tempo", "jaeger"])
def pairs(request: pytest.FixtureRequest, session: Told, records: Path) -> list[tuple[Any, Any]]:
    """Each dispatch as the file tells it, and as its span does."""
    message = json.loads(json.dumps(request.param(session)))
    spans = {each["otel_span_id"]: each for each in records_of(spans_in(message))}
    lines = {each["otel_span_id"]: each for each in recordfile.read(records)}
    assert spans.keys() == lines.keys()
    assert len(lines) == 7
    return [(lines[key], spans[key]) for key in lines]


def test_a_span_says_what_the_line_says(pairs: list[tuple[Any, Any]]) -> None:
    for line, told in pairs:
        assert {key: told[key] for key in line.keys() - OWN} == {key: line[key] for key in line.keys() - OWN}
        assert told.keys() - line.keys() <= OWN


def test_both_give_the_same_run(pairs: list[tuple[Any, Any]]) -> None:
    for line, told in pairs:
        line.get("definition", {})["path"] = None
        assert run_of(told) == run_of(line)
    kinds = [run_of(told).outcome for _, told in pairs]
    assert {"superseded", "empty_completion_terminal", "usage_limit", "served"} <= set(kinds)


def test_what_was_asked_for_is_told_where_it_differs(pairs: list[tuple[Any, Any]]) -> None:
    for line, told in pairs:
        for name in ("provider", "model"):
            expected = line["requested"][name]
            assert told["requested"][name] == (None if expected == line[name] else expected)


def test_spans_of_others_between_a_call_and_its_entry_are_passed_over() -> None:
    spans = [
        run(1, 1, None, 10.0, 9.0, "outer"),
        run(1, 2, 1, 10.0, 8.0, "inner"),
        span(1, 3, 2, "a framework's step", 11.0),
        call(1, 4, 3, 11.0),
        call(1, 5, 99, 12.0),
        call(2, 6, 2, 13.0),
    ]
    above = {each["otel_span_id"][-1]: each["otel_entry_id"] for each in records_of(spans_in(traces("s", spans)))}
    entry = {number: f"{number:016x}" for number in (1, 2)}
    assert above == {"1": None, "2": entry[1], "4": entry[2], "5": None, "6": None}


def test_parents_that_go_round_in_circles_end_the_search() -> None:
    spans = [call(1, 1, 2, 10.0), span(1, 2, 3, "x", 10.0), span(1, 3, 2, "y", 10.0), call(1, 4, 4, 10.0)]
    assert [each["otel_entry_id"] for each in records_of(spans_in(traces("s", spans)))] == [None, None]


def test_a_span_that_is_told_twice_counts_once_and_the_oldest_end_comes_first() -> None:
    spans = [call(1, 1, None, 20.0), call(1, 2, None, 10.0), call(1, 1, None, 20.0), span(1, 3, None, "GET /", 1.0)]
    assert [each["otel_span_id"][-1] for each in records_of(spans_in(traces("s", spans)))] == ["2", "1"]


def test_somebody_elses_span_is_named_as_the_record_file_names_it() -> None:
    (told,) = records_of(spans_in(traces("s", [{**call(1, 1, None, 1.0), "name": "anthropic.messages.create"}])))
    assert (told["name"], told["names"]["label"]) == ("chat MiniMax-M2", None)


def test_a_joined_value_that_was_cut_loses_its_last_word() -> None:
    words = {"dispatch.rollup.calls": 9, "dispatch.rollup.models": ",".join(f"model-{n:03}" for n in range(40))[:256]}
    (told,) = records_of(spans_in(traces("s", [run(1, 1, None, 1.0, 1.0, "x", **words)])))
    assert told["rollup"]["models"] == [f"model-{n:03}" for n in range(25)]


def test_a_value_that_was_taken_back_is_none() -> None:
    words = {"dispatch.outcome.kind": "", "dispatch.mismatch": "", **inherited("model", "provider")}
    (told,) = records_of(spans_in(traces("s", [call(1, 1, None, 1.0, **words)])))
    assert (told["outcome"], told["outcome_kind"], told["mismatch"]) == (None, None, [])
    assert told["inherited_fields"] == ["model", "provider"]


@pytest.mark.parametrize("wrong", [None, 7, "text", True, [], [None, {}], {"a": 1}, -1.5, {"spans": 3}])
def test_what_is_no_otlp_is_left_out(wrong: Any) -> None:
    good = call(1, 1, None, 1.0)
    odd = [{**good, key: wrong} for key in good if key not in ("traceId", "spanId")]
    nested = {"resourceSpans": [wrong, {"scopeSpans": wrong}, {"scopeSpans": [wrong, {"spans": [wrong]}]}]}
    assert records_of(spans_in(wrong)) == []
    assert records_of(spans_in(nested)) == []
    assert len(records_of(spans_in(traces("s", [*odd, {**good, "attributes": [{"key": wrong, "value": wrong}]}])))) <= 1


@pytest.mark.parametrize(
    ("told", "length", "expected"),
    [
        ("W47/95gDgQPSabYzgT/HAA==", 32, "5b8efff798038103d269b633813fc700"),
        ("7uGbfsPBsQA=", 16, "eee19b7ec3c1b100"),
        ("5B8EFFF798038103D269B633813FC700", 32, "5b8efff798038103d269b633813fc700"),
        ("abc", 32, "abc".rjust(32, "0")),
        ("0" * 16, 16, ""),
        ("AAAAAAAAAAA=", 16, ""),
        ("", 16, ""),
        ("no hex", 16, ""),
        ("§§§=", 16, ""),
        (7, 16, ""),
        ("a" * 33, 32, ""),
    ],
)
def test_ids_are_read_in_both_spellings(told: object, length: int, expected: str) -> None:
    assert hex_id(told, length) == expected


def test_an_attribute_of_every_type_is_read(told: Told) -> None:
    tracer: Tracer = told.tracer_provider.get_tracer("test")
    values: dict[str, Any] = {"s": "x", "b": False, "i": 7, "f": 1.5, "a": ["x", "y"]}
    tracer.start_span("x", attributes=values).end()
    (found,) = spans_in(as_tempo(told))
    assert dict(found.words) == values
