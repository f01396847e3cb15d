"""What a call would dispatch, told by the code that observes real ones."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from .. import baton, context
from ..context import Frame
from ..departure import arrived, told_of
from ..gateways import hear_headers, is_worth_hearing
from ..pins import pins
from ..providers import endpoint_at
from ..record import Dispatch, Reply
from ..transit import RETRY_COUNT
from ..wording import words_of_change
from .likely import Asked, Likely, request_for
from .reasons import Reason, notes_on, reasons_of

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Explained:
    """What a call would dispatch; ``attributes`` are those that its span would start with."""

    operation: str
    host: str
    dialect: str
    fields: list[Reason]
    inherited: tuple[str, ...]
    mismatch: tuple[str, ...]
    notes: list[str]
    attributes: dict[str, Any]


def explained(asked: Asked, env: Mapping[str, str], headers: Headers, primary: Mapping[str, str]) -> Explained:
    """What *asked* would dispatch in the environment with *env* added, inside an escalation where *primary* says so.

    *headers* are the answer's, but for the one by which an SDK counts its retries. Raises `UsageError`.
    """
    with _surroundings(env, primary):
        return _explained(request_for(asked), headers)


def _explained(likely: Likely, headers: Headers) -> Explained:
    frame, request = context.current(), likely.request
    endpoint = endpoint_at(likely.host, likely.port, likely.dialect.home)
    dispatch, words, *_ = told_of(request, endpoint, frame.known, frame.requested, pins(), _resends(headers))
    answered = arrived(dispatch, request, _heard(dispatch, headers))
    return Explained(
        dispatch.operation,
        dispatch.base_url_host,
        likely.dialect.name,
        reasons_of(answered, request, endpoint, frame.known),
        answered.provenance.inherited,
        answered.mismatch,
        [*(f"{why}." for why in likely.chosen), *notes_on(answered, endpoint, frame.known)],
        {**words, **words_of_change(dispatch, answered)},
    )


def _heard(dispatch: Dispatch, headers: Headers) -> Reply:
    reply = Reply()
    if is_worth_hearing(dispatch.provider):
        hear_headers(headers, reply)
    return reply


def _resends(headers: Headers) -> int:
    counts = [value for name, value in headers if name.lower() == RETRY_COUNT and value.isdecimal()]
    return int(counts[-1]) if counts else 0


@contextmanager
def _surroundings(env: Mapping[str, str], primary: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    baton.receive(os.environ)
    try:
        with ExitStack() as scopes:
            if primary:
                scopes.enter_context(context.scope("primary", primary))
                scopes.enter_context(context.scope("escalation", {}))
            yield
    finally:
        context.begin(Frame(), None)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
