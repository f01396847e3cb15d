"""What lionagi's words and errors say of the end of a run, a step or a call."""

from typing import Any, Final

from .outcome import failure, outcome_of_exception
from .record import Outcome
from .vocabulary import OutcomeClass, OutcomeKind

REFUSED: Final = Outcome(OutcomeKind.REFUSED)
# A run tells its end by a word, an engine's by the exit code of the command line. That it failed says not why.
_ENDS: Final = (
    (failure(OutcomeClass.TIMEOUT), ("timed_out", 124)),
    (failure(OutcomeClass.CANCELLED), ("aborted", 130, "cancelled", 143)),
)
_FAILED: Final = ("failed", 1)
_OUTCOMES: Final[dict[Any, Outcome]] = {word: found for found, words in _ENDS for word in words}
_DEEPEST_CAUSE: Final = 16
_WORD_AT: Final = {"agent": 3, "flow": 1, "play": 1, "fanout": 1}
_REFUSALS: Final = frozenset(
    {
        "AgentProfileNotFoundError",
        "CircuitBreakerOpenError",
        "ConfigurationError",
        "ContextFromError",
        "InputTokenCapError",
        "McpConfigError",
        "NestedAgentRefusedError",
        "SubagentAdmissionRefusedError",
    }
)


def outcome_of_result(command: str, result: Any, latest: Outcome | None) -> Outcome | None:
    """What a run's result says of its end: of one that failed, what its *latest* call came to; None if nothing."""
    if isinstance(result, tuple):
        index = _WORD_AT.get(command, 0)
        result = result[index] if index < len(result) else None
    if not isinstance(result, str | int) or isinstance(result, bool):
        return None
    return latest if result in _FAILED else _OUTCOMES.get(result)


def is_refusal(error: BaseException) -> bool:
    """Whether *error*, or what it was raised from, refuses before anything is sent."""
    cause: BaseException | None = error
    # Some versions raise an error from itself.
    for _ in range(_DEEPEST_CAUSE):
        if cause is None or type(cause).__name__ in _REFUSALS:
            break
        cause = cause.__cause__
    return type(cause).__name__ in _REFUSALS


def says_nothing(error: BaseException) -> bool:
    """Whether the type of *error* tells no class of failure."""
    return outcome_of_exception(error).cls is OutcomeClass.UNKNOWN
