"""What Claude Code writes to stdout as stream-json or json, as version 2.1.330 does; no text decides anything."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from .bodies import Fields, decode, is_given, maps_in
from .codes import is_code
from .session import Heard, named
from .thinking import as_map
from .vocabulary import Field, OutcomeClass, count_of, text_of

_SYNTHETIC: Final = "<synthetic>"

# The program's own words for an error → the API's, which say the same; an error's words "unknown" and others: nothing.
_WORDS: Final = {
    "authentication_failed": "authentication_error",
    "oauth_org_not_allowed": "permission_error",
    "account_on_hold": "permission_error",
    "verification_required": "permission_error",
    "cloud_credential_error": "authentication_error",
    "rate_limit": "rate_limit_error",
    "overloaded": "overloaded_error",
    "invalid_request": "invalid_request_error",
    "model_not_found": "not_found_error",
    "server_error": "api_error",
}
# Why it stopped where no provider failed: at a limit that its launcher set, or because it was interrupted.
_CAUSES: Final = {
    "error_max_turns": OutcomeClass.CANCELLED,
    "error_max_budget_usd": OutcomeClass.QUOTA,
    "aborted_streaming": OutcomeClass.CANCELLED,
    "aborted_tools": OutcomeClass.CANCELLED,
}


class _Record(Fields):
    type: Any = None
    subtype: Any = None
    session_id: Any = None
    model: Any = None
    message: msgspec.Raw = msgspec.Raw()
    parent_tool_use_id: Any = None
    error: Any = None
    error_status: Any = None
    api_error_status: Any = None
    api_error_type: Any = None
    rate_limit_info: Any = None
    is_error: Any = None
    terminal_reason: Any = None
    stop_reason: Any = None
    result: Any = None
    structured_output: Any = None
    usage: Any = None
    modelUsage: Any = None  # noqa: N815 - the program's own spelling


class _Message(Fields):
    id: Any = None
    model: Any = None
    content: Any = None
    stop_reason: Any = None
    usage: Any = None


_record = msgspec.json.Decoder(_Record)
_records = msgspec.json.Decoder(list[msgspec.Raw])
_message = msgspec.json.Decoder(_Message)


def read_event(line: bytes, heard: Heard) -> None:
    """What one record says; with ``--verbose`` the json output is a list of records."""
    if line.startswith(b"["):
        try:
            lines = [bytes(each) for each in _records.decode(line)]
        except (msgspec.DecodeError, RecursionError):
            return
    else:
        lines = [line]
    for each in lines:
        record = decode(_record, each) if each.startswith(b"{") else None
        if record is not None and isinstance(record.type, str) and (reader := _READERS.get(record.type)):
            heard.records += 1
            reader(record, heard)


def _read_system(record: _Record, heard: Heard) -> None:
    if record.subtype == "init":
        heard.resolved = named(record.model) or heard.resolved
        heard.conversation = text_of(record.session_id) or heard.conversation
    elif record.subtype == "api_retry":
        _note_error(record.error_status, None, record.error, heard)
    elif record.subtype == "model_fallback":
        heard.overridden.add(Field.MODEL)


def _read_assistant(record: _Record, heard: Heard) -> None:
    message = decode(_message, bytes(record.message)) if record.message else None
    if message is None:
        return
    if message.model == _SYNTHETIC:
        # Made by the program itself to tell of an error; nobody served it.
        _note_error(record.api_error_status, record.api_error_type, record.error, heard)
        return
    heard.done = heard.failed = False
    heard.status = heard.code = heard.cause = None
    if record.parent_tool_use_id is not None:
        # A subagent, whose model may be another, and whose text its caller does not see.
        return
    heard.model, heard.id = named(message.model) or heard.model, text_of(message.id) or heard.id
    heard.stop(message.stop_reason)
    for block in maps_in(message.content):
        _read_block(block, heard)


def _read_block(block: Mapping[str, Any], heard: Heard) -> None:
    kind = block.get("type")
    if kind == "text":
        if isinstance(text := block.get("text"), str):
            heard.say(text)
    elif kind == "thinking":
        heard.committed |= is_given(block.get("thinking")) or is_given(block.get("signature"))
    elif isinstance(kind, str):
        heard.committed = True


def _read_limit(record: _Record, heard: Heard) -> None:
    told = as_map(record.rate_limit_info)
    heard.over_limit = told.get("status") == "rejected" and told.get("overageStatus") not in (
        "allowed",
        "allowed_warning",
    )


def _read_result(record: _Record, heard: Heard) -> None:
    heard.done = True
    heard.conversation = text_of(record.session_id) or heard.conversation
    by_model, used = as_map(record.modelUsage), as_map(record.usage)
    _note_usage(by_model, used, heard)
    if heard.resolved is None and len(by_model) == 1:
        # Named as asked for, and not as served.
        heard.resolved = named(next(iter(by_model)))
    if record.is_error is True or str(record.subtype).startswith("error"):
        _fail(record, heard)
        return
    heard.failed, heard.status, heard.code = False, None, None
    heard.stop(record.stop_reason)
    heard.cause = _cause_of(record)
    heard.committed |= is_given(record.structured_output)
    if heard.blank and isinstance(record.result, str):
        heard.say(record.result)


def _fail(record: _Record, heard: Heard) -> None:
    heard.failed, heard.cause = True, _cause_of(record)
    if record.subtype != "success":
        heard.stop(record.subtype)
    _note_error(record.api_error_status, record.api_error_type, record.error, heard)
    if heard.over_limit and heard.code in (None, "rate_limit_error"):
        heard.code = "usage_limit_reached"


def _cause_of(record: _Record) -> OutcomeClass | None:
    words = (record.subtype, record.terminal_reason)
    return next((_CAUSES[word] for word in words if isinstance(word, str) and word in _CAUSES), None)


def _note_error(status: object, kind: object, word: object, heard: Heard) -> None:
    if isinstance(status, int) and 300 <= status < 600:
        heard.status = status
    said = (kind, _WORDS.get(word) if isinstance(word, str) else None, word)
    heard.code = next((each for each in said if isinstance(each, str) and is_code(each)), heard.code)


def _note_usage(by_model: Mapping[str, Any], of_turn: Mapping[str, Any], heard: Heard) -> None:
    # That by model counts all so far, subagents and the program's own calls included; the other one turn's main loop.
    kept = heard.usage
    rows = [_counts(as_map(row), _BY_MODEL) for row in by_model.values()]
    if any(rows):
        for name in _BY_MODEL:
            counts = [row[name] for row in rows if name in row]
            setattr(kept, name, sum(counts) if counts else getattr(kept, name))
        return
    details = as_map(of_turn.get("output_tokens_details"))
    for name, count in _counts({**of_turn, "reasoning": details.get("thinking_tokens")}, _OF_TURN).items():
        setattr(kept, name, (getattr(kept, name) or 0) + count)


def _counts(told: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, int]:
    found = {name: count for name, word in names.items() if (count := count_of(told.get(word))) is not None}
    if "input" in found:
        # semconv counts cached tokens as input; Anthropic reports them beside it.
        found["input"] += found.get("cache_read", 0) + found.get("cache_write", 0)
    return found


_BY_MODEL: Final = {
    "input": "inputTokens",
    "output": "outputTokens",
    "cache_read": "cacheReadInputTokens",
    "cache_write": "cacheCreationInputTokens",
    "reasoning": "thinkingTokens",
}
_OF_TURN: Final = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write": "cache_creation_input_tokens",
    "reasoning": "reasoning",
}
_READERS: Final[Mapping[str, Callable[[_Record, Heard], None]]] = {
    "system": _read_system,
    "assistant": _read_assistant,
    "result": _read_result,
    "rate_limit_event": _read_limit,
}
