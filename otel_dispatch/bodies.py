"""What the readers of all dialects share: decoding that materialises only what is asked for, and error bodies."""

import re
from typing import Any, TypeVar

import msgspec

from .outcome import is_code
from .record import Reply
from .thinking import as_map

T = TypeVar("T")

UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What decoding raises for bytes that are no JSON, nest too deeply, or are no UTF-8."""

_WORD = re.compile(r"[\w.:-]{1,64}")


class Fields(msgspec.Struct):
    """Base of the structs that name the top-level fields a reader wants; all others are skipped, not built."""


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T | None:
    """*body* through *decoder*, or None where it is no JSON or not an object."""
    try:
        return decoder.decode(body)
    except UNREADABLE:
        return None


def is_filled(raw: msgspec.Raw) -> bool:
    """Whether *raw* is a JSON array or object with something in it, told from its first bytes."""
    head = bytes(memoryview(raw)[:256]).lstrip()
    return head[:1] in (b"[", b"{") and head[1:].lstrip()[:1] not in (b"]", b"}", b"")


def maps_in(value: object) -> list[dict[str, Any]]:
    """The JSON objects in *value* where it is an array, else none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def is_given(value: object) -> bool:
    """Whether *value* says something: not null, false, empty, or blank text."""
    return bool(value.strip()) if isinstance(value, str) else bool(value)


def hear_error(error: object, reply: Reply) -> None:
    """Note the failure that an error body or event reports: its machine code and status, never its text."""
    reply.failed = True
    told = as_map(error[0] if isinstance(error, list) and error else error)
    told = as_map(told.get("error")) or told
    inner = as_map(told.get("innererror"))
    said = (inner.get("code"), told.get("code"), told.get("type"), told.get("status"))
    words = [word for word in said if isinstance(word, str) and _WORD.fullmatch(word)]
    reply.code = next((word for word in words if is_code(word)), words[0] if words else reply.code)
    number = told.get("code")
    if isinstance(number, int) and 300 <= number < 600:
        reply.status = number
