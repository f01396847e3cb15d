"""A launch of an agent program: what it is asked for, its child's environment, what it says, and how it ends."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opentelemetry.context import Context

from . import attributes as a
from . import baton, context, outcome
from .argv import program_in
from .context import Frame
from .departure import Told
from .emit import Flight
from .environment import held
from .foreign import foreign_inference
from .guard import succeeds, swallow
from .instruments import Instruments, instruments, is_armed
from .keeper import keeper
from .launch_record import settled, told_of_launch
from .record import Outcome
from .session import UNSET, Asked, Heard
from .verdict import outcome_of_launch
from .vocabulary import FAILED, OutcomeClass, OutcomeKind
from .wording import Words, words_of_change, words_of_outcome, words_of_reply

CHILD: Final = "DISPATCH_OTEL_CHILD"
"""Where it is 1, our own settings are handed on to the child, also where its launcher gives it another environment."""

LIMIT: Final = 16 * 1024 * 1024
"""The most bytes of one line of stdout that are kept to be read; a longer line is passed over."""

_OURS: Final = "DISPATCH_OTEL"
_YES: Final = frozenset({"1", "true", "yes", "on"})


class Launch(Flight):
    """One run of an agent program, from its start to its exit; no method raises, and it ends once.

    ``env`` is what the child is to get. While it is started, `enter` keeps every layer below silent; `hear` takes its
    stdout as it passes, or afterwards; `exited`, `fail` and `abandon` end it.
    """

    def __init__(
        self, tools: Instruments, now: Context, frame: Frame, asked: Asked, told: Told, body: bytes, lines: Any
    ) -> None:
        super().__init__(tools, now, frame, asked.request, told, body)
        self.reply = self._heard = Heard()
        self.env: dict[str, str] = {}
        self._asked, self._event, self._rest = asked, lines, b""
        self._is_passing_over = False
        self._code: int | None = None
        self._stopped: OutcomeClass | None = None
        self._error: BaseException | None = None

    def hear(self, chunk: bytes | str) -> None:
        """Hear a piece of stdout."""
        if self._asked.is_told and not succeeds(self._hear, chunk):
            self._heard.unread = True

    def left(self, code: int | None) -> None:
        """Note the exit code, where stdout may still be on its way."""
        if self._code is None:
            self._code = code

    def exited(self, code: int | None) -> None:
        """End it: the program has left with *code*, or nobody knows with which."""
        self.left(code)
        self._surely(self._arrive)

    def stop(self, reason: OutcomeClass = OutcomeClass.CANCELLED) -> None:
        """Note that the launcher ends the program, and why; the first reason stands."""
        self._stopped = self._stopped or reason

    def abandon(self) -> None:
        """End it because nobody listens any more; what was reported, or an exit code, still says how it went."""
        is_known = self._heard.done or self._heard.failed or self._code is not None or self._stopped is not None
        self._surely(*((self._arrive,) if is_known else (self._stop, outcome.ABANDONED)))

    @property
    def is_told(self) -> bool:
        """Whether stdout is worth hearing."""
        return self._asked.is_told

    def _hear(self, chunk: bytes | str) -> None:
        data = chunk.encode("utf-8", "surrogatepass") if isinstance(chunk, str) else bytes(chunk)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if self._is_passing_over:
                self._is_passing_over = False
            elif line := line.strip():
                self._event(line, self._heard)
        if len(self._rest) > LIMIT:
            self._is_passing_over, self._rest = True, b""

    def _arrive(self) -> None:
        rest, self._rest = self._rest.strip(), b""
        if rest and not self._is_passing_over:
            self.read(self._event, rest)
        self._heard.unread |= not self._asked.is_told
        found = outcome_of_launch(self._heard, self._code, self._stopped, self.empty_retries)
        self._error_type = self._type_of(found, None)
        self._end(found)

    def _fail(self, error: BaseException) -> None:
        if self._heard.done or self._heard.failed:
            self._arrive()
            return
        found = self._outcome_of(error)
        self._error_type = self._type_of(found, error)
        self._end(found)

    def _outcome_of(self, error: BaseException) -> Outcome:
        if type(error).__name__ == "TimeoutExpired":
            return outcome.failure(OutcomeClass.TIMEOUT)
        never_ran = isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError)
        if never_ran and self._code is None and not self._heard.records:
            return Outcome(OutcomeKind.REFUSED)
        return outcome.outcome_of_exception(error)

    def _type_of(self, found: Outcome, error: BaseException | None) -> str | None:
        if found.kind not in (*FAILED, OutcomeKind.REFUSED) or found.kind is OutcomeKind.EMPTY_TERMINAL:
            return None
        heard = self._heard
        said = outcome.error_type_of(found, error, heard.status, heard.code)
        # Nothing was said: then the exit code says most.
        return str(self._code) if self._code and error is None and said in ("unknown", found.kind) else said

    def _final_words(self, found: Outcome) -> Words:
        words = words_of_reply(self._heard)
        self.dispatch = settled(self._departed, self._asked, self._heard)
        if self.dispatch is not self._departed:
            words.update(words_of_change(self._departed, self.dispatch))
            words[a.REQUEST_MODEL] = self.dispatch.model
        words.update(words_of_outcome(found))
        told = {
            a.CONVERSATION_ID: self._heard.conversation or self._asked.conversation,
            a.PROCESS_EXIT_CODE: self._code,
            a.ERROR_TYPE: str(found.kind) if found.kind is OutcomeKind.EMPTY_TERMINAL else self._error_type,
        }
        words.update((name, value) for name, value in told.items() if value is not None)
        return words


def begin(
    argv: Sequence[str] | str, env: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] | None = None
) -> Launch | None:
    """A launch of the program that *argv* starts, a list or a line for the shell, with the environment *env* in *cwd*.

    None where that is no agent program or no session of it (``--version``), where nothing is set up, where somebody
    asked for no spans, or where an outer layer observes this launch already. Without *env* the child gets ours.
    """
    return swallow("launch", _begin, argv, env, cwd) if is_armed() else None


def _begin(
    argv: Sequence[str] | str, env: Mapping[str, str] | None, cwd: str | os.PathLike[str] | None
) -> Launch | None:
    program = program_in(argv)
    if program is None:
        return None
    now = context.here()
    frame = context.current(now)
    if frame.in_flight or (context.is_suppressed(now) and foreign_inference(now, "") is None):
        return None
    given: Mapping[str, str] = os.environ if env is None else env
    seen = {os.fsdecode(name): os.fsdecode(value) for name, value in given.items()} | dict(program.assigned)
    there = os.path.join(os.getcwd(), os.fsdecode(cwd or ""))
    settings = swallow("launch.settings", program.cli.settings, program.arguments, seen, there)
    asked = program.cli.request(program.arguments, seen, settings or UNSET)
    tools = instruments() if asked is not None else None
    if asked is None or tools is None:
        return None
    keeper.wake()
    launch = Launch(
        tools, now, frame, asked, told_of_launch(program, asked, seen, frame), _body(argv, asked), program.cli.event
    )
    launch.env = dict(given)
    launch.env = swallow("launch.env", _handed_on, given, launch) or launch.env
    return launch


def _body(argv: Sequence[str] | str, asked: Asked) -> bytes:
    # A prompt that comes through stdin is not seen: then no two launches are known to be the same.
    if not asked.prompt:
        return b"%d" % time.time_ns()
    return os.fsencode(argv) if isinstance(argv, str) else b"\0".join(map(os.fsencode, argv))


def _handed_on(env: Mapping[str, str], launch: Launch) -> dict[str, str]:
    handed = baton.hand_on(env, launch.span)
    if held(CHILD).strip().lower() in _YES:
        for name, value in os.environ.items():
            if name.startswith(_OURS) and name != baton.SCOPE_VARIABLE:
                handed.setdefault(name, value)
    return handed
