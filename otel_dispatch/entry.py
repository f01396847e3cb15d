"""An entry point while it runs: its span, and the sums over everything dispatched below it."""

import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode

from . import aloft, context, outcome
from . import attributes as a
from .definition import hash_now
from .guard import succeeds, swallow
from .instruments import instruments
from .keeper import keeper
from .publish import publish
from .record import Dispatch, Names, Outcome, Requested
from .room import Room
from .tally import Tally, agreed, agreed_outcome, with_tokens
from .vocabulary import FAILED, Kind, tag_of, text_of
from .wording import Words, span_name, words_of, words_of_outcome, words_of_rollup

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
_SUBJECT = {Kind.FLEET_DISPATCH: "workflow", Kind.AGENT: "agent"}


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """What the user declared: the kind, and the name and the defining file of what it runs where they gave them."""

    kind: Kind
    name: str | None = None
    definition: str | None = None

    @property
    def operation(self) -> str:
        """Semconv's operation: a fleet is a workflow, everything else an agent."""
        return "invoke_workflow" if self.kind is Kind.FLEET_DISPATCH else "invoke_agent"


class Run:
    """One run of an entry point; it ends once, whatever ends it."""

    def __init__(
        self,
        entry: EntryPoint,
        function: Callable[..., Any] | None,
        given: dict[str, str],
        words: Words | None = None,
        parent: Context | None = None,
    ) -> None:
        tools = instruments()
        if tools is None:
            raise LookupError("nothing is set up")
        keeper.wake()
        frame = context.current()
        requested = context.requested_here(given.get("provider"), given.get("model"))
        self._tools, self._tally, self._room, self._above = tools, Tally(), Room(), frame.tallies
        self._dispatch = Dispatch(
            entry.kind,
            entry.operation,
            requested=requested,
            primary=frame.known.primary,
            names=_names(entry, function, given),
            definition_hash=hash_now(entry.definition),
            definition=entry.definition,
        )
        self._words: Words = words or {}
        self._found: Outcome | None = None
        self._start_ns, self._ended = time.time_ns(), False
        self.span = tools.tracer.start_span(
            span_name(self._dispatch),
            context=context.parent_context() if parent is None else parent,
            kind=SpanKind.INTERNAL,
            # What was asked for is told where it differs from what was resolved, which only the end knows.
            attributes={**words_of(replace(self._dispatch, requested=Requested())), **self._words},
            start_time=self._start_ns,
        )
        self._tally.span_id = self.span.get_span_context().span_id
        inner = replace(
            frame,
            requested=requested,
            room=self._room,
            tallies=(*frame.tallies, self._tally),
            in_flight=False,
        )
        self.context = context.with_frame(inner, trace.set_span_in_context(self.span))
        aloft.opened(self)

    @property
    def below(self) -> list[Dispatch]:
        """The records of what was dispatched below it so far, each once."""
        return list(self._tally.dispatches)

    def tell(
        self,
        change: Callable[[Dispatch], Dispatch] | None = None,
        words: Words | None = None,
        found: Outcome | None = None,
    ) -> None:
        """Note what only its host can say: a change of the record, attributes of the host's own, what came back."""
        self._dispatch = self._dispatch if change is None else change(self._dispatch)
        self._words = {**self._words, **(words or {})}
        self._found = found or self._found

    def end(self, error: BaseException | None = None, end_ns: int = 0) -> None:
        """End it: as *error* says, else as the calls below agree, else served."""
        if self._ended:
            return
        self._ended = True
        if not aloft.closed(self):
            return
        end_ns = end_ns or time.time_ns()
        succeeds(self._end, error, end_ns)
        if self.span.is_recording():
            # A fault of ours came before its end: what was known at the start stands.
            succeeds(self.span.end, end_ns)

    def _end(self, error: BaseException | None, end_ns: int) -> None:
        self._room.close()
        found = self._found or (agreed_outcome(self._tally) if error is None else outcome.outcome_of_exception(error))
        rollup = self._tally.rollup()
        dispatch = agreed(self._dispatch, self._tally)
        dispatch = replace(dispatch, outcome=with_tokens(found, self._tally), rollup=rollup)
        words = {**words_of(dispatch), **words_of_outcome(dispatch.outcome or found), **words_of_rollup(rollup)}
        words.update(self._words)
        if found.kind in FAILED:
            by_error = error and outcome.error_type_of(found, error, None, None)
            words[a.ERROR_TYPE] = by_error or str(found.cls or found.kind)
            self.span.set_status(Status(StatusCode.ERROR))
        self.span.set_attributes(words)
        self.span.end(end_time=end_ns)
        self._tools.count(dispatch, found)
        self._tools.time_run(dispatch, found, (end_ns - self._start_ns) / 1e9)
        publish(self._tools, dispatch, words, self.span, self._start_ns, end_ns, self._above)
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


def open_run(
    entry: EntryPoint, given: dict[str, str], words: Words | None = None, parent: Context | None = None
) -> Run | None:
    """A run of *entry* whose host says itself what was *given*; None where nobody is to hear of it.

    *words* are attributes of the host's own, *parent* is where the run belongs if that is not here.
    """
    if context.is_suppressed() or instruments() is None:
        return None
    return swallow("entry", lambda: Run(entry, None, given, words, parent))


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
        if (tag := tag_of(bound.arguments.get(name))) is not None:
            found.setdefault(meaning, tag)
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


def _names(entry: EntryPoint, function: Callable[..., Any] | None, given: dict[str, str]) -> Names:
    names = {name: given.get(name) for name in ("agent", "skill", "workflow", "conversation")}
    subject = _SUBJECT.get(entry.kind, "skill")
    names[subject] = text_of(entry.name) or names[subject]
    label = names[subject] or names["agent"] or text_of(given.get("label", getattr(function, "__name__", entry.kind)))
    return Names(**names, label=label)
