"""What ``claude`` is asked for, and what it says: every option, variable and record that decides a field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_dispatch.dialects import clis
from otel_dispatch.record import UNSENT_THINKING, Thinking
from otel_dispatch.session import Asked
from otel_dispatch.vocabulary import Field, ThinkingMode, ToolFormat, WireFormat

(CLAUDE,) = (cli for cli in clis() if cli.name == "claude")
F = Field


def asked(*arguments: str, **env: str) -> Asked:
    found = CLAUDE.request(arguments, env)
    assert found is not None
    return found


def test_nothing_said_is_the_programs_own_to_decide() -> None:
    found = asked("-p", "hi")
    assert (found.request.model, found.host, found.provider, found.alias) == (None, "api.anthropic.com", None, None)
    assert found.request.wire_format is WireFormat.CLAUDE_CLI
    assert (found.request.operation, found.request.tool_format) == ("invoke_agent", ToolFormat.NATIVE)
    assert found.request.thinking is UNSENT_THINKING
    assert (found.defaults, found.variables, found.is_told) == (frozenset(F), {}, False)


@pytest.mark.parametrize(
    "line",
    [
        "--version",
        "-v",
        "mcp list",
        "mcp serve",
        "config get",
        "doctor",
        "update",
        "--help",
        "-p --help",
        "setup-token",
    ],
)
def test_what_starts_no_session_is_no_launch(line: str) -> None:
    assert CLAUDE.request(line.split(), {}) is None


@pytest.mark.parametrize("line", ["", "hello", "-c", "--resume x", "-p mcp", "--debug"])
def test_what_starts_one_is(line: str) -> None:
    assert CLAUDE.request(line.split(), {}) is not None


MODELS: list[tuple[list[str], dict[str, str], tuple[Any, ...]]] = [
    (["--model", "claude-opus-4-5"], {}, ("claude-opus-4-5", "claude-opus-4-5", None, None)),
    (["--model=claude-opus-4-5"], {}, ("claude-opus-4-5", "claude-opus-4-5", None, None)),
    (["--model", "a", "--model", "b"], {}, ("b", "b", None, None)),
    (["--model", "sonnet"], {}, ("sonnet", "sonnet", "sonnet", None)),
    (["--model", "Opus[1m]"], {}, ("Opus[1m]", "Opus[1m]", "opus", None)),
    (["--model", "best"], {}, ("best", "best", "", None)),
    (["--model", "claude-sonnet-5-5[1m]"], {}, ("claude-sonnet-5-5", "claude-sonnet-5-5", None, None)),
    ([], {"ANTHROPIC_MODEL": "MiniMax-M2"}, ("MiniMax-M2", "MiniMax-M2", None, "ANTHROPIC_MODEL")),
    (["--model", "x"], {"ANTHROPIC_MODEL": "y"}, ("x", "x", None, None)),
    (
        ["--model", "sonnet"],
        {"ANTHROPIC_DEFAULT_SONNET_MODEL": "glm-5"},
        ("sonnet", "glm-5", None, "ANTHROPIC_DEFAULT_SONNET_MODEL"),
    ),
    (
        [],
        {"ANTHROPIC_MODEL": "haiku", "ANTHROPIC_DEFAULT_HAIKU_MODEL": "glm-5-air"},
        ("haiku", "glm-5-air", None, "ANTHROPIC_DEFAULT_HAIKU_MODEL"),
    ),
    (["--model", "opus"], {"ANTHROPIC_DEFAULT_SONNET_MODEL": "glm-5"}, ("opus", "opus", "opus", None)),
    ([], {"ANTHROPIC_MODEL": " ", "ANTHROPIC_SMALL_FAST_MODEL": "x"}, (None, None, None, None)),
    ([], {"ANTHROPIC_MODEL": ""}, (None, None, None, None)),
]


@pytest.mark.parametrize(("arguments", "env", "expected"), MODELS)
def test_the_model_is_the_options_then_the_variables_with_aliases_mapped(
    arguments: list[str], env: dict[str, str], expected: tuple[Any, ...]
) -> None:
    found = asked(*arguments, **env)
    told = (found.requested.model, found.request.model, found.alias, found.variables.get(F.MODEL))
    assert told == expected
    assert (F.MODEL in found.defaults) == (found.request.model is None)


PLACES: list[tuple[dict[str, str], tuple[Any, ...]]] = [
    ({"ANTHROPIC_BASE_URL": "https://k:s@API.minimax.io:8443/anthropic?x"}, ("api.minimax.io", 8443, None)),
    ({"ANTHROPIC_BASE_URL": "http://["}, ("", None, None)),
    ({"CLAUDE_CODE_USE_BEDROCK": "1", "ANTHROPIC_BASE_URL": "https://x.y"}, ("", None, "bedrock")),
    (
        {"CLAUDE_CODE_USE_BEDROCK": "true", "ANTHROPIC_BEDROCK_BASE_URL": "http://localhost:1"},
        ("localhost", 1, "bedrock"),
    ),
    ({"CLAUDE_CODE_USE_VERTEX": "yes"}, ("", None, "vertex")),
    ({"CLAUDE_CODE_USE_FOUNDRY": "on", "CLAUDE_CODE_USE_VERTEX": "1"}, ("", None, "azure_ai")),
    ({"CLAUDE_CODE_USE_BEDROCK": "0"}, ("api.anthropic.com", None, None)),
]


@pytest.mark.parametrize(("env", "expected"), PLACES)
def test_where_it_goes_is_said_by_variables(env: dict[str, str], expected: tuple[Any, ...]) -> None:
    found = asked(**env)
    assert (found.host, found.port, found.provider) == expected
    is_default = expected[0] == "api.anthropic.com"
    assert (F.PROVIDER in found.defaults, F.PROVIDER in found.variables) == (is_default, not is_default)


M = ThinkingMode
EFFORT, TOKENS = "CLAUDE_CODE_EFFORT_LEVEL", "MAX_THINKING_TOKENS"
THINKING: list[tuple[str, dict[str, str], Thinking, str | None]] = [
    ("--effort high", {}, Thinking(M.EFFORT, None, None, "high"), None),
    ("--effort high", {EFFORT: "low"}, Thinking(M.EFFORT, None, None, "low"), EFFORT),
    ("--effort high", {EFFORT: "unset"}, UNSENT_THINKING, EFFORT),
    ("--max-thinking-tokens 2000", {}, Thinking(M.ENABLED, True, 2000), None),
    ("--max-thinking-tokens 2000", {TOKENS: "0"}, Thinking(M.OFF, False), TOKENS),
    ("", {TOKENS: "31999"}, Thinking(M.ENABLED, True, 31999), TOKENS),
    ("", {TOKENS: "many"}, UNSENT_THINKING, None),
    ("--thinking adaptive --effort max", {TOKENS: "5"}, Thinking(M.ADAPTIVE, True, None, "max"), None),
    ("--thinking disabled", {}, Thinking(M.OFF, False), None),
]


@pytest.mark.parametrize(("line", "env", "expected", "variable"), THINKING)
def test_thinking_is_read_in_the_programs_own_order(
    line: str, env: dict[str, str], expected: Thinking, variable: str | None
) -> None:
    found = asked(*line.split(), **env)
    assert (found.request.thinking, found.variables.get(F.THINKING)) == (expected, variable)


def test_the_rest_of_the_command_line() -> None:
    found = asked("-p", "hi", "--output-format", "json", "--fallback-model", "a, b", "--session-id=s", "--tools", "")
    assert (found.is_told, found.prompt, found.conversation) == (True, True, "s")
    assert (found.request.fallbacks, found.request.tool_format) == (("a", "b"), ToolFormat.NONE)
    assert F.TOOL_FORMAT not in found.defaults
    assert not asked("-p", "--model", "sonnet").prompt
    assert asked("--", "hi").prompt


@given(st.lists(st.text() | st.sampled_from(["--model", "-p", "--effort", "--tools", "--", "--session-id="])))
def test_any_arguments_are_read_without_raising(arguments: list[str]) -> None:
    CLAUDE.request(arguments, {"ANTHROPIC_BASE_URL": "".join(arguments)})
