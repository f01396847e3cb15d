"""Why a call's values are what they are: each field's value, origin and reason, in one line each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from ..baton import SCOPE_VARIABLE
from ..origins import Known, provenance_of
from ..pins import Pins, is_listed, pins_by_variable
from ..providers import LOCAL, UNKNOWN, default_wire_format
from ..record import Dispatch, Endpoint, Request
from ..vocabulary import Field, Mismatch, Origin
from .step_words import thinking_in_words

# An origin that no rule but the first ever gives.
_DECLARED: Final = Origin.PIPELINE_INPUT
_UNKNOWN: Final = {
    Field.PROVIDER: "nothing here says who chose this host",
    Field.MODEL: "nothing here says who chose this model",
    Field.WIRE_FORMAT: "nothing here says who chose it",
    Field.THINKING: "the body asks for it, and nothing here says who chose that",
    Field.TOOL_FORMAT: "nothing here says who chose it",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A field of the record, its value, its origin, and why that is its origin."""

    field: str
    value: str
    origin: str
    why: str


def reasons_of(dispatch: Dispatch, request: Request, endpoint: Endpoint, known: Known) -> list[Reason]:
    """The reasons for the origins in *dispatch*, found by asking the rules again with parts of what they know."""
    declared = provenance_of(request, endpoint, _marked(known), Pins())
    values = {
        Field.PROVIDER: dispatch.provider,
        Field.MODEL: dispatch.model,
        Field.WIRE_FORMAT: str(dispatch.wire_format),
        Field.THINKING: thinking_in_words(dispatch.thinking),
        Field.TOOL_FORMAT: str(dispatch.tool_format),
    }
    found = []
    for name, value in values.items():
        origin: Origin = getattr(dispatch.provenance, name)
        if getattr(declared, name) is _DECLARED:
            why = f"{SCOPE_VARIABLE} declares it"
        else:
            why = _why(name, origin, dispatch, request, endpoint)
        found.append(Reason(name, value, origin, why))
    return found


def notes_on(dispatch: Dispatch, endpoint: Endpoint, known: Known) -> Iterator[str]:
    """What else is worth knowing of the call, a sentence each."""
    place = f"DISPATCH_OTEL_PROVIDERS={endpoint.host}:{endpoint.port}=NAME"
    if dispatch.provider == LOCAL:
        yield f"{endpoint.host} is this machine: who answers there shows in the answer (--header), or {place} says it."
    if dispatch.provider == UNKNOWN:
        yield f"{endpoint.host} stands in no table: {place} says who answers there."
    if Mismatch.WIRE_FORMAT_EXPECTED in dispatch.mismatch:
        yield f"Mismatch {Mismatch.WIRE_FORMAT_EXPECTED}: {dispatch.provider} is not known to speak this wire format."
    if Mismatch.PROVIDER_HOST in dispatch.mismatch:
        yield f"Mismatch {Mismatch.PROVIDER_HOST}: {dispatch.requested.provider} was asked for."
    if known.primary is not None:
        where = "inside an escalation from" if known.escalating else "for"
        yield f"The call is made {where} the primary {_primary(dispatch)}."
    if dispatch.provenance.inherited:
        fields = ", ".join(dispatch.provenance.inherited)
        yield f"This call would raise the alarm: nobody chose its {fields}."


def _marked(known: Known) -> Known:
    return replace(
        known,
        declared=dict.fromkeys(known.declared, _DECLARED),
        resolved=dict.fromkeys(known.resolved, _DECLARED),
        escalating=False,
    )


def _why(name: Field, origin: Origin, dispatch: Dispatch, request: Request, endpoint: Endpoint) -> str:
    if origin is Origin.INHERITED:
        return "equal to the primary's, and nobody chose it for the escalation"
    if origin is Origin.ESCALATION_OVERRIDE:
        return (
            f"differs from the primary's {getattr(dispatch.primary, name)}"
            if _differs(name, dispatch)
            else ("the answer says that a fallback on the way chose it")
        )
    if origin is Origin.OPERATOR_PIN:
        return f"held by {', '.join(_holders(name, request, endpoint))}"
    if origin is Origin.CATALOG_DEFAULT:
        return _DEFAULTS[name].format(host=endpoint.host, provider=endpoint.provider)
    if name is Field.WIRE_FORMAT and (usual := default_wire_format(dispatch.provider)) is not None:
        return f"nothing here says who chose it over {dispatch.provider}'s usual {usual}"
    return _UNKNOWN[name]


_DEFAULTS: Final = {
    Field.PROVIDER: "{host} is {provider}'s own host",
    Field.WIRE_FORMAT: "what {provider} speaks unless told otherwise",
    Field.THINKING: "the body says nothing of it",
}


def _differs(name: Field, dispatch: Dispatch) -> bool:
    primary = getattr(dispatch.primary, name, None)
    return primary is not None and primary != str(getattr(dispatch, name))


def _holders(name: Field, request: Request, endpoint: Endpoint) -> Iterator[str]:
    for variable, pinned in pins_by_variable().items():
        if getattr(provenance_of(request, endpoint, Known(), pinned), name) is Origin.OPERATOR_PIN:
            yield f"{variable} (in DISPATCH_OTEL_PINS)" if is_listed(variable) else variable


def _primary(dispatch: Dispatch) -> str:
    primary = dispatch.primary
    told = (primary.provider, primary.model) if primary is not None else ()
    return "/".join(word for word in told if word is not None) or "of no known provider and model"
