"""The record of a model call as it leaves: what is asked, where it goes, and where each value came from."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, cast

from .models import is_same_model
from .origins import Known, provenance_of
from .pins import Pins
from .providers import is_expected, is_known
from .record import Dispatch, Endpoint, Request, Requested
from .vocabulary import Kind, Mismatch
from .wording import words_of, words_of_request

Told = tuple[Dispatch, Mapping[str, Any]]
"""A record, and the attributes that it starts with."""

_latest: tuple[tuple[Any, ...], Any] = ((None,) * 6, None)


def told_of(request: Request, endpoint: Endpoint, known: Known, requested: Requested, pins: Pins, resend: int) -> Told:
    """The record of *request* and its words; most calls of an agent differ in neither, so they are kept.

    The words cannot be written to: a host's sampler is given them, too.
    """
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
    return dispatch, MappingProxyType({**words_of(dispatch), **words_of_request(request, endpoint, resend)})


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


def mismatch_served(dispatch: Dispatch, asked: str | None, served: str | None) -> tuple[str, ...]:
    """The mismatches of *dispatch*, now that the model that *served* it is known."""
    if served == asked or served is None or asked is None or is_same_model(asked, served):
        return dispatch.mismatch
    return tuple(sorted({*dispatch.mismatch, str(Mismatch.MODEL_SERVED)}))


def _departures(request: Request, endpoint: Endpoint, requested: Requested) -> tuple[str, ...]:
    found = []
    asked = requested.provider
    if asked is not None and is_known(asked) and endpoint.provider != asked:
        found.append(Mismatch.PROVIDER_HOST)
    if not is_expected(request.wire_format, endpoint.provider):
        found.append(Mismatch.WIRE_FORMAT_EXPECTED)
    return tuple(map(str, found))
