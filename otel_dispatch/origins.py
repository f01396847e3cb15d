"""Where a field came from: the five rules, first that applies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from . import providers
from .record import Endpoint, Primary, Provenance, Request, Thinking
from .vocabulary import Field, Origin, ThinkingMode


def _nothing() -> Mapping[Any, Origin]:
    return _NOTHING


_NOTHING: Mapping[Any, Origin] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Known:
    """What the surroundings of a call say: declared origins, values that `resolve` chose, an escalation's primary."""

    declared: Mapping[str, Origin] = field(default_factory=_nothing)
    resolved: Mapping[tuple[str, str], Origin] = field(default_factory=_nothing)
    primary: Primary | None = None
    escalating: bool = False


def provenance_of(request: Request, endpoint: Endpoint, known: Known) -> Provenance:
    """The origin of each field of a call that went to *endpoint*, by the rules of this module."""
    endpoint_host, provider = endpoint.host, endpoint.provider
    values = {
        Field.PROVIDER: provider,
        Field.MODEL: request.model or "",
        Field.WIRE_FORMAT: request.wire_format,
        Field.THINKING: request.thinking.label,
        Field.TOOL_FORMAT: request.tool_format,
    }
    pins = providers.pins()
    return Provenance(
        *(
            _declared(name, value, endpoint_host, known)
            or _escalated(name, value, known)
            or _pinned(name, value, endpoint_host, pins)
            or _defaulted(name, request, endpoint_host, provider)
            or Origin.UNKNOWN
            for name, value in values.items()
        )
    )


def origin_of(word: str) -> Origin | None:
    """The origin that *word* names, or None where the vocabulary has no such word."""
    try:
        return Origin(word)
    except ValueError:
        return None


def _declared(name: Field, value: str, host: str, known: Known) -> Origin | None:
    if known.resolved and value:
        origin = known.resolved.get((name, value))
        if origin is None and name is Field.PROVIDER:
            origin = known.resolved.get((name, host))
        if origin is not None:
            return origin
    return known.declared.get(name) if known.declared else None


def _escalated(name: Field, value: str, known: Known) -> Origin | None:
    if not known.escalating or known.primary is None or not value:
        return None
    primary: str | None = getattr(known.primary, name)
    if primary is None:
        return None
    return Origin.INHERITED if primary == value else Origin.ESCALATION_OVERRIDE


def _pinned(name: Field, value: str, host: str, pins: providers.Pins) -> Origin | None:
    if name is Field.PROVIDER:
        held = host in pins.hosts or value in pins.values
    elif name is Field.MODEL:
        held = value in pins.models or value in pins.values
    else:
        held = value in pins.values
    return Origin.OPERATOR_PIN if held and value else None


def _defaulted(name: Field, request: Request, host: str, provider: str) -> Origin | None:
    if name is Field.THINKING:
        return Origin.CATALOG_DEFAULT if _is_unsent(request.thinking) else None
    if name is Field.PROVIDER:
        return Origin.CATALOG_DEFAULT if providers.is_own_host(host) else None
    if name is Field.WIRE_FORMAT and providers.default_wire_format(provider) == request.wire_format:
        return Origin.CATALOG_DEFAULT
    return None


def _is_unsent(thinking: Thinking) -> bool:
    return thinking.mode is ThinkingMode.PROVIDER_DEFAULT
