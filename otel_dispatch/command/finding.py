"""What ``doctor`` finds: one fact about this environment, and whether it is as the user wants it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Whether a fact is fine, worth knowing, or not as the user asked for it."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact: the part of the set-up it belongs to, what it is about, its state, and the fact in words."""

    part: str
    what: str
    state: State
    detail: str
