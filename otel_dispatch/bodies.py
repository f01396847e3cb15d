"""What the readers of all dialects share: decoding that materialises only what is asked for, and error bodies."""

import json
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from .codes import is_code
from .record import Reply, Request, Usage
from .thinking import as_map
from .vocabulary import count_of, word_of

T = TypeVar("T")

UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What decoding raises for bytes that are no JSON, nest too deeply, or are no UTF-8."""


class Fields(msgspec.Struct, gc=False):
    """Base of the structs that name the top-level fields a reader wants; all others are skipped, not built.

    Every field is ``Any`` or ``Raw`` and has a default, so that one of a wrong type loses no other.
    """


request_of = lru_cache(256)(Request)
"""A `Request`; equal ones are the same object, which whoever keeps something for each finds faster."""


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T | None:
    """*body* through *decoder*, or None where it is no JSON or not an object."""
    try:
        return decoder.decode(body)
    except UNREADABLE:
        return _decode_leniently(decoder.type, body)


def is_filled(raw: msgspec.Raw) -> bool:
    """Whether *raw* is a JSON array or object with something in it, told from its first bytes."""
    if not raw:
        return False
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
    said = (
        as_map(told.get("innererror")).get("code"),  # Azure's
        as_map(told.get("details")).get("error_code"),  # Anthropic's
        *map(told.get, ("code", "type", "status")),
    )
    words = [word for word in map(word_of, said) if word is not None]
    reply.code = next((word for word in words if is_code(word)), words[0] if words else reply.code)
    for number in map(told.get, ("code", "status", "status_code")):
        if isinstance(number, int) and 300 <= number < 600:
            reply.status = number


def note_usage(kept: Usage, **told: object) -> None:
    """Keep what was *told* that is a count; what was not told again stays."""
    for name, value in told.items():
        if value is not None and (count := count_of(value)) is not None:
            setattr(kept, name, count)


def _decode_leniently(kind: type[T], body: bytes) -> T | None:
    # msgspec refuses a whole body for half an emoji or one number out of range; the decoder of the SDKs takes it.
    if not (isinstance(kind, type) and issubclass(kind, Fields)):
        return None
    try:
        told, blank = json.loads(body, parse_int=_integer), kind()
        if not isinstance(told, dict):
            return None
        return kind(
            **{name: _like(getattr(blank, name), told[name]) for name in kind.__struct_fields__ if name in told}
        )
    except (ValueError, RecursionError):
        return None


def _like(default: object, value: object) -> object:
    return msgspec.Raw(json.dumps(value).encode()) if isinstance(default, msgspec.Raw) else value


def _integer(digits: str) -> float:
    # Python refuses to read an integer of more than 4300 digits.
    return int(digits) if len(digits) < 32 else float(digits)
