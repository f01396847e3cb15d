"""Where a field came from: the five rules, first that applies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from . import providers
from .pins import Pins, pins
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

    def __hash__(self) -> int:
        # The mappings cannot be hashed; that two of a size may differ is for `__eq__` to find.
        return hash((self.primary, self.escalating, len(self.declared), len(self.resolved)))


def provenance_of(request: Request, endpoint: Endpoint, known: Known, held: Pins | None = None) -> Provenance:
    """The origin of each field of a call that went to *endpoint*, by the rules of this module."""
    held = pins() if held is None else held
    endpoint_host, provider = endpoint.host, endpoint.provider
    return Provenance(
        *(
            _declared(name, value, endpoint_host, known)
            or _escalated(name, value, known)
            or _pinned(name, value, endpoint_host, held)
            or _defaulted(name, request, endpoint_host, provider)
            or Origin.UNKNOWN
            for name, value in _values(request, provider)
        )
    )


def launch_provenance(
    request: Request, endpoint: Endpoint, known: Known, held: Pins, own: Mapping[Field, Origin]
) -> Provenance:
    """The origin of each field of a launch, where *own* says what fell through, and what the program decides itself.

    That a variable fell through is seen, not concluded from equal values: it comes before all but a declaration.
    """
    return Provenance(
        *(
            _declared(name, value, endpoint.host, known)
            or (Origin.INHERITED if own.get(name) is Origin.INHERITED else None)
            or _escalated(name, value, known)
            or _pinned(name, value, endpoint.host, held)
            or own.get(name)
            or Origin.UNKNOWN
            for name, value in _values(request, endpoint.provider)
        )
    )


def _values(request: Request, provider: str) -> tuple[tuple[Field, str], ...]:
    return (
        (Field.PROVIDER, provider),
        (Field.MODEL, request.model or ""),
        (Field.WIRE_FORMAT, request.wire_format),
        (Field.THINKING, request.thinking.label),
        (Field.TOOL_FORMAT, request.tool_format),
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


def _pinned(name: Field, value: str, host: str, pinned: Pins) -> Origin | None:
    if name is Field.PROVIDER:
        is_held = host in pinned.hosts or value in pinned.values
    elif name is Field.MODEL:
        is_held = value in pinned.models or value in pinned.values
    else:
        is_held = value in pinned.values
    return Origin.OPERATOR_PIN if is_held and value else None


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
