"""What Mistral serves beside chat completions: agents, fill-in-the-middle, conversations."""

import json
from typing import Any

import pytest

from otel_dispatch.dialects import Dialect, dialect_at
from otel_dispatch.dialects.mistral import AGENT, MIDDLE, TURN
from otel_dispatch.dialects.openai_compat import CHAT
from otel_dispatch.providers import is_expected
from otel_dispatch.record import UNKNOWN_THINKING, Request, Thinking
from otel_dispatch.vocabulary import ThinkingMode, ToolFormat, WireFormat
from tests.dialects.heard import end_of, heard, heard_body, heard_events, said
from tests.wires.mistral import mistral_chat, mistral_chat_stream, mistral_turn, mistral_turn_stream

SERVED, EMPTY = ("served", None), ("empty_completion_terminal", None)
MALFORMED = ("provider_error", "malformed_response")
HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f"}}
HIGH = Thinking(ThinkingMode.EFFORT, True, None, "high")


def asked(dialect: Dialect, **body: Any) -> Request | None:
    return dialect.request(json.dumps(body).encode(), "")


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/agents/completions", AGENT),
        ("/v1/fim/completions", MIDDLE),
        ("/v1/conversations", TURN),
        ("/v1/conversations/conv_1", TURN),
        ("/v1/conversations/conv_1/restart", TURN),
        ("/v1/conversations/conv_1/messages", None),
        ("/v1/conversations/conv_1/items", None),
        ("/v1/chat/moderations", None),
        ("/v1/chat/classifications", None),
        ("/v1/moderations", None),
        ("/v1/ocr", None),
        ("/v1/files", None),
        ("/v1/batch/jobs", None),
        ("/v1/agents", None),
        ("/v1/agents/ag_1", None),
    ],
)
def test_each_answers_at_its_paths(path: str, dialect: Dialect | None) -> None:
    found = dialect_at(path)
    assert found is dialect if dialect is not None else found not in (AGENT, MIDDLE, TURN, CHAT)


def test_an_agent_is_asked_whose_model_tools_and_thinking_are_its_own() -> None:
    assert asked(AGENT, agent_id="ag_1", messages=HI) == Request(
        WireFormat.OPENAI_COMPAT, thinking=UNKNOWN_THINKING, tool_format=ToolFormat.UNKNOWN
    )
    more = {"tools": [TOOL], "reasoning_effort": "high", "stream": True, "max_tokens": 7}
    assert asked(AGENT, agent_id="ag_1", messages=HI, **more) == Request(
        WireFormat.OPENAI_COMPAT, "chat", None, HIGH, ToolFormat.NATIVE, True, 7
    )
    for none in ({"messages": HI}, {"agent_id": "ag_1"}, {"agent_id": "ag_1", "messages": []}, {"model": "m"}):
        assert asked(AGENT, **none) is None


def test_a_gap_is_filled_as_a_completion_of_text() -> None:
    asked_for = asked(MIDDLE, model="m", prompt="def f(", suffix="return", max_tokens=7, stream=True)
    assert asked_for == Request(WireFormat.OPENAI_COMPAT, "text_completion", "m", stream=True, max_tokens=7)
    for none in ({"model": "m"}, {"prompt": "x"}, {"model": "m", "prompt": 3}):
        assert asked(MIDDLE, **none) is None


TURNS: list[tuple[dict[str, Any], Request | None]] = [
    ({"model": "m", "inputs": "hi"}, Request(WireFormat.UNKNOWN, "chat", "m")),
    (
        {
            "model": "m",
            "inputs": HI,
            "tools": [{"type": "web_search"}],
            "stream": True,
            "completion_args": {"max_tokens": 7, "reasoning_effort": "high"},
        },
        Request(WireFormat.UNKNOWN, "chat", "m", HIGH, ToolFormat.NATIVE, True, 7),
    ),
    (
        {"agent_id": "ag_1", "inputs": "hi"},
        Request(WireFormat.UNKNOWN, thinking=UNKNOWN_THINKING, tool_format=ToolFormat.UNKNOWN),
    ),
    (
        {"inputs": "more", "stream": True, "completion_args": {"reasoning_effort": "high"}},
        Request(WireFormat.UNKNOWN, thinking=HIGH, tool_format=ToolFormat.UNKNOWN, stream=True),
    ),
    (
        {"tool_confirmations": [{"tool_call_id": "c"}], "stream": False},
        Request(WireFormat.UNKNOWN, thinking=UNKNOWN_THINKING, tool_format=ToolFormat.UNKNOWN),
    ),
    (
        {"from_entry_id": "e_1", "inputs": [], "stream": False},
        Request(WireFormat.UNKNOWN, thinking=UNKNOWN_THINKING, tool_format=ToolFormat.UNKNOWN),
    ),
    ({"inputs": "hi"}, None),
    ({"inputs": None, "stream": True}, None),
    ({"model": "m"}, None),
    ({"stream": True}, None),
    ({"items": HI, "metadata": {}}, None),  # OpenAI's conversations, which call no model
]


