"""The record of a launch: as its command line and environment tell it, and then as the program said."""

import os
from collections.abc import Mapping
from dataclasses import replace

from . import attributes as a
from .argv import Program
from .context import Frame
from .departure import Told, arrived, dispatch_of
from .models import is_same_model
from .origins import launch_provenance
from .pins import is_listed, pins
from .providers import endpoint_at, is_known
from .record import Dispatch, Endpoint, Names, Request, Requested
from .session import Asked, Heard
from .vocabulary import Field, Kind, Mismatch, Origin
from .wording import Words, span_name, words_of


def told_of_launch(program: Program, asked: Asked, seen: Mapping[str, str], frame: Frame) -> Told:
    """The record of *program* as it is started with the environment *seen*, and its words."""
    request, endpoint, now_held = asked.request, _endpoint(asked), pins()
    requested = Requested(
        frame.requested.provider or asked.requested.provider, frame.requested.model or asked.requested.model
    )
    spoken = replace(request, wire_format=program.cli.speaks)
    own = _own_origins(asked, seen, program.assigned)
    dispatch = replace(
        dispatch_of(spoken, endpoint, frame.known, requested, now_held),
        kind=Kind.CLI_LAUNCH,
        wire_format=request.wire_format,
        provenance=launch_provenance(request, endpoint, frame.known, now_held, own),
        names=Names(label=program.executable),
    )
    return dispatch, {**words_of(dispatch), **_words_at_start(program, request)}, span_name(dispatch)


def _words_at_start(program: Program, request: Request) -> Words:
    told = {
        a.PROCESS_EXECUTABLE: program.executable,
        a.REQUEST_MODEL: request.model,
        a.REQUEST_REASONING_LEVEL: request.thinking.level,
    }
    return {name: value for name, value in told.items() if value is not None}


def _endpoint(asked: Asked) -> Endpoint:
    if not asked.host:
        return Endpoint("", None, asked.provider or "unknown")
    found = endpoint_at(asked.host, asked.port, asked.provider)
    return found if asked.provider is None or is_known(found.provider) else replace(found, provider=asked.provider)


def _own_origins(asked: Asked, seen: Mapping[str, str], assigned: Mapping[str, str]) -> dict[Field, Origin]:
    found = dict.fromkeys(asked.defaults, Origin.CATALOG_DEFAULT) | dict.fromkeys(asked.pinned, Origin.OPERATOR_PIN)
    for name, variable in asked.variables.items():
        # Nobody set it for this child: it fell through. What the user lists as a pin was chosen for everything.
        if variable not in assigned and seen.get(variable) == os.environ.get(variable) and not is_listed(variable):
            found[name] = Origin.INHERITED
    return found


def settled(departed: Dispatch, asked: Asked, heard: Heard) -> Dispatch:
    """*departed* with what the program said of it; the very same where that is nothing new."""
    request, found = asked.request, departed
    if asked.alias is not None or request.model is None:
        # What the program made of it; where it does not say, an alias cannot be compared with what was served.
        request = replace(request, model=heard.resolved)
        found = replace(found, model=heard.resolved or found.model)
    elif heard.resolved is not None and not is_same_model(request.model, heard.resolved):
        # Something has decided that is not seen from here.
        unknown = replace(found.provenance, model=Origin.UNKNOWN)
        found = replace(found, model=heard.resolved, provenance=unknown)
    found = arrived(found, request, heard)
    served = heard.model or heard.resolved
    if asked.alias and served is not None and asked.alias not in served.lower():
        found = found.differing(Mismatch.MODEL_SERVED)
    return found
