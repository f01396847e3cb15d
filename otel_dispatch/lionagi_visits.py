"""lionagi's runs, steps and calls while they go on: where each is, what was sent in it, and how it ended."""

import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import partial, update_wrapper
from types import MappingProxyType
from typing import Any, Final

from opentelemetry import context as otel
from opentelemetry.context import Context

from . import context
from .drive import along
from .entry import Run
from .guard import guarded, swallow
from .lionagi_ends import REFUSED, is_refusal, outcome_of_result, says_nothing
from .lionagi_layers import Chosen, Command, declared_of, requested_of
from .lionagi_notes import Beside, Place, chosen_for, described, place, run_id, spec_of
from .outcome import ABANDONED, outcome_of_exception
from .record import Outcome, Requested
from .tally import Tally, agreed_outcome
from .vocabulary import FAILED

Call = Callable[..., Any]

_asked: Final[Beside[tuple[Context, Tally]]] = Beside()
_WAITING: Final = frozenset({"pending", "processing"})


class Passage:
    """A call of lionagi's that is made in a context of ours."""

    def __init__(self, enter: Callable[[], Context]) -> None:
        self._enter = enter
        self._context: Context | None = None

    @property
    def context(self) -> Context:
        """The context that the call is made in; after a fault of ours, the one it was in."""
        if self._context is None:
            self._context = swallow("lionagi.enter", self._enter) or otel.get_current()
        return self._context

    def returned(self, result: Any) -> None:
        """Hear what it gave back."""

    def end(self, error: BaseException | None = None) -> None:
        """Hear that it has come to its end, or raised *error*."""

    def collected(self, error: BaseException) -> None:
        """Hear that its generator was closed."""


class Noting(Passage):
    """A call whose result is noted by *note*."""

    def __init__(self, note: Callable[[Any], None]) -> None:
        super().__init__(otel.get_current)
        self._note = note

    def returned(self, result: Any) -> None:
        """Note what it gave back."""
        swallow("lionagi.note", self._note, result)


class Visit(Passage):
    """A run of the command line, or a step of a branch, with a span of its own."""

    def __init__(self, opened: Callable[["Visit"], Context], of: Command | None, branch: Any = None) -> None:
        super().__init__(lambda: opened(self))
        self.command, self._branch = of, None if branch is None else weakref.ref(branch)
        self.run: Run | None = None
        self.tally = Tally()
        self.found: Outcome | None = None
        self.has_ended = False

    @property
    def branch(self) -> Any:
        """The branch that it is a step of, as long as that lives."""
        return None if self._branch is None else self._branch()

    @guarded
    def returned(self, result: Any) -> None:
        """Hear what the run gave back; a step's result is its reader's."""
        if self._branch is None and self.command is not None:
            self.found = outcome_of_result(self.command.name, result, self.found)

    def end(self, error: BaseException | None = None) -> None:
        """End its span: as *error* says, else as lionagi does, else as the calls in it agree."""
        self.has_ended = True
        if self.run is not None:
            found = swallow("lionagi.end", self._judged, error)
            swallow("lionagi.tell", self._tell, self.run, found)
            self.run.end(error if found is None else None)

    def collected(self, error: BaseException) -> None:
        """End its span, as its generator was closed."""
        self.has_ended = True
        if self.run is not None:
            self.run.collected(error)

    def _tell(self, run: Run, found: Outcome | None) -> None:
        run.tell(found=found)
        if self._branch is None and self.command is not None:
            run.tell(partial(described, self.command), {"lionagi.run_id": known} if (known := run_id()) else None)

    def _judged(self, error: BaseException | None) -> Outcome | None:
        if error is None:
            return self.found
        if not says_nothing(error):
            return None
        agreed = agreed_outcome(self.tally)
        if agreed.kind in FAILED:
            return agreed
        # A command that has sent nothing has asked nobody who could have failed it.
        is_unsent = self._branch is None and not self.tally.calls
        return self.found or (REFUSED if is_unsent or is_refusal(error) else None)


class Asking(Passage):
    """A call of a model, asked for here and sent perhaps by somebody else's task."""

    def __init__(self, model: Any) -> None:
        super().__init__(self._asked)
        self._model, self._place, self.tally = model, Place(), Tally()

    def _asked(self) -> Context:
        self._place = place()
        frame = context.current()
        chosen = chosen_for(self._model, self._place)
        if chosen is not None:
            frame = replace(frame, known=replace(frame.known, declared=self._declared(chosen, frame.known)))
            frame = replace(frame, requested=requested_of(spec_of(chosen, self._place), self._model.is_cli))
        elif self._place.run is not None:
            frame = replace(frame, requested=Requested())
        return context.with_frame(replace(frame, tallies=(*frame.tallies, self.tally)))

    def _declared(self, chosen: Chosen, known: Any) -> Any:
        ours = declared_of(chosen, self._model)
        if self._place.run is not None:
            return MappingProxyType({**known.declared, **ours})
        # A library's default yields to what its user declares, and may be what an escalation fell through to.
        return known.declared if known.escalating else MappingProxyType({**ours, **known.declared})

    def send(self, call: Any) -> None:
        """Note that *call*, made elsewhere, is sent for this asking."""
        _asked.put(call, (self.context, self.tally))

    @guarded
    def returned(self, result: Any) -> None:
        """Hear of a call that failed without a sound, or that nobody waits for any longer."""
        status = str(getattr(result.status, "value", result.status))
        error = result.execution.error
        if status == "failed" and isinstance(error, BaseException):
            self._note(self._outcome_of(error))
        else:
            self._note(ABANDONED if status in _WAITING else None)

    @guarded
    def end(self, error: BaseException | None = None) -> None:
        """Hear of a call that could not be made."""
        if error is not None:
            self._note(self._outcome_of(error))

    def _outcome_of(self, error: BaseException) -> Outcome | None:
        if self.tally.calls:
            return None
        if is_refusal(error) or (says_nothing(error) and not self._model.is_cli):
            return REFUSED
        return outcome_of_exception(error)

    def _note(self, found: Outcome | None) -> None:
        for visit in (self._place.step, self._place.run):
            if visit is not None:
                visit.found = found


def hear(one: Passage, wrapped: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call *wrapped*, which makes a coroutine, with *one* along, which hears what it gives back."""
    return along(one, update_wrapper(partial(_heard, one, wrapped), wrapped), args, kwargs)


async def _heard(one: Passage, wrapped: Call, *args: Any, **kwargs: Any) -> Any:
    result = await wrapped(*args, **kwargs)
    one.returned(result)
    return result


def note_event(_: Any, __: Any, call: Any) -> None:
    """Note where a call is made: that is where it is asked for, wherever it is sent from."""
    tallies = context.current().tallies
    if tallies:
        _asked.put(call, (otel.get_current(), tallies[-1]))


def asked_from(call: Any) -> Context | None:
    """The context that *call* was asked for in, where it is not about to be sent in that very one."""
    found = _asked.get(call)
    return None if found is None or any(one is found[1] for one in context.current().tallies) else found[0]
