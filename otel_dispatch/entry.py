"""An entry point while it runs: its span, and the sums over everything dispatched below it."""

import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, TypeVar

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from . import aloft, context, outcome
from . import attributes as a
from .guard import succeeds, swallow
from .instruments import instruments
from .keeper import keeper
from .publish import publish
from .record import UNKNOWN_THINKING, Dispatch, Names, Outcome, Provenance, Requested
from .room import Room
from .tally import Tally
from .vocabulary import FAILED, Kind, Origin, OutcomeKind, ToolFormat, WireFormat, text_of
from .wording import span_name, words_of, words_of_outcome, words_of_rollup

T = TypeVar("T")

# What is read of an entry point's arguments, by name; nothing else of them is looked at.
_ARGUMENTS = {
    "model": "model",
    "provider": "provider",
    "skill": "skill",
    "skill_name": "skill",
    "recipe": "workflow",
    "recipe_name": "workflow",
    "workflow": "workflow",
    "step_name": "agent",
    "agent": "agent",
    "agent_name": "agent",
    "conversation_id": "conversation",
    "session_id": "conversation",
}
_LONGEST_NAME = 128
_SUBJECT = {Kind.FLEET_DISPATCH: "workflow", Kind.AGENT: "agent"}


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """What the user declared: the kind, and the name of what it runs where they gave one."""

    kind: Kind
    name: str | None = None

    @property
    def operation(self) -> str:
        """Semconv's operation: a fleet is a workflow, everything else an agent."""
        return "invoke_workflow" if self.kind is Kind.FLEET_DISPATCH else "invoke_agent"


class Run:
    """One run of an entry point; it ends once, whatever ends it."""

    def __init__(self, entry: EntryPoint, function: Callable[..., Any], given: dict[str, str]) -> None:
        tools = instruments()
        if tools is None:
            raise LookupError("nothing is set up")
        keeper.wake()
        frame = context.current()
        requested = context.requested_here(given.get("provider"), given.get("model"))
        self._tools, self._tally, self._room = tools, Tally(), Room()
        self._dispatch = Dispatch(
            entry.kind,
            entry.operation,
            requested=requested,
            primary=frame.known.primary,
            names=_names(entry, function, given),
        )
        self._start_ns, self._ended = time.time_ns(), False
        self.span = tools.tracer.start_span(
            span_name(self._dispatch),
            context=context.parent_context(),
            kind=SpanKind.INTERNAL,
            # What was asked for is told where it differs from what was resolved, which only the end knows.
            attributes=words_of(replace(self._dispatch, requested=Requested())),
            start_time=self._start_ns,
        )
        inner = replace(
            frame,
            requested=requested,
            room=self._room,
            tallies=(*frame.tallies, self._tally),
            in_flight=False,
        )
        self.context = context.with_frame(inner, trace.set_span_in_context(self.span))
        aloft.opened(self)

    def end(self, error: BaseException | None = None, end_ns: int = 0) -> None:
        """End it: as *error* says, else as the calls below agree, else served."""
        if self._ended:
            return
        self._ended = True
        aloft.closed(self)
        end_ns = end_ns or time.time_ns()
        succeeds(self._end, error, end_ns)
        if self.span.is_recording():
            # A fault of ours came before its end: what was known at the start stands.
            succeeds(self.span.end, end_ns)

    def _end(self, error: BaseException | None, end_ns: int) -> None:
        self._room.close()
        found = outcome.outcome_of_exception(error) if error is not None else _agreed_outcome(self._tally)
        rollup = self._tally.rollup()
        dispatch = _agreed(self._dispatch, self._tally)
        dispatch = replace(dispatch, outcome=_with_tokens(found, self._tally), rollup=rollup)
        words = {**words_of(dispatch), **words_of_outcome(dispatch.outcome or found), **words_of_rollup(rollup)}
        if found.kind in FAILED:
            by_error = error and outcome.error_type_of(found, error, None, None)
            words[a.ERROR_TYPE] = by_error or str(found.cls or found.kind)
            self.span.set_status(Status(StatusCode.ERROR))
        self.span.set_attributes(words)
        self.span.end(end_time=end_ns)
        self._tools.count(dispatch, found)
        self._tools.time_run(dispatch, found, (end_ns - self._start_ns) / 1e9)
        publish(self._tools, dispatch, words, self.span, self._start_ns, end_ns)
        keeper.nudge()

    def settle(self) -> None:
        """Do nothing: an entry is never held back."""

    def abandon(self) -> None:
        """End it because the process ends, or stops being observed."""
        self.end(GeneratorExit())

    def collected(self, error: BaseException) -> None:
        """End it as *error* says; what closes a generator may be a garbage collection."""
        keeper.aside(partial(self.end, error, time.time_ns()))


