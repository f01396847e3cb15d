"""A visit to AutoSkillit: one entry while it runs, and what came of it as its sessions and its answer tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from . import attributes as a
from . import autoskillit_words as said
from .autoskillit_layers import Session
from .entry import Run
from .outcome import outcome_of_exception
from .record import Outcome
from .vocabulary import Kind, OutcomeKind

# No agent program was started, so no model was asked.
_NEVER_BEGUN: Final = Outcome(OutcomeKind.REFUSED)


@dataclass(slots=True)
class Visit:
    """One entry while it runs: a call of a tool, or a session that no tool of ours waits for."""

    run: Run
    kind: Kind
    arguments: Mapping[str, Any] = field(default_factory=dict)
    is_left: bool = False
    sessions: int = 0
    error: BaseException | None = None

    def note_result(self, session: Session | None, result: Any) -> None:
        """Note the *result* of a session of it."""
        below = self.run.below
        found = None if below or getattr(result, "success", False) else _NEVER_BEGUN
        self.run.tell(partial(said.with_result, session, result, below), said.words_of_result(result), found)

    def note_denial(self, error: BaseException) -> None:
        """Note the *error* by which its tool was denied."""
        self.run.tell(found=self._outcome_of(error))

    def note_answer(self, result: Any) -> None:
        """Note the *result* that its tool gives."""
        if self.error is not None:
            # A tool never raises: what stopped its session arrives as an answer like any other.
            self.run.tell(found=self._outcome_of(self.error))
        elif not self.sessions:
            answer = said.answer_in(result)
            words = {} if answer.word is None else {a.AUTOSKILLIT_SUBTYPE: answer.word}
            self.run.tell(words=words, found=None if answer.success else _NEVER_BEGUN)

    def _outcome_of(self, error: BaseException) -> Outcome:
        found = outcome_of_exception(error)
        return found if self.run.below or found.kind is OutcomeKind.CANCELLED else _NEVER_BEGUN
