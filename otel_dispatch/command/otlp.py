"""Spans as OTLP's JSON tells them: Jaeger's spelling, whose ids are in hex, and Tempo's, whose ids are in base64."""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..thinking import as_map

_TRACE_HEX: Final = 32
_SPAN_HEX: Final = 16
_PLAIN: Final = ("stringValue", "boolValue", "doubleValue")
_RESOURCES: Final = ("resourceSpans", "batches")
_SCOPES: Final = ("scopeSpans", "instrumentationLibrarySpans")


@dataclass(frozen=True, slots=True)
class Span:
    """One span: its ids in hex, its times in Unix nanoseconds, and its attributes."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start_ns: int
    end_ns: int
    words: Mapping[str, Any]


def spans_in(told: object) -> Iterator[Span]:
    """The spans that *told*, a message of traces, holds; what is no span is left out."""
    for resource in _each(told, _RESOURCES):
        for scope in _each(resource, _SCOPES):
            for each in _each(scope, ("spans",)):
                span = _span(each)
                if span.trace_id and span.span_id:
                    yield span


def hex_id(told: object, length: int = _TRACE_HEX) -> str:
    """The id *told* in hex or in base64, as *length* hex digits; "" where it is none."""
    if not isinstance(told, str) or not told:
        return ""
    try:
        # 16 bytes are 24 digits of base64, and 8 are 12; hex without its leading zeros may be as short.
        digits = b64decode(told, validate=True).hex() if told.endswith("=") else told.lower()
        return digits.rjust(length, "0") if int(digits, 16) and len(digits) <= length else ""
    except (ValueError, binascii.Error):
        return ""


def _each(owner: object, names: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    told = as_map(owner)
    for name in names:
        found = told.get(name)
        if isinstance(found, list):
            yield from map(as_map, found)


def _span(told: Mapping[str, Any]) -> Span:
    name = told.get("name")
    return Span(
        hex_id(told.get("traceId")),
        hex_id(told.get("spanId"), _SPAN_HEX),
        hex_id(told.get("parentSpanId"), _SPAN_HEX) or None,
        name if isinstance(name, str) else "",
        _int(told.get("startTimeUnixNano")) or 0,
        _int(told.get("endTimeUnixNano")) or 0,
        {str(each.get("key")): _value(as_map(each.get("value"))) for each in _each(told, ("attributes",))},
    )


def _value(wrapped: Mapping[str, Any]) -> Any:
    for name in _PLAIN:
        if name in wrapped:
            return wrapped[name]
    if "intValue" in wrapped:
        return _int(wrapped["intValue"])
    return [_value(each) for each in _each(wrapped.get("arrayValue"), ("values",))] if "arrayValue" in wrapped else None


def _int(value: object) -> int | None:
    try:
        return int(value) if isinstance(value, int | str) else None
    except ValueError:
        return None
