"""What an audit fails on, and what it shows besides."""

from argparse import ArgumentTypeError
from dataclasses import dataclass
from typing import Final

from ..vocabulary import Mismatch, Origin, OutcomeClass, OutcomeKind
from .sighting import MISMATCH, Found

KNOWN: Final = tuple(
    dict.fromkeys(str(word) for word in (Origin.INHERITED, MISMATCH, *OutcomeKind, *OutcomeClass, *Mismatch))
)
"""The words that an audit can fail on."""

USUAL: Final = f"{Origin.INHERITED},{OutcomeKind.EMPTY_TERMINAL},{MISMATCH}"

_WELL: Final = frozenset({str(OutcomeKind.SERVED), str(OutcomeKind.SUPERSEDED)})


@dataclass(frozen=True, slots=True)
class Watch:
    """The words that make an audit fail."""

    words: frozenset[str]

    def fails(self, found: Found) -> bool:
        """Whether *found* makes the audit fail."""
        return found.word in self.words or found.detail in self.words

    def shows(self, found: Found) -> bool:
        """Whether *found* is told of: all but what went well, unless that is watched for."""
        return found.word not in _WELL or self.fails(found)


def watch(words: str) -> Watch:
    """The watch for *words*, joined with commas; raises `ArgumentTypeError` where one is unknown."""
    named = [word.strip() for word in words.split(",")]
    if unknown := [word for word in named if word not in KNOWN]:
        raise ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(KNOWN)}")
    return Watch(frozenset(named))
