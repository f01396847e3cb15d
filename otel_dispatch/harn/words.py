"""harn's words in ours: what it writes for a thinking config, a format, an origin, a host, an outcome."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from ..origins import origin_of
from ..providers import host_of
from ..record import UNKNOWN_THINKING, Provenance, Thinking
from ..thinking import as_map
from ..vocabulary import Origin, OutcomeClass, OutcomeKind, ThinkingMode, ToolFormat, WireFormat, count_of, text_of

_C: Final = OutcomeClass
# What a redaction policy leaves of a value, and what a template leaves whose variable is not set.
_NO_VALUE: Final = re.compile(r"redacted|\*{3}|[{}]", re.IGNORECASE)

_MODES: Final = {
    "off": ThinkingMode.OFF,
    "disabled": ThinkingMode.OFF,
    "enabled": ThinkingMode.ENABLED,
    "adaptive": ThinkingMode.ADAPTIVE,
    "effort": ThinkingMode.EFFORT,
}
_TOOL_FORMATS: Final = {
    "native": ToolFormat.NATIVE,
    "json": ToolFormat.JSON,
    "text": ToolFormat.TEXT,
    "adaptive": ToolFormat.TEXT,
}
# harn looks the format up by name; for these providers it speaks another than the one it writes.
_MISLABELLED: Final = frozenset({"bedrock", "vertex"})

# `provider_call_error.reason`, made from the error's type where there was one.
_BY_REASON: Final = {
    "rate_limit": _C.RATE_LIMIT,
    "server_error": _C.SERVER_ERROR,
    "network_error": _C.CONNECTION,
    "timeout": _C.TIMEOUT,
    "auth_failure": _C.AUTH,
    "context_overflow": _C.CONTEXT_OVERFLOW,
    "content_policy": _C.CONTENT_FILTER,
    "invalid_request": _C.BAD_REQUEST,
    "model_unavailable": _C.NOT_FOUND,
}
# `provider_call_error.category`, the coarser one.
_BY_CATEGORY: Final = {
    "timeout": _C.TIMEOUT,
    "auth": _C.AUTH,
    "rate_limit": _C.RATE_LIMIT,
    "overloaded": _C.OVERLOADED,
    "server_error": _C.SERVER_ERROR,
    "transient_network": _C.CONNECTION,
    "not_found": _C.NOT_FOUND,
    "cancelled": _C.CANCELLED,
}
_VAGUE: Final = (None, _C.SERVER_ERROR)
# The classes that the record itself finds by looking for pieces of text in the message.
_BY_TEXT: Final = {
    "timeout": _C.TIMEOUT,
    "connection": _C.CONNECTION,
    "malformed_response": _C.MALFORMED_RESPONSE,
    "auth": _C.AUTH,
    "not_found": _C.NOT_FOUND,
    "overloaded": _C.OVERLOADED,
    "server_error": _C.SERVER_ERROR,
}


def name_of(value: object) -> str | None:
    """*value* as a name, or None where it is none or nothing is left of it."""
    name = text_of(value)
    return None if name is None or _NO_VALUE.search(name) else name


def host_in(value: object) -> str:
    """The host of *value*, which may hold userinfo, a port, a query or a template; "" where it is not known."""
    name = name_of(value)
    return "" if name is None else host_of(name)


def thinking_of(told: object) -> Thinking:
    """The thinking config in either spelling: the record's or the request line's."""
    given = as_map(told)
    word, level = text_of(given.get("mode")), name_of(given.get("level"))
    mode = _MODES.get(word or "")
    if mode is None:
        return UNKNOWN_THINKING
    if mode is ThinkingMode.EFFORT and level == "none":
        mode = ThinkingMode.OFF
    return Thinking(mode, mode is not ThinkingMode.OFF, count_of(given.get("budget_tokens")), level)


def wire_format_of(word: object, provider: str) -> WireFormat:
    """The wire format that *word* names; unknown where harn is known to write another than it speaks."""
    known = isinstance(word, str) and word in frozenset(WireFormat) and provider not in _MISLABELLED
    return WireFormat(str(word)) if known else WireFormat.UNKNOWN


def tool_format_of(word: object, native_tools: object) -> ToolFormat:
    """The tool format that *word* names; none where it is the native one and no tool was sent."""
    found = _TOOL_FORMATS.get(word, ToolFormat.UNKNOWN) if isinstance(word, str) else ToolFormat.UNKNOWN
    return ToolFormat.NONE if found is ToolFormat.NATIVE and count_of(native_tools) == 0 else found


def provenance_of(told: object) -> Provenance:
    """The origin of each field; a word of no vocabulary is unknown."""
    given = as_map(told)
    words = (str(given.get(each.name, "")) for each in fields(Provenance))
    return Provenance(*(origin_of(word) or Origin.UNKNOWN for word in words))


def kind_of(record: Mapping[str, Any]) -> OutcomeKind | None:
    """The outcome's kind, or None where it is one that we do not know."""
    outcome = as_map(record.get("outcome"))
    word = outcome.get("kind", record.get("outcome_kind"))
    return OutcomeKind(word) if isinstance(word, str) and word in frozenset(OutcomeKind) else None


def class_of_error(told: Mapping[str, Any] | None) -> OutcomeClass | None:
    """The class that an error line's typed fields tell, or None where they tell none."""
    given = told or {}
    by_reason = _BY_REASON.get(str(given.get("reason")))
    return (_BY_CATEGORY.get(str(given.get("category"))) or by_reason) if by_reason in _VAGUE else by_reason


def class_in(record: Mapping[str, Any]) -> OutcomeClass:
    """The class that the record itself gives a failure; it says too little or nothing of many."""
    return _BY_TEXT.get(str(as_map(record.get("outcome")).get("class")), OutcomeClass.UNKNOWN)
