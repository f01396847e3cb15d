"""What a host file is written with: the two kinds of seams a host has, and what it tells of a run."""

import inspect
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial, update_wrapper
from types import MappingProxyType
from typing import Any, Final

from opentelemetry import context as otel
from opentelemetry.context import Context

from . import context
from .drive import along, call_along, named
from .entry import EntryPoint, Run, open_run
from .guard import swallow, warn
from .instruments import instruments, is_armed
from .record import Dispatch, Outcome
from .seam import Seam
from .vocabulary import ENTRY_KINDS, MAX_INT, Kind, Mismatch, OutcomeClass, OutcomeKind, clean, text_of

Value = str | bool | int | float
Given = Mapping[str, Any]
"""The arguments of a call by their names, those left out with their defaults, and without ``self``."""

_NONE: Final[Mapping[str, Value]] = MappingProxyType({})
_TAKEN: Final = ("dispatch.", "gen_ai.", "otel.")
# A span of the SDK has room for 128, and forgets the oldest for the newest.
_MOST: Final = 32


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a host knows of a run as it begins; names and ids are its own real ones, and never a prompt.

    *kind* is ``run_skill``, ``report_bug``, ``fleet_dispatch`` or ``agent``, *name* the skill, recipe or agent that is
    run, *agent* who runs it. *provider* and *model* are what was asked for by name: an alias, a profile. *definition*
    is the file that defines it. *attributes* are the host's own, under a prefix of its own.
    """

    kind: str
    name: str | None = None
    agent: str | None = None
    conversation: str | None = None
    provider: str | None = None
    model: str | None = None
    definition: str | os.PathLike[str] | None = None
    attributes: Mapping[str, Value] = field(default_factory=lambda: _NONE)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a host knows of a run that has returned; whatever is None is told by the calls below the run.

    *outcome* and *outcome_class* are words of the record's vocabulary, *reported_provider* is who the host itself says
    has served the run, in its log or its result.
    """

    outcome: str | None = None
    outcome_class: str | None = None
    reported_provider: str | None = None
    attributes: Mapping[str, Value] = field(default_factory=lambda: _NONE)


