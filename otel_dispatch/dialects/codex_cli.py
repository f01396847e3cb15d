"""Codex: what ``codex`` is asked for, and the JSON lines of ``codex exec --json``, as version 0.169.0 has them."""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, Final, NamedTuple

import msgspec

from ..bodies import Fields, decode, hear_error, is_given, note_usage
from ..codex_settings import options_in, profile_in, settings_of
from ..options import is_given as is_option
from ..options import value_of
from ..providers import host_of, is_known, port_of
from ..record import Request, Requested, Thinking
from ..session import UNSET, Asked, Heard, Settings
from ..thinking import as_map, effort_thinking
from ..vocabulary import Field, ToolFormat, WireFormat, text_of
from . import Cli

_COMMANDS: Final = (
    "login logout mcp mcp-server completion sandbox debug apply a cloud features help update execpolicy"
    " generate-ts generate-json-schema responses-api-proxy stdio-to-uds"
)
_WITH_VALUES: Final = (
    "-a --ask-for-approval -c --config -C --cd -i --image -m --model -o --output-last-message -p --profile -s --sandbox"
    " --add-dir --color --disable --enable --local-provider --output-schema"
)
_NO_SESSION: Final = frozenset(_COMMANDS.split())
_TAKES: Final = frozenset(_WITH_VALUES.split())
_EXEC: Final = frozenset({"exec", "e"})
_PROVIDER, _URL, _EFFORT = "model_provider", "openai_base_url", "model_reasoning_effort"

# What the app server says for an error, and newer lines of exec, too → the machine code that says the same.
_WORDS: Final = {
    "usageLimitExceeded": "usage_limit_reached",
    "contextWindowExceeded": "context_length_exceeded",
    "serverOverloaded": "server_is_overloaded",
    "internalServerError": "internal_server_error",
    "unauthorized": "authentication_error",
    "badRequest": "invalid_request_error",
}


class _Event(Fields):
    type: Any = None
    thread_id: Any = None
    item: Any = None
    usage: Any = None
    error: Any = None


class _Where(NamedTuple):
    host: str
    port: int | None
    provider: str | None
    asked: str | None
    is_decided: bool


_event = msgspec.json.Decoder(_Event)


def read_request(arguments: Sequence[str], env: Mapping[str, str], settings: Settings = UNSET) -> Asked | None:
    """What ``codex`` is asked for; None for a command that starts no session."""
    command, rest = _command(arguments)
    if command in _NO_SESSION or is_option(arguments, "-V", "--version", "-h", "--help"):
        return None
    of_line = options_in(arguments)
    config = {**settings.of_files, **of_line}
    where = _where(arguments, env, config)
    named = value_of(arguments, "-m", "--model")
    model = text_of(named or config.get("model"))
    thinking = _thinking(config)
    decided = {name for name, is_said in ((Field.MODEL, model), (Field.THINKING, thinking)) if is_said}
    decided |= {Field.PROVIDER} if where.is_decided else set()
    # A profile, or a file, that cannot be read may decide them, too.
    profile = profile_in(arguments, config)
    is_open = not settings.is_whole or (profile is not None and settings is UNSET)
    decided |= {Field.MODEL, Field.PROVIDER, Field.THINKING} if is_open else set()
    of_files = set() if is_open else settings.of_files.keys() - of_line.keys()
    request = Request(WireFormat.CODEX_CLI, "invoke_agent", model, thinking or effort_thinking(None), ToolFormat.NATIVE)
    is_exec = command in _EXEC
    return Asked(
        request,
        where.host,
        where.port,
        where.provider,
        Requested(where.asked, None if named else text_of(profile)),
        defaults=frozenset(Field) - decided,
        pinned=_pinned(of_files, where, is_named=bool(named)),
        is_told=is_exec and is_option(arguments, "--json", "--experimental-json"),
        prompt=is_exec and bool(rest) and not rest[-1].startswith("-") and rest[-2:-1] != ["resume"],
    )


def _command(arguments: Sequence[str]) -> tuple[str, list[str]]:
    # The first word that is no option is the command, or a prompt; what follows it without the options' values.
    words, place = list[str](), 0
    while place < len(arguments):
        word = arguments[place]
        if word in _TAKES:
            place += 1
        elif word == "-" or not word.startswith("-"):
            words.append(word)
        place += 1
    return (words[0] if words else ""), words[1:]


