"""Claude Code: what the command line of ``claude`` and its environment ask for, as version 2.1.330 takes it."""

from collections.abc import Mapping, Sequence
from typing import Final

from ..claude_records import read_event
from ..claude_settings import settings_of
from ..options import is_given, value_of
from ..providers import host_of, port_of
from ..record import UNSENT_THINKING, Request, Requested, Thinking
from ..session import UNSET, Asked, Settings, named
from ..thinking import anthropic_thinking
from ..vocabulary import Field, ToolFormat, WireFormat, text_of
from . import Cli

_COMMANDS: Final = (
    "agents attach auth auto-mode config doctor gateway import install logs mcp migrate-installer plugin plugins purge"
    " respawn rm setup-token stop kill ultrareview update upgrade"
)
_NO_SESSION: Final = frozenset(_COMMANDS.split())
_ON: Final = frozenset({"1", "true", "yes", "on"})

# Who answers where a variable says so, and the variable that then holds the base URL; the first that is set decides.
_CLOUDS: Final = (
    ("CLAUDE_CODE_USE_BEDROCK", "bedrock", "ANTHROPIC_BEDROCK_BASE_URL"),
    ("CLAUDE_CODE_USE_FOUNDRY", "azure_ai", "ANTHROPIC_FOUNDRY_BASE_URL"),
    ("CLAUDE_CODE_USE_ANTHROPIC_AWS", "anthropic_aws", "ANTHROPIC_AWS_BASE_URL"),
    ("CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD", "anthropic_google_cloud", "ANTHROPIC_GOOGLE_CLOUD_BASE_URL"),
    ("CLAUDE_CODE_USE_MANTLE", "bedrock", "ANTHROPIC_BEDROCK_MANTLE_BASE_URL"),
    ("CLAUDE_CODE_USE_VERTEX", "vertex", "ANTHROPIC_VERTEX_BASE_URL"),
)
_HOME: Final = "api.anthropic.com"
_FAMILIES: Final = frozenset({"sonnet", "opus", "haiku", "fable"})
_OTHER_ALIASES: Final = frozenset({"best", "default", "opusplan"})
_MODEL, _EFFORT, _BUDGET = "ANTHROPIC_MODEL", "CLAUDE_CODE_EFFORT_LEVEL", "MAX_THINKING_TOKENS"
_READ: Final = frozenset(
    {
        *(variable for switch, _, holder in _CLOUDS for variable in (switch, holder)),
        *(f"ANTHROPIC_DEFAULT_{family.upper()}_MODEL" for family in _FAMILIES),
        *("ANTHROPIC_BASE_URL", _MODEL, _EFFORT, _BUDGET),
    }
)


def read_request(arguments: Sequence[str], env: Mapping[str, str], settings: Settings = UNSET) -> Asked | None:
    """What ``claude`` is asked for; None for a command that starts no session."""
    if not _NO_SESSION.isdisjoint(arguments[:1]) or is_given(arguments, "-v", "--version", "-h", "--help"):
        return None
    variables: dict[Field, str] = {}
    # What settings say wins over the environment, and over the command line's environment, too.
    env = {**env, **settings.of_files, **settings.of_line}
    host, port, provider = _where(env, variables)
    word, model, alias = _model(arguments, env, variables)
    thinking = _thinking(arguments, env, variables)
    tools = value_of(arguments, "--tools")
    decided = {*variables, *((Field.MODEL,) if word else ())}
    decided |= {Field.THINKING} if thinking != UNSENT_THINKING else set()
    decided |= {Field.TOOL_FORMAT} if tools == "" else set()
    if not settings.is_whole:
        # Settings that cannot be read may decide them, and win over what is read here.
        decided |= {Field.MODEL, Field.PROVIDER, Field.THINKING}
        variables = {}
    of_line = {name for name, variable in variables.items() if variable in settings.of_line}
    pinned = {name for name, variable in variables.items() if variable in settings.of_files} - of_line
    request = Request(
        WireFormat.CLAUDE_CLI,
        "invoke_agent",
        model,
        thinking,
        ToolFormat.NONE if tools == "" else ToolFormat.NATIVE,
        fallbacks=tuple(filter(None, map(_word, (value_of(arguments, "--fallback-model") or "").split(",")))),
    )
    return Asked(
        request,
        host,
        port,
        provider,
        Requested(model=word),
        alias,
        {name: variable for name, variable in variables.items() if name not in pinned | of_line},
        frozenset(Field) - decided,
        frozenset(pinned),
        text_of(value_of(arguments, "--session-id")),
        value_of(arguments, "--output-format") in ("stream-json", "json"),
        _has_prompt(arguments),
    )


