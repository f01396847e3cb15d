"""What the readers of all dialects share: decoding that materialises only what is asked for, and error bodies."""

import json
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from .codes import is_code
from .record import Reply, Request, Usage
from .thinking import as_map
from .vocabulary import ToolFormat, count_of, word_of

T = TypeVar("T")

UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What decoding raises for bytes that are no JSON, nest too deeply, or are no UTF-8."""

_QUOTE = ord('"')
_NATIVE, _NONE = ToolFormat.NATIVE, ToolFormat.NONE


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


def plain(decoder: "msgspec.json.Decoder[T]", data: bytes) -> T | None:
    """*data* through a strict *decoder* of what most of it looks like, or None where it is to be read in full."""
    try:
        return decoder.decode(data)
    except UNREADABLE:
        return None


def is_filled(raw: msgspec.Raw) -> bool:
    """Whether *raw* is a JSON array or object with something in it, told from its first bytes."""
    if not raw:
        return False
    view = memoryview(raw)
    if view[0] not in b"[{":
        return False
    return view[1] not in b" \t\n\r]}" or bytes(view[1:256]).lstrip()[:1] not in (b"]", b"}", b"")


def is_text(raw: msgspec.Raw) -> bool:
    """Whether *raw* is a JSON string, told from its first byte."""
    return bool(raw) and memoryview(raw)[0] == _QUOTE


def tools_in(*offers: msgspec.Raw) -> ToolFormat:
    """How the tools of a request are offered, of which there are none where all *offers* are empty."""
    for offer in offers:
        if offer and is_filled(offer):
            return _NATIVE
    return _NONE


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


def note_usage(
    kept: Usage,
    input: object = None,  # noqa: A002 - as the record names it
    output: object = None,
    cache_read: object = None,
    cache_write: object = None,
    reasoning: object = None,
) -> None:
    """Keep what was told that is a count; what was not told again stays."""
    if input is not None and (count := count_of(input)) is not None:
        kept.input = count
    if output is not None and (count := count_of(output)) is not None:
        kept.output = count
    if cache_read is not None and (count := count_of(cache_read)) is not None:
        kept.cache_read = count
    if cache_write is not None and (count := count_of(cache_write)) is not None:
        kept.cache_write = count
    if reasoning is not None and (count := count_of(reasoning)) is not None:
        kept.reasoning = count


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
