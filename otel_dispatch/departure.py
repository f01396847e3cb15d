"""The record of a model call as it leaves: what is asked, where it goes, and where each value came from."""

from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from .models import is_same_model
from .origins import Known, provenance_of
from .pins import Pins
from .providers import LOCAL, RUN_AT_HOME, UNKNOWN, is_expected, is_known, names_deployments
from .record import Dispatch, Endpoint, Reply, Request, Requested
from .vocabulary import Field, Kind, Mismatch, Origin
from .wording import span_name, words_of, words_of_request

Told = tuple[Dispatch, dict[str, Any], str]
"""A record, the attributes that it starts with, and its span's name; kept for other calls, so nobody writes to it."""

_NAMELESS = (LOCAL, UNKNOWN)
_latest: tuple[tuple[Any, ...], Any] = ((None,) * 6, None)


def told_of(request: Request, endpoint: Endpoint, known: Known, requested: Requested, pins: Pins, resend: int) -> Told:
    """The record of *request* and its words; most calls of an agent differ in neither, so they are kept."""
    global _latest
    last, told = _latest
    # To hash all of this costs more than to see that it is what it was a call ago.
    if (
        last[0] is request
        and last[1] is endpoint
        and last[2] is known
        and last[3] is requested
        and last[4] is pins
        and last[5] == resend
    ):
        return cast("Told", told)
    told = _told_of(request, endpoint, known, requested, pins, resend)
    _latest = (request, endpoint, known, requested, pins, resend), told
    return told


@lru_cache(256)
def _told_of(request: Request, endpoint: Endpoint, known: Known, requested: Requested, pins: Pins, resend: int) -> Told:
    dispatch = dispatch_of(request, endpoint, known, requested, pins)
    return dispatch, {**words_of(dispatch), **words_of_request(request, endpoint, resend)}, span_name(dispatch)


def dispatch_of(request: Request, endpoint: Endpoint, known: Known, requested: Requested, pins: Pins) -> Dispatch:
    """The record of *request* as it leaves for *endpoint*, where *known* and *requested* surround it."""
    return Dispatch(
        Kind.LLM_CALL,
        request.operation,
        endpoint.provider,
        request.model or "unknown",
        request.wire_format,
        request.thinking,
        request.tool_format,
        endpoint.host,
        provenance_of(request, endpoint, known, pins),
        requested,
        known.primary,
        mismatch=_departures(request, endpoint, requested),
    )


def arrived(dispatch: Dispatch, request: Request, reply: Reply) -> Dispatch:
    """*dispatch* with what its answer says of it; the very same where that is nothing new."""
    changes: dict[str, Any] = {}
    served = reply.model
    if served is not None and served != request.model and _is_another(dispatch, request, served):
        changes["mismatch"] = tuple(sorted({*dispatch.mismatch, str(Mismatch.MODEL_SERVED)}))
    if reply.thinking is not None and reply.thinking != dispatch.thinking:
        changes["thinking"] = reply.thinking
    if reply.provider is not None and dispatch.provider in _NAMELESS:
        changes["provider"] = reply.provider
        if _is_elsewhere(dispatch.requested.provider, reply.provider):
            known = changes.get("mismatch", dispatch.mismatch)
            changes["mismatch"] = tuple(sorted({*known, str(Mismatch.PROVIDER_HOST)}))
    if (reply.overridden or request.fallbacks or request.upstreams) and (fields := _overridden(request, reply)):
        origins = {name: Origin.ESCALATION_OVERRIDE for name in fields if _may_be_overridden(dispatch, name)}
        changes["provenance"] = replace(dispatch.provenance, **origins)
    return replace(dispatch, **changes) if changes else dispatch


def _is_another(dispatch: Dispatch, request: Request, served: str) -> bool:
    # A deployment's name is the user's own and names no model.
    return (
        request.model is not None
        and not request.deployment
        and not names_deployments(dispatch.provider)
        and not is_same_model(request.model, served)
    )


def _overridden(request: Request, reply: Reply) -> set[Field]:
    """The fields that a fallback of the gateway or the provider decided, and not the program."""
    fields = set(reply.overridden)
    served = reply.model
    is_another = served is not None and request.model is not None and not is_same_model(request.model, served)
    if is_another and any(is_same_model(name, str(served)) for name in request.fallbacks):
        fields.add(Field.MODEL)
    if reply.upstream is not None and request.upstreams and not _is_upstream(request.upstreams[0], reply.upstream):
        fields.add(Field.PROVIDER)
    return fields


def _is_upstream(slug: str, named: str) -> bool:
    # OpenRouter takes a slug ("amazon-bedrock", "deepinfra/turbo") and answers with a name ("Amazon Bedrock").
    return _letters(slug.partition("/")[0]) == _letters(named)


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _may_be_overridden(dispatch: Dispatch, name: Field) -> bool:
    # What nobody chose stays an alarm, whatever happened to it on the way.
    return getattr(dispatch.provenance, name) is not Origin.INHERITED


def _is_elsewhere(asked: str | None, provider: str) -> bool:
    if asked is None or asked == provider or not is_known(asked):
        return False
    # A host that nobody knows may be one of these until its answer says otherwise.
    return provider not in _NAMELESS or asked not in RUN_AT_HOME


def _departures(request: Request, endpoint: Endpoint, requested: Requested) -> tuple[str, ...]:
    found = []
    if _is_elsewhere(requested.provider, endpoint.provider):
        found.append(Mismatch.PROVIDER_HOST)
    if not is_expected(request.wire_format, endpoint.provider):
        found.append(Mismatch.WIRE_FORMAT_EXPECTED)
    return tuple(map(str, found))
