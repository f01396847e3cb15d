"""Answers with little or nothing in them, whole and streamed, through the SDKs: what is an empty completion and what
is not, and what becomes of one that is asked for again."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from opentelemetry.trace import StatusCode

import otel_dispatch as od
from otel_dispatch import aloft, emit
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Answer, Provider
from tests.conftest import Told, eventually

HI: Any = [{"role": "user", "content": "hi"}]
Ask = Callable[[Provider, Told, bool], None]


def ask_chat(provider: Provider, _: Told, is_stream: bool, text: str = "hi") -> None:
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0) as client:
        usage: Any = {"stream_options": {"include_usage": True}} if is_stream else {}
        messages: Any = [{"role": "user", "content": text}]
        answer = client.chat.completions.create(model="m", messages=messages, stream=is_stream, **usage)
        assert list(answer) if is_stream else answer


def ask_responses(provider: Provider, _: Told, is_stream: bool) -> None:
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0) as client:
        answer: Any = client.responses.create(model="m", input="hi", stream=is_stream)
        assert list(answer) if is_stream else answer


def ask_claude(provider: Provider, _: Told, is_stream: bool, native: Any = False) -> None:
    options: Any = {"base_url": provider.url, "api_key": "k", "max_retries": 0, "open_telemetry": native}
    with anthropic.Anthropic(**options) as client:
        answer: Any = client.messages.create(model="m", max_tokens=9, messages=HI, stream=is_stream)
        assert list(answer) if is_stream else answer


def ask_claude_on_its_span(provider: Provider, told: Told, is_stream: bool) -> None:
    ask_claude(provider, told, is_stream, {"tracer_provider": told.tracer_provider})


ASKS: dict[str, tuple[Ask, Any, Any]] = {
    "chat": (ask_chat, wire.chat, wire.chat_stream),
    "responses": (ask_responses, wire.responses, wire.responses_stream),
    "claude": (ask_claude, wire.messages, wire.messages_stream),
    "claude on its span": (ask_claude_on_its_span, wire.messages, wire.messages_stream),
}
CLAUDE = ("claude", "claude on its span")

SERVED, EMPTY = "served", "empty_completion_terminal"

# What the answer is, whom it concerns, how it is made; the kind, the tokens and the length that are told.
KINDS: list[tuple[str, tuple[str, ...], str, dict[str, Any], tuple[str, int | None, int]]] = [
    ("text", tuple(ASKS), "Done.", {}, (SERVED, 12, 5)),
    ("text, tokens not told", tuple(ASKS), "Done.", {"usage": None}, (SERVED, None, 5)),
    ("nothing", tuple(ASKS), "", {}, (EMPTY, 12, 0)),
    ("white space", tuple(ASKS), " \n\t\u00a0", {}, (EMPTY, 12, 0)),
    ("nothing, tokens not told", tuple(ASKS), "", {"usage": None}, (EMPTY, None, 0)),
    ("nothing, and not billed", tuple(ASKS), "", {"usage": (9, 0)}, (SERVED, 0, 0)),
    ("a tool call", tuple(ASKS), "", {"tool_calls": 1}, (SERVED, 12, 0)),
    ("thinking, chat", ("chat",), "", {"reasoning": "hm"}, (SERVED, 12, 0)),
    ("thinking, responses", ("responses",), "", {"reasoning_summary": "hm"}, (SERVED, 12, 0)),
    ("thinking, claude", CLAUDE, "", {"thinking": "hm"}, (SERVED, 12, 0)),
    ("hidden thinking", CLAUDE, "", {"redacted": True}, (SERVED, 12, 0)),
    ("a refusal, chat", ("chat",), "", {"refusal": "No."}, (SERVED, 12, 0)),
    ("a refusal, claude", CLAUDE, "", {"stop": "refusal"}, (SERVED, 12, 0)),
    ("cut off, chat", ("chat",), "", {"finish": "length"}, (SERVED, 12, 0)),
    ("cut off with text, chat", ("chat",), "Don", {"finish": "length"}, (SERVED, 12, 3)),
    (
        "cut off, responses",
        ("responses",),
        "",
        {"status": "incomplete", "incomplete_reason": "max_output_tokens"},
        (SERVED, 12, 0),
    ),
    ("cut off, claude", CLAUDE, "", {"stop": "max_tokens"}, (SERVED, 12, 0)),
    ("cut off with text, claude", CLAUDE, "Don", {"stop": "max_tokens"}, (SERVED, 12, 3)),
    ("the window is full", CLAUDE, "", {"stop": "model_context_window_exceeded"}, (SERVED, 12, 0)),
    ("a pause", CLAUDE, "", {"stop": "pause_turn"}, (SERVED, 12, 0)),
    ("filtered, chat", ("chat",), "", {"finish": "content_filter"}, (SERVED, 12, 0)),
    (
        "filtered, responses",
        ("responses",),
        "",
        {"status": "incomplete", "incomplete_reason": "content_filter"},
        (SERVED, 12, 0),
    ),
    ("a stop sequence", CLAUDE, "", {"stop": "stop_sequence"}, (EMPTY, 12, 0)),
]
EACH = [
    pytest.param(who, text, made, expected, id=f"{who}: {name}")
    for name, whom, text, made, expected in KINDS
    for who in whom
]


def answer_of(who: str, is_stream: bool, text: str, **made: Any) -> Answer:
    _, whole, streamed = ASKS[who]
    given: Any = (list(text) if text.strip() else [text] * bool(text)) if is_stream else text
    answer: Answer = (streamed if is_stream else whole)(given, model="m", **made)
    return answer


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(("who", "text", "made", "expected"), EACH)
def test_an_answer_is_empty_if_it_was_paid_or_may_have_been_and_nothing_came(
    told: Told,
    provider: Provider,
    who: str,
    text: str,
    made: dict[str, Any],
    expected: tuple[str, int | None, int],
    is_stream: bool,
) -> None:
    provider.script(answer_of(who, is_stream, text, **made))
    ASKS[who][0](provider, told, is_stream)
    span = told.only()
    found = dict(span.attributes or {})
    assert found["dispatch.outcome.kind"] == expected[0]
    assert found.get("dispatch.outcome.completion_tokens") == expected[1]
    assert found["dispatch.outcome.content_len"] == expected[2]
    assert "dispatch.outcome.class" not in found
    assert "dispatch.outcome.empty_retries" not in found
    # The owner of a span keeps its status and its kind of error.
    if who != "claude on its span":
        assert found.get("error.type") == (EMPTY if expected[0] == EMPTY else None)
        assert span.status.status_code is (StatusCode.ERROR if expected[0] == EMPTY else StatusCode.UNSET)
    assert aloft.count() == 0


def kinds(told: Told) -> list[tuple[Any, Any]]:
    found = [dict(span.attributes or {}) for span in told.spans()]
    calls = [each for each in found if each.get("dispatch.kind") == "llm_call"]
    return [(each["dispatch.outcome.kind"], each.get("dispatch.outcome.empty_retries")) for each in calls]


RECOVERED = "empty_completion_transient_recovered"
# The answers to the same request, one after the other, in one scope; what is told of each.
AGAIN: list[tuple[list[str], list[tuple[str, int | None]]]] = [
    (["", "Done."], [("superseded", None), (RECOVERED, 1)]),
    (["", "", "Done."], [("superseded", None), ("superseded", 1), (RECOVERED, 2)]),
    (["", ""], [("superseded", None), (EMPTY, 1)]),
    (["Done.", ""], [("served", None), (EMPTY, None)]),
    (["", "Done.", "Done."], [("superseded", None), (RECOVERED, 1), ("served", None)]),
    (["", "Done.", ""], [("superseded", None), (RECOVERED, 1), (EMPTY, None)]),
    ([" ", "Done."], [("superseded", None), (RECOVERED, 1)]),
]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("who", [who for who in ASKS if who != "claude on its span"])
@pytest.mark.parametrize(("texts", "expected"), AGAIN)
def test_the_same_request_again_tells_what_became_of_an_empty_attempt(
    told: Told, provider: Provider, who: str, texts: list[str], expected: Any, is_stream: bool
) -> None:
    with od.scope("primary"):
        for text in texts:
            provider.script(answer_of(who, is_stream, text))
            ASKS[who][0](provider, told, is_stream)
    assert kinds(told) == expected
    assert aloft.count() == 0


@pytest.mark.parametrize("is_stream", [False, True])
def test_on_a_span_that_its_owner_has_ended_an_empty_attempt_stays_terminal(
    told: Told, provider: Provider, is_stream: bool
) -> None:
    with od.scope("primary"):
        for text in ("", "Done."):
            provider.script(answer_of("claude", is_stream, text))
            ask_claude_on_its_span(provider, told, is_stream)
    # On the span it cannot be changed any more; where it still can, it is told.
    assert kinds(told) == [(EMPTY, None), (RECOVERED, 1)]
    assert [event.attributes["dispatch.outcome.kind"] for event in told.events()] == ["superseded", RECOVERED]
    counted = {dict(labels)["dispatch.outcome.kind"]: count for labels, count in told.points("dispatch.calls").items()}
    assert counted == {"superseded": 1, RECOVERED: 1}


@pytest.mark.parametrize("made", [{"usage": (9, 0)}, {"finish": "length"}, {"finish": "content_filter"}])
def test_what_is_nothing_itself_recovers_nothing(told: Told, provider: Provider, made: dict[str, Any]) -> None:
    with od.scope("primary"):
        for given in ({}, made):
            provider.script(answer_of("chat", False, "", **given))
            ask_chat(provider, told, False)
    assert kinds(told) == [("superseded", None), ("served", 1)]


def test_an_empty_whole_answer_is_not_that_of_a_streamed_request(told: Told, provider: Provider) -> None:
    with od.scope("primary"):
        for is_stream, text in ((False, ""), (True, "Done.")):
            provider.script(answer_of("chat", is_stream, text))
            ask_chat(provider, told, is_stream)
        assert kinds(told) == [("served", None)]
        assert aloft.count() == 1
    assert kinds(told) == [("served", None), (EMPTY, None)]


def test_an_empty_attempt_of_a_scope_is_nobodys_outside_of_it(told: Told, provider: Provider) -> None:
    provider.script(*(answer_of("chat", False, text) for text in ("", "Done.", "", "Done.")))
    with od.scope("primary"):
        ask_chat(provider, told, False)
    ask_chat(provider, told, False)
    with od.scope("primary"):
        ask_chat(provider, told, False)
        with od.scope("escalation"):
            ask_chat(provider, told, False)
            assert kinds(told) == [(EMPTY, None), ("served", None), ("served", None)]
    assert kinds(told)[3:] == [(EMPTY, None)]


@pytest.mark.parametrize("is_retried", [False, True])
def test_an_attempt_that_is_refused_or_lost_ends_what_waited(told: Told, provider: Provider, is_retried: bool) -> None:
    refused = wire.error("openai", 400, "invalid_request_error") if is_retried else Answer(drop=True)
    provider.script(answer_of("chat", False, ""), refused)
    with od.attempts():
        ask_chat(provider, told, False)
        with pytest.raises(openai.APIError):
            ask_chat(provider, told, False)
    assert [kind for kind, _ in kinds(told)] == ["superseded", "provider_error"]


BUSY = wire.error("openai", 429, "requests", "rate_limit_exceeded", headers={"retry-after-ms": "1"})


def ask_chat_with_retries(provider: Provider, text: str = "hi") -> None:
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=2) as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}])


@pytest.mark.parametrize("scope", [od.attempts, lambda: od.scope("primary")])
def test_what_recovers_after_a_refusal_is_told_of_the_empty_attempts_before_it(
    told: Told, provider: Provider, scope: Callable[[], Any]
) -> None:
    empty, done = answer_of("chat", False, ""), answer_of("chat", False, "Done.")
    provider.script(empty, empty, BUSY, BUSY, done, done)
    with scope():
        for _ in range(4):
            ask_chat_with_retries(provider)
    refused, waited = [("usage_limit", None)] * 2, [("superseded", None), ("superseded", 1)]
    assert kinds(told) == [*waited, *refused, (RECOVERED, 2), ("served", None)]


def test_a_refusal_hands_on_nothing_to_another_call_nor_for_long(
    told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, done = answer_of("chat", False, ""), answer_of("chat", False, "Done.")
    for text, seconds in (("other", 60), ("hi", 0)):
        with od.scope("primary"):
            monkeypatch.setattr(emit, "HOLD_SECONDS", 60)
            provider.script(empty, BUSY, done)
            ask_chat(provider, told, False)
            monkeypatch.setattr(emit, "HOLD_SECONDS", seconds)
            with pytest.raises(openai.RateLimitError):
                ask_chat(provider, told, False)
            ask_chat(provider, told, False, text)
    assert kinds(told) == [("superseded", None), ("usage_limit", None), ("served", None)] * 2


def test_attempts_are_one_call_whatever_they_ask(told: Told, provider: Provider) -> None:
    provider.script(*(answer_of("chat", False, text) for text in ("", "", "Done.", "Done.")))
    with od.attempts():
        for text in ("one", "two", "three", "four"):
            ask_chat(provider, told, False, text)
    assert kinds(told) == [("superseded", None), ("superseded", 1), (RECOVERED, 2), ("served", None)]


def test_a_held_attempt_ends_by_itself_when_it_is_late(
    told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emit, "HOLD_SECONDS", 0.05)
    with od.scope("primary"):
        for who in ("chat", "responses", "claude"):
            provider.script(answer_of(who, True, ""))
            ASKS[who][0](provider, told, True)
        eventually(lambda: aloft.count() == 0)
        assert kinds(told) == [(EMPTY, None)] * 3
    assert len(told.spans()) == 3


@pytest.mark.parametrize("end", ["", "raise SystemExit(0)", "os.kill(os.getpid(), signal.SIGINT)"])
def test_an_exit_ends_a_held_attempt_as_terminal(provider: Provider, tmp_path: Path, end: str) -> None:
    provider.script(answer_of("chat", False, ""))
    code = f"""
    import os, signal, sys
    import openai, otel_dispatch
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    scope = otel_dispatch.scope("primary")
    scope.__enter__()
    openai.OpenAI().chat.completions.create(model="m", messages={HI!r})
    {end}
    """
    record = tmp_path / "records.jsonl"
    nowhere = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    env = {**os.environ, **nowhere, "DISPATCH_OTEL": "1", "DISPATCH_OTEL_RECORD_FILE": str(record)}
    env |= {"OPENAI_BASE_URL": f"{provider.url}/v1", "OPENAI_API_KEY": "k"}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (line,) = [json.loads(each) for each in record.read_text().splitlines()]
    assert line["outcome"] == {"kind": EMPTY, "completion_tokens": 12, "content_len": 0}


def test_an_entry_sums_up_only_what_stayed_empty(told: Told, provider: Provider) -> None:
    provider.script(*(answer_of("chat", False, text) for text in ("", "Done.", "")))

    @od.entry_point("run_skill", name="s")
    def skill() -> None:
        for text in ("one", "one", "two"):
            ask_chat(provider, told, False, text)

    skill()
    (entry,) = told.spans("invoke_agent s")
    found = dict(entry.attributes or {})
    assert (found["dispatch.rollup.calls"], found["dispatch.rollup.empty_terminal_calls"]) == (3, 1)
    assert sorted(kinds(told)) == sorted([("superseded", None), (RECOVERED, 1), (EMPTY, None)])


def test_an_empty_answer_under_a_status_that_refuses_is_the_refusal(told: Told, provider: Provider) -> None:
    provider.script(replace(answer_of("chat", False, ""), status=429))
    with pytest.raises(openai.RateLimitError):
        ask_chat(provider, told, False)
    assert kinds(told) == [("usage_limit", None)]