def _pinned(of_files: Set[str], where: _Where, *, is_named: bool) -> frozenset[Field]:
    told = {Field.THINKING: _EFFORT, Field.PROVIDER: _PROVIDER if where.asked else _URL}
    told |= {} if is_named else {Field.MODEL: "model"}
    return frozenset(name for name, key in told.items() if key in of_files)


def _where(arguments: Sequence[str], env: Mapping[str, str], config: Mapping[str, str]) -> _Where:
    asked = text_of(config.get(_PROVIDER))
    if asked is None and is_option(arguments, "--oss"):
        asked = text_of(value_of(arguments, "--local-provider")) or "oss"
    is_own = asked not in (None, "openai")
    url = config.get(f"model_providers.{asked}.base_url" if is_own else _URL, "")
    if url:
        return _Where(host_of(url), port_of(url), None, asked, True)
    if is_own:
        return _Where("", None, asked if is_known(str(asked)) else "unknown", asked, True)
    # Older versions go where this variable says; 0.169 does not look at it, and which one it is is not known.
    is_sure = not env.get("OPENAI_BASE_URL", "").strip()
    # Which of OpenAI's hosts it is depends on the login, which is not read.
    return _Where("", None, "openai" if is_sure else "unknown", asked, not is_sure or asked is not None)


def _thinking(config: Mapping[str, str]) -> Thinking | None:
    # The program ignores `reasoning_effort`, which some launchers give.
    effort = config.get(_EFFORT)
    return effort_thinking(effort) if effort else None


def read_event(line: bytes, heard: Heard) -> None:
    """What one line says. An ``error`` beside a turn may be one that the program recovers from."""
    event = decode(_event, line) if line.startswith(b"{") else None
    reader = _READERS.get(event.type) if event is not None and isinstance(event.type, str) else None
    if event is not None and reader is not None:
        heard.records += 1
        reader(event, heard)


def _read_item(event: _Event, heard: Heard) -> None:
    item = as_map(event.item)
    kind = item.get("type") or item.get("item_type")
    if kind in ("agent_message", "assistant_message"):
        if isinstance(text := item.get("text"), str):
            heard.say(text)
    elif kind == "reasoning":
        heard.committed |= is_given(item.get("text"))
    elif isinstance(kind, str) and kind not in ("error", "todo_list"):
        heard.committed = True


def _read_end(event: _Event, heard: Heard) -> None:
    heard.done, heard.failed = True, False
    _note_usage(event, heard)


def _read_failure(event: _Event, heard: Heard) -> None:
    error = as_map(event.error)
    hear_error(error, heard)
    info = error.get("codex_error_info") or error.get("codexErrorInfo")
    word, details = next(iter(info.items()), ("", None)) if isinstance(info, dict) else (info, None)
    if isinstance(word, str) and word in _WORDS:
        heard.code = _WORDS[word]
    status = as_map(details).get("httpStatusCode") or as_map(details).get("http_status_code")
    if isinstance(status, int) and 300 <= status < 600:
        heard.status = status
    _note_usage(event, heard)


def _note_usage(event: _Event, heard: Heard) -> None:
    # Of the whole thread so far, and input with what the cache gave.
    told = as_map(event.usage)
    note_usage(
        heard.usage,
        input=told.get("input_tokens"),
        output=told.get("output_tokens"),
        cache_read=told.get("cached_input_tokens"),
        cache_write=told.get("cache_write_input_tokens"),
        reasoning=told.get("reasoning_output_tokens"),
    )


def _read_start(event: _Event, heard: Heard) -> None:
    heard.conversation = text_of(event.thread_id) or heard.conversation


def _read_turn(_: _Event, heard: Heard) -> None:
    heard.done = heard.failed = False


_READERS: Final[Mapping[str, Callable[[_Event, Heard], None]]] = {
    "thread.started": _read_start,
    "turn.started": _read_turn,
    "item.completed": _read_item,
    "turn.completed": _read_end,
    "turn.failed": _read_failure,
}
CLIS = (
    Cli(
        "codex",
        WireFormat.CODEX_CLI,
        WireFormat.OPENAI_RESPONSES,
        ("codex",),
        "@openai/codex",
        read_request,
        read_event,
        settings_of,
    ),
)