def begin(entry: EntryPoint, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run | None:
    """A run of *entry*, or None where nothing is set up or somebody asked for no spans."""
    if context.is_suppressed() or instruments() is None:
        return None
    return swallow("entry", lambda: Run(entry, function, _arguments(function, args, kwargs)))


def _arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, str]:
    owner = getattr(function, "__self__", None)
    plain = getattr(function, "__func__", function)
    try:
        bound = _signature(plain).bind_partial(*(args if owner is None else (owner, *args)), **kwargs)
    except TypeError:
        # The call does not fit the function, which is about to say so itself.
        return {}
    bound.apply_defaults()
    found: dict[str, str] = {}
    for name, meaning in _ARGUMENTS.items():
        value = bound.arguments.get(name)
        # A prompt that hides behind such a name is longer than a name, or has lines.
        if isinstance(value, str) and len(value) <= _LONGEST_NAME and "\n" not in value and text_of(value):
            found.setdefault(meaning, str(text_of(value)))
    return found


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return _hashed_signature(function)
    except TypeError:
        return inspect.signature(function)


@lru_cache(256)
def _hashed_signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except ValueError:
        # A callable written in C may have none.
        return inspect.Signature(
            [
                inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
                inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
            ]
        )


def _names(entry: EntryPoint, function: Callable[..., Any], given: dict[str, str]) -> Names:
    names = {name: given.get(name) for name in ("agent", "skill", "workflow", "conversation")}
    subject = _SUBJECT.get(entry.kind, "skill")
    names[subject] = text_of(entry.name) or names[subject]
    label = names[subject] or names["agent"] or text_of(getattr(function, "__name__", None))
    return Names(**names, label=label)


def _agreed(dispatch: Dispatch, tally: Tally) -> Dispatch:
    below = tally.dispatches
    if not below:
        return dispatch
    return replace(
        dispatch,
        provider=_one({d.provider for d in below}, "unknown"),
        model=_one({d.model for d in below}, "unknown"),
        wire_format=_one({d.wire_format for d in below}, WireFormat.UNKNOWN),
        thinking=_one({d.thinking for d in below}, UNKNOWN_THINKING),
        tool_format=_one({d.tool_format for d in below}, ToolFormat.UNKNOWN),
        base_url_host=_one({d.base_url_host for d in below}, ""),
        provenance=_one_provenance([d.provenance for d in below]),
        mismatch=tuple(sorted(set().union(*(d.mismatch for d in below)))),
    )


def _one_provenance(origins: list[Provenance]) -> Provenance:
    names = ("provider", "model", "wire_format", "thinking", "tool_format")
    return Provenance(*(_one({getattr(o, name) for o in origins}, Origin.UNKNOWN) for name in names))


def _one(values: set[T], otherwise: T) -> T:
    return next(iter(values)) if len(values) == 1 else otherwise


def _agreed_outcome(tally: Tally) -> Outcome:
    found = tally.outcomes
    if len(found) == 1 and (only := next(iter(found))).kind in FAILED:
        return only
    return Outcome(OutcomeKind.SERVED)


def _with_tokens(found: Outcome, tally: Tally) -> Outcome:
    return replace(found, completion_tokens=tally.tokens) if tally.all_tokens else found