@pytest.mark.parametrize(("body", "expected"), TURNS)
def test_a_turn_of_a_conversation_is_read(body: dict[str, Any], expected: Request | None) -> None:
    assert asked(TURN, **body) == expected


def test_a_format_without_a_name_is_no_surprise_at_any_host() -> None:
    assert is_expected(WireFormat.UNKNOWN, "mistral")
    assert not is_expected(WireFormat.COHERE, "mistral")


@pytest.mark.parametrize("dialect", [AGENT, MIDDLE, TURN], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b'{"model":"m"'])
def test_what_cannot_be_read_is_no_call(dialect: Dialect, body: bytes) -> None:
    assert dialect.request(body, "") is None


THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
USAGE = {"input": 9, "output": 12}
CONTENTS: list[tuple[Any, dict[str, Any], tuple[str, str | None]]] = [
    ("Done.", {"content_len": 5, "blank": False}, SERVED),
    ([THOUGHT, {"type": "text", "text": "Done."}], {"content_len": 5, "blank": False, "committed": True}, SERVED),
    ([THOUGHT], {"committed": True}, SERVED),
    ("", {}, EMPTY),
    ([], {}, EMPTY),
    ([{"type": "text", "text": ""}], {}, EMPTY),
]


@pytest.mark.parametrize(("content", "expected", "end"), CONTENTS)
def test_a_completion_of_chunks_and_the_same_streamed_say_the_same(content: Any, expected: Any, end: Any) -> None:
    told = {"model": "m", "finish": ["stop"], **USAGE}
    for dialect in (AGENT, MIDDLE, CHAT):
        whole, streamed = heard(dialect, mistral_chat(content)), heard(dialect, mistral_chat_stream([content]))
        assert (said(whole), end_of(whole)) == ({**told, **expected}, end)
        assert (said(streamed), end_of(streamed)) == ({**told, **expected, "done": True}, end)


@pytest.mark.parametrize(
    ("finish", "end"), [("model_length", SERVED), ("length", SERVED), ("error", ("provider_error", "unknown"))]
)
def test_mistrals_own_finishes_are_understood(finish: str, end: tuple[str, str]) -> None:
    assert end_of(heard(CHAT, mistral_chat("", finish=finish))) == end
    assert end_of(heard(CHAT, mistral_chat_stream([], finish=finish))) == end


@pytest.mark.parametrize(("content", "expected", "end"), CONTENTS)
def test_a_whole_turn_and_the_same_streamed_say_the_same(content: Any, expected: Any, end: Any) -> None:
    whole = heard(TURN, mistral_turn(content))
    pieces = content if isinstance(content, list) else [content]
    streamed = heard(TURN, mistral_turn_stream(pieces))
    model = {"model": "m"} if pieces else {}
    assert (said(whole), end_of(whole)) == ({"model": "m", **USAGE, **expected}, end)
    assert (said(streamed), end_of(streamed)) == ({**model, **USAGE, **expected, "done": True}, end)


def test_calls_of_functions_and_runs_of_tools_are_an_answer() -> None:
    assert end_of(heard(TURN, mistral_turn("", calls=True))) == SERVED
    assert end_of(heard(TURN, mistral_turn_stream([], calls=True))) == SERVED
    done = {"type": "conversation.response.done", "usage": {}}
    for kind in ("tool.execution.started", "agent.handoff.done", "function.call.delta"):
        assert end_of(heard_events(TURN, {"type": kind, "name": "x"}, done)) == SERVED


@pytest.mark.parametrize(
    ("code", "end"), [(429, ("usage_limit", "rate_limit")), (503, ("provider_error", "overloaded"))]
)
def test_a_streamed_turn_that_fails_is_classed_by_its_code(code: int, end: tuple[str, str]) -> None:
    assert end_of(heard(TURN, mistral_turn_stream(["so f"], error=code))) == end


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"3", b"<html>", b'{"outputs":null}', b'{"outputs":{}}'])
def test_a_body_that_is_no_turn_is_malformed(body: bytes) -> None:
    assert end_of(heard_body(TURN, body)) == MALFORMED


def test_a_streamed_turn_without_its_end_is_malformed() -> None:
    part = {"type": "message.output.delta", "content": "so f"}
    assert end_of(heard_events(TURN, "{", "3", part)) == MALFORMED
