"""The record of a model call as it leaves: what is asked, where it goes, and where each value came from."""

from .context import Frame
from .models import is_same_model
from .origins import provenance_of
from .providers import is_expected, is_known
from .record import Dispatch, Endpoint, Request
from .vocabulary import Kind, Mismatch


def dispatch_of(request: Request, endpoint: Endpoint, frame: Frame) -> Dispatch:
    """The record of *request* as it leaves for *endpoint* inside *frame*."""
    return Dispatch(
        Kind.LLM_CALL,
        request.operation,
        endpoint.provider,
        request.model or "unknown",
        request.wire_format,
        request.thinking,
        request.tool_format,
        endpoint.host,
        provenance_of(request, endpoint, frame.known),
        frame.requested,
        frame.known.primary,
        mismatch=_departures(request, endpoint, frame),
    )


def mismatch_served(dispatch: Dispatch, asked: str | None, served: str | None) -> tuple[str, ...]:
    """The mismatches of *dispatch*, now that the model that *served* it is known."""
    if served is None or asked is None or is_same_model(asked, served):
        return dispatch.mismatch
    return tuple(sorted({*dispatch.mismatch, str(Mismatch.MODEL_SERVED)}))


def _departures(request: Request, endpoint: Endpoint, frame: Frame) -> tuple[str, ...]:
    found = []
    asked = frame.requested.provider
    if asked is not None and is_known(asked) and endpoint.provider != asked:
        found.append(Mismatch.PROVIDER_HOST)
    if not is_expected(request.wire_format, endpoint.provider):
        found.append(Mismatch.WIRE_FORMAT_EXPECTED)
    return tuple(map(str, found))
