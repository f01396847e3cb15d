"""Reads the spans of a backend's answer, which wraps OTLP's JSON in one way or another."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")


@dataclass(frozen=True, slots=True)
class Span:
    """One span as a backend gives it back."""

    service: str
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    attributes: dict[str, Any]


def spans_in(resources: Iterable[Mapping[str, Any]]) -> list[Span]:
    """Return the spans of OTLP's resourceSpans."""
    return [
        Span(
            service=values_of(resource["resource"]).get("service.name", ""),
            trace_id=hexadecimal(span["traceId"], 32),
            span_id=hexadecimal(span["spanId"], 16),
            parent_id=hexadecimal(span.get("parentSpanId") or "", 16),
            name=span["name"],
            kind=kind_of(span.get("kind", 0)),
            attributes=values_of(span),
        )
        for resource in resources
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def kind_of(kind: int | str) -> str:
    """Return a kind by its name, which Jaeger numbers and Tempo spells out."""
    return KINDS[kind] if isinstance(kind, int) else kind.removeprefix("SPAN_KIND_")


def hexadecimal(identifier: str, length: int) -> str:
    """Return an id in hexadecimal, which Tempo writes in base64."""
    if not identifier or len(identifier) == length:
        return identifier
    return base64.b64decode(identifier).hex()


def values_of(owner: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a span or resource, integers as integers."""
    return {each["key"]: value_of(each["value"]) for each in owner.get("attributes", [])}


def value_of(wrapped: Mapping[str, Any]) -> Any:
    """Return the Python value of OTLP's one-entry {type: value} object."""
    ((kind, value),) = wrapped.items()
    if kind == "intValue":
        return int(value)
    if kind == "arrayValue":
        return [value_of(each) for each in value.get("values", [])]
    return value


def carries(span: Span, attributes: Mapping[str, object]) -> bool:
    """Return whether the span has all the attributes, of whatever type, as text."""
    return all(key in span.attributes and text(span.attributes[key]) == text(attributes[key]) for key in attributes)


def text(value: object) -> str:
    """Return a value as Jaeger compares it."""
    return value if isinstance(value, str) else json.dumps(value)