def entry_at(
    module: str,
    path: str,
    begun: Callable[[Any, Given], Beginning | None],
    ended: Callable[[Any], Ending | None] | None = None,
    copied_to: tuple[str, ...] = (),
) -> Seam:
    """A seam at the function or method *path* of *module*, each call of which is a run.

    ``begun(instance, arguments)`` says what is run, or None where this call is no run; *instance* is None for a
    function. ``ended(result)`` says how it went, where that is not raised: it is given what the function or the
    coroutine returned; the end of a generator speaks for itself. A reader that raises costs its own words alone.
    """

    def wrapper(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if instruments() is None or context.is_suppressed():
            return wrapped(*args, **kwargs)
        visit = _Visit(f"{module}:{path}", lambda: _begun(begun, wrapped, instance, args, kwargs), ended)
        function = _listened(wrapped, visit.returned)
        is_plain = not any(is_kind(function) for is_kind in _LATER)
        return (call_along if is_plain else along)(visit, function, args, kwargs)

    return Seam(module, path, wrapper, copied_to=copied_to)


def heard_at(
    module: str, path: str, heard: Callable[[Any, Given, Any], object], copied_to: tuple[str, ...] = ()
) -> Seam:
    """A seam at *path* of *module*: ``heard(instance, arguments, result)`` follows each call that has returned.

    It runs where its caller goes on, so what it says by `otel_dispatch.resolve` counts for the calls that follow.
    """

    def wrapper(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not is_armed():
            return wrapped(*args, **kwargs)

        def hear(result: Any) -> None:
            given = _given(wrapped, args, kwargs)
            if given is not None:
                heard(instance, given, result)

        return _listened(wrapped, partial(swallow, f"{module}:{path}", hear))(*args, **kwargs)

    return Seam(module, path, wrapper, copied_to=copied_to)


class _Visit:
    """A run as its host tells it; it begins when its context is first asked for."""

    def __init__(
        self, place: str, opened: Callable[[], Run | None], ended: Callable[[Any], Ending | None] | None
    ) -> None:
        self._place, self._opened, self._ended = place, opened, ended
        self._context: Context | None = None
        self._run: Run | None = None

    @property
    def context(self) -> Context:
        if self._context is None:
            self._run = swallow(self._place, self._opened)
            self._context = otel.get_current() if self._run is None else self._run.context
        return self._context

    def returned(self, result: Any) -> None:
        if self._run is not None and self._ended is not None:
            swallow(self._place, _tell, self._run, self._ended, result)

    def end(self, error: BaseException | None = None) -> None:
        if self._run is not None:
            self._run.end(error)

    def collected(self, error: BaseException) -> None:
        if self._run is not None:
            self._run.collected(error)


_LATER: Final = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)


def _listened(function: Callable[..., Any], hear: Callable[[Any], object]) -> Callable[..., Any]:
    # The same kind of function, whose result is heard; what a generator yields is the host's alone.
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return function

    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        result = await function(*args, **kwargs)
        hear(result)
        return result

    def plain(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if inspect.iscoroutine(result):
            return named(_awaited(result, hear), result)
        if not (inspect.isgenerator(result) or inspect.isasyncgen(result)):
            hear(result)
        return result

    return update_wrapper(coroutine if inspect.iscoroutinefunction(function) else plain, function)


async def _awaited(coroutine: Any, hear: Callable[[Any], object]) -> Any:
    result = await coroutine
    hear(result)
    return result


def _begun(
    begun: Callable[[Any, Given], Beginning | None],
    function: Callable[..., Any],
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Run | None:
    arguments = _given(function, args, kwargs)
    told = None if arguments is None else begun(instance, arguments)
    if told is None:
        return None
    if told.kind not in ENTRY_KINDS:
        warn("A host says that a run is of a kind that is not one of %s.", ", ".join(sorted(ENTRY_KINDS)))
        return None
    names = {name: text_of(getattr(told, name)) for name in ("agent", "conversation", "provider", "model")}
    given = {name: word for name, word in names.items() if word is not None}
    given.setdefault("label", getattr(function, "__name__", told.kind))
    path = None if told.definition is None else os.path.abspath(os.fspath(told.definition))
    return open_run(EntryPoint(Kind(told.kind), text_of(told.name), path), given, _words(told.attributes))


def _given(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):
        # The call does not fit the function, which says so itself; or it is one of C without a signature.
        return None
    bound.apply_defaults()
    return dict(bound.arguments)


def _tell(run: Run, ended: Callable[[Any], Ending | None], result: Any) -> None:
    told = ended(result)
    if told is not None:
        run.tell(partial(_with_report, told, run.below), _words(told.attributes), _outcome_in(told))


def _outcome_in(told: Ending) -> Outcome | None:
    if told.outcome is None:
        return None
    try:
        cls = None if told.outcome_class is None else OutcomeClass(told.outcome_class)
        return Outcome(OutcomeKind(told.outcome), cls)
    except ValueError:
        # Without the words: a host may have taken a message for one.
        warn("A host tells an outcome that is not one of %s, or a class that is none.", ", ".join(OutcomeKind))
        return None


def _with_report(told: Ending, below: list[Dispatch], dispatch: Dispatch) -> Dispatch:
    reported = told.reported_provider
    if reported is None:
        return dispatch
    is_untrue = bool(below) and reported not in {one.provider for one in below}
    told_by_host = replace(dispatch, reported_provider=clean(reported))
    return told_by_host.differing(Mismatch.PROVIDER_REPORTED) if is_untrue else told_by_host


def _words(attributes: Mapping[str, Value]) -> dict[str, Value]:
    # First the name as it will be written: what is cleaned away must not hide a prefix that is ours.
    named = {clean(name): value for name, value in attributes.items() if _is_plain(value)}
    taken = sorted(name for name in named if name.startswith(_TAKEN))
    if taken:
        warn("A host's own attributes have a prefix of its own; left out: %s.", ", ".join(taken))
    kept = [name for name in named if name and name not in taken]
    if len(kept) > _MOST:
        warn("A host tells more than %s attributes of its own at once; the rest is left out.", _MOST)
    return {name: clean(value) if isinstance(value := named[name], str) else value for name in kept[:_MOST]}


def _is_plain(value: object) -> bool:
    is_whole = isinstance(value, int) and abs(value) <= MAX_INT
    return is_whole or isinstance(value, str) or (isinstance(value, float) and math.isfinite(value))