def _where(env: Mapping[str, str], variables: dict[Field, str]) -> tuple[str, int | None, str | None]:
    cloud = next((row for row in _CLOUDS if env.get(row[0], "").strip().lower() in _ON), None)
    switch, provider, holder = cloud or (None, None, "ANTHROPIC_BASE_URL")
    url = env.get(holder, "").strip()
    if decided := switch or (holder if url else None):
        variables[Field.PROVIDER] = decided
    if url:
        return host_of(url), port_of(url), provider
    return ("" if cloud else _HOME), None, provider


def _model(
    arguments: Sequence[str], env: Mapping[str, str], variables: dict[Field, str]
) -> tuple[str | None, str | None, str | None]:
    # As asked for, as it will be sent, and the family of an alias that only the program can resolve.
    word = _word(value_of(arguments, "--model"))
    if word is None and (word := _word(env.get(_MODEL))) is not None:
        variables[Field.MODEL] = _MODEL
    if word is None:
        return None, None, None
    plain = named(word) or word
    family = plain.lower()
    if family in _FAMILIES:
        variable = f"ANTHROPIC_DEFAULT_{family.upper()}_MODEL"
        if (mapped := _word(env.get(variable))) is not None:
            variables[Field.MODEL] = variable
            return word, named(mapped), None
        return word, word, family
    return (word, word, "") if family in _OTHER_ALIASES else (plain, plain, None)


def _thinking(arguments: Sequence[str], env: Mapping[str, str], variables: dict[Field, str]) -> Thinking:
    level = _word(value_of(arguments, "--effort"))
    if (of_variable := _word(env.get(_EFFORT))) is not None:
        # The variable wins over the option, also where it says that no effort is to be sent.
        level = None if of_variable.lower() in ("unset", "auto") else of_variable
        variables[Field.THINKING] = _EFFORT
    word = value_of(arguments, "--thinking")
    if word in ("adaptive", "enabled"):
        return anthropic_thinking({"type": "adaptive"}, level)
    if word == "disabled":
        return anthropic_thinking({"type": "disabled"}, level)
    tokens = _integer(env.get(_BUDGET))
    if tokens is not None:
        variables[Field.THINKING] = _BUDGET
    else:
        tokens = _integer(value_of(arguments, "--max-thinking-tokens"))
    if tokens is None:
        return anthropic_thinking(None, level)
    return anthropic_thinking({"type": "enabled" if tokens else "disabled", "budget_tokens": tokens or None}, level)


def _word(value: str | None) -> str | None:
    return text_of((value or "").strip())


def _integer(word: str | None) -> int | None:
    return int(word) if word is not None and word.isascii() and word.isdecimal() and len(word) < 10 else None


def _has_prompt(arguments: Sequence[str]) -> bool:
    # Only where it is sure: what follows another option may be that one's value.
    for place, word in enumerate(arguments[:-1]):
        if word == "--" or (word in ("-p", "--print") and not arguments[place + 1].startswith("-")):
            return True
    return False


CLIS = (
    Cli(
        "claude",
        WireFormat.CLAUDE_CLI,
        WireFormat.ANTHROPIC_NATIVE,
        ("claude",),
        "@anthropic-ai/claude-code",
        read_request,
        read_event,
        lambda arguments, env, cwd: settings_of(arguments, env, cwd, _READ),
    ),
)
