"""What ``codex`` is asked for, and what its JSON lines say."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_dispatch.dialects import clis
from otel_dispatch.record import UNSENT_THINKING, Thinking
from otel_dispatch.session import Asked, Heard
from otel_dispatch.verdict import outcome_of_launch
from otel_dispatch.vocabulary import Field, ThinkingMode, WireFormat

(CODEX,) = (cli for cli in clis() if cli.name == "codex")
F = Field


def asked(line: str, **env: str) -> Asked:
    found = CODEX.request(line.split(), env)
    assert found is not None
    return found


def test_nothing_said_is_the_programs_own_to_decide() -> None:
    found = asked("exec --json -")
    assert (found.request.model, found.host, found.provider) == (None, "", "openai")
    assert (found.request.wire_format, found.request.operation) == (WireFormat.CODEX_CLI, "invoke_agent")
    assert found.request.thinking is UNSENT_THINKING
    assert (found.defaults, found.variables, found.is_told, found.prompt) == (frozenset(F), {}, True, False)


@pytest.mark.parametrize("line", ["--version", "login", "-c a=b mcp list", "mcp-server", "help", "exec -h", "a"])
def test_what_starts_no_session_is_no_launch(line: str) -> None:
    assert CODEX.request(line.split(), {}) is None


@pytest.mark.parametrize(
    ("line", "is_told", "prompt"),
    [
        ("", False, False),
        ("fix it", False, False),
        ("exec fix", False, True),
        ("-m o3 exec --json fix", True, True),
        ("exec --json resume 0199", True, False),
        ("exec --experimental-json --model o3", True, False),
        ("app-server --listen stdio://", False, False),
        ("--json", False, False),
    ],
)
def test_what_starts_one_is_and_exec_may_tell(line: str, is_told: bool, prompt: bool) -> None:
    found = asked(line)
    assert (found.is_told, found.prompt) == (is_told, prompt)


HIGH = Thinking(ThinkingMode.EFFORT, True, None, "high")
CONFIGS: list[tuple[str, str | None, Thinking]] = [
    ("exec -m gpt-6 x", "gpt-6", UNSENT_THINKING),
    ("exec --model=gpt-6 -c model=o3 x", "gpt-6", UNSENT_THINKING),
    ('exec -c model="o3" x', "o3", UNSENT_THINKING),
    ('exec -c model_reasoning_effort="high" x', None, HIGH),
    ("exec --config model_reasoning_effort=high x", None, HIGH),
    ("exec -c reasoning_effort=high x", None, UNSENT_THINKING),
    ("exec -c model=3 x", None, UNSENT_THINKING),
    ("exec -c model_reasoning_effort=none x", None, Thinking(ThinkingMode.OFF, False, None, "none")),
    ("exec -c nonsense x", None, UNSENT_THINKING),
]


@pytest.mark.parametrize(("line", "model", "thinking"), CONFIGS)
def test_model_and_effort_are_options_or_overrides_of_the_configuration(
    line: str, model: str | None, thinking: Thinking
) -> None:
    found = asked(line)
    assert (found.request.model, found.request.thinking) == (model, thinking)
    assert (F.MODEL in found.defaults) == (model is None)
    assert (F.THINKING in found.defaults) == (thinking is UNSENT_THINKING)


PLACES: list[tuple[str, dict[str, str], tuple[Any, ...]]] = [
    ("exec x", {"OPENAI_BASE_URL": "https://eu.api.openai.com/v1"}, ("", None, "unknown", None)),
    ("exec -c openai_base_url=http://localhost:9/v1 x", {}, ("localhost", 9, None, None)),
    ("exec -c model_provider=openai x", {}, ("", None, "openai", "openai")),
    ("exec -c model_provider=ollama x", {"OPENAI_BASE_URL": "https://x.y"}, ("", None, "ollama", "ollama")),
    ("exec -c model_provider=mine x", {}, ("", None, "unknown", "mine")),
    (
        'exec -c model_provider=mine -c model_providers.mine.base_url="https://api.z.ai/v1" x',
        {},
        ("api.z.ai", None, None, "mine"),
    ),
    (
        'exec -c model_provider=mine -c model_providers.mine={name="m",base_url="https://api.z.ai/v1"} x',
        {},
        ("api.z.ai", None, None, "mine"),
    ),
    ("exec --oss x", {}, ("", None, "unknown", "oss")),
    ("exec --oss --local-provider ollama x", {}, ("", None, "ollama", "ollama")),
]


@pytest.mark.parametrize(("line", "env", "expected"), PLACES)
def test_where_it_goes(line: str, env: dict[str, str], expected: tuple[Any, ...]) -> None:
    found = asked(line, **env)
    assert (found.host, found.port, found.provider, found.requested.provider) == expected
    assert F.PROVIDER not in found.defaults
    assert found.variables == {}


def test_a_profile_that_is_not_read_may_decide_anything() -> None:
    for line in ("exec -p deep x", "exec -c profile=deep x"):
        assert asked(line).defaults == {F.WIRE_FORMAT, F.TOOL_FORMAT}


def heard(*events: Any) -> Heard:
    found = Heard()
    for event in events:
        CODEX.event(event if isinstance(event, bytes) else json.dumps(event).encode(), found)
    return found


def end(found: Heard, code: int | None = 0) -> tuple[str, str | None]:
    outcome = outcome_of_launch(found, code, None)
    return str(outcome.kind), outcome.cls and str(outcome.cls)


def item(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "item.completed", "item": {"id": "i", "type": kind, **more}}


def broken(**error: Any) -> dict[str, Any]:
    return {"type": "turn.failed", "error": {"message": "429 usage limit", **error}}


START = {"type": "thread.started", "thread_id": "t"}
DONE = {"type": "turn.completed", "usage": {"input_tokens": 9, "cached_input_tokens": 4, "output_tokens": 5}}
NOTICE = {"type": "error", "message": "Reconnecting... 1/5"}


def test_a_turn_says_its_thread_its_text_and_its_usage() -> None:
    found = heard(START, NOTICE, item("reasoning", text="hm"), item("agent_message", text="hé"), DONE)
    assert (found.conversation, found.content_len, found.model, found.records) == ("t", 3, None, 4)
    assert (found.usage.input, found.usage.output, found.usage.cache_read) == (9, 5, 4)
    assert end(found) == ("served", None)


def wordy(word: str, **details: Any) -> dict[str, Any]:
    return broken(codex_error_info={word: details} if details else word)


ENDS: list[tuple[list[Any], int, tuple[str, str | None]]] = [
    ([START, DONE], 0, ("empty_completion_terminal", None)),
    ([item("agent_message", text=" "), DONE], 0, ("empty_completion_terminal", None)),
    ([item("todo_list"), DONE], 0, ("empty_completion_terminal", None)),
    ([item("command_execution"), DONE], 0, ("served", None)),
    ([item("agent_message", text="x"), broken()], 1, ("provider_error", "unknown")),
    ([broken(code="rate_limit_exceeded")], 1, ("usage_limit", "rate_limit")),
    ([wordy("usageLimitExceeded")], 1, ("usage_limit", "quota")),
    ([wordy("unauthorized")], 1, ("provider_error", "auth")),
    ([wordy("contextWindowExceeded")], 1, ("provider_error", "context_overflow")),
    ([wordy("serverOverloaded")], 1, ("provider_error", "overloaded")),
    ([wordy("httpConnectionFailed", httpStatusCode=503)], 1, ("provider_error", "overloaded")),
    ([wordy("other")], 1, ("provider_error", "unknown")),
    ([broken(), {"type": "turn.started"}, item("agent_message", text="x"), DONE], 0, ("served", None)),
    ([START, NOTICE], 1, ("provider_error", "unknown")),
    ([START], 130, ("cancelled", "cancelled")),
]


@pytest.mark.parametrize(("events", "code", "expected"), ENDS)
def test_only_typed_facts_and_the_exit_decide(events: list[Any], code: int, expected: tuple[str, str | None]) -> None:
    assert end(heard(*events), code) == expected


@given(st.binary() | st.sampled_from([b'{"type":"turn.failed","error":3}', b'{"type":"item.completed","item":[]}']))
def test_any_bytes_are_read_without_raising(data: bytes) -> None:
    heard(data, b"{" + data)


@given(st.lists(st.text() | st.sampled_from(["-c", "model=", "-m", "exec", "--json", "--oss", "-p"])))
def test_any_arguments_are_read_without_raising(arguments: list[str]) -> None:
    CODEX.request(arguments, {})
