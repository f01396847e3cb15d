"""What came of a launch: by what the program itself reported, then by how it ended; never by message text."""

import signal
from typing import Final

from .outcome import ABANDONED, failure, outcome_of_reply
from .record import Outcome
from .session import Heard
from .vocabulary import OutcomeClass, OutcomeKind

_NEVER_RAN: Final = (126, 127)
"""What a shell answers for a program that cannot be executed, or is not there."""


def _numbers(*names: str) -> frozenset[int]:
    return frozenset(int(number) for name in names if (number := getattr(signal, name, None)) is not None)


# Whoever sends these asks the program to end. A SIGKILL that we did not see sent may be the kernel's, out of memory.
_POLITE: Final = _numbers("SIGINT", "SIGTERM", "SIGHUP")

ENDING: Final = _POLITE | _numbers("SIGKILL", "SIGQUIT", "SIGABRT", "CTRL_C_EVENT", "CTRL_BREAK_EVENT")
"""The signals by which a launcher ends a program."""


def outcome_of_launch(heard: Heard, code: int | None, stopped: OutcomeClass | None, retries: int = 0) -> Outcome:
    """The outcome of a launch that left with the exit *code*, and that its launcher *stopped* for a reason.

    A result that the program reported stands, whatever happened to the process after it.
    """
    if heard.failed:
        return _failure_in(heard)
    if heard.done:
        return outcome_of_reply(heard, retries) if heard.cause is None else _partial(failure(heard.cause), heard)
    if stopped is not None:
        return _partial(failure(stopped), heard)
    if code in _NEVER_RAN and not heard.records:
        return Outcome(OutcomeKind.REFUSED)
    if code is None:
        return _partial(ABANDONED, heard)
    if _signal_in(code) in _POLITE:
        return _partial(failure(OutcomeClass.CANCELLED), heard)
    if code:
        return _failure_in(heard)
    if not heard.records:
        heard.unread = True
    return outcome_of_reply(heard, retries)


def _failure_in(heard: Heard) -> Outcome:
    if heard.cause is not None:
        return failure(heard.cause)
    heard.failed = True
    return outcome_of_reply(heard)


def _partial(found: Outcome, heard: Heard) -> Outcome:
    return Outcome(found.kind, found.cls, heard.usage.output, heard.content_len or None)


def _signal_in(code: int) -> int:
    # A shell, and script(1), turn the signal that ended a program into 128 and its number.
    return -code if code < 0 else code - 128 if code > 128 else 0
