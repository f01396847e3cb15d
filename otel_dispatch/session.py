"""The nouns of a launch: what an agent program is asked for, and what has been heard of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from .record import Reply, Request, Requested
from .vocabulary import Field, OutcomeClass, text_of

_WINDOW: Final = re.compile(r"\[\d+m\]$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a program is set up with beside its environment: by files, and by settings on its command line.

    ``is_whole`` says that all of them could be read.
    """

    of_files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    of_line: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    is_whole: bool = True


UNSET: Final = Settings()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command line and its environment ask an agent program for.

    ``host`` and ``port`` are those of the base URL, "" where it is not known; ``provider`` is who answers there, where
    something else than the host says so; ``requested`` holds the alias or profile that was named. ``alias`` is the
    family of models that the program itself turns into a model. ``variables`` names the variable of the environment
    that decided a field, ``defaults`` the fields that the program decides, ``pinned`` those that a file of its settings
    decided; any other field was decided on the command line. ``is_told`` says that stdout will be records we read,
    ``prompt`` that the prompt is among the arguments.
    """

    request: Request
    host: str = ""
    port: int | None = None
    provider: str | None = None
    requested: Requested = Requested()
    alias: str | None = None
    variables: Mapping[Field, str] = field(default_factory=lambda: MappingProxyType({}))
    defaults: frozenset[Field] = frozenset()
    pinned: frozenset[Field] = frozenset()
    conversation: str | None = None
    is_told: bool = False
    prompt: bool = False


@dataclass(slots=True)
class Heard(Reply):
    """What an agent program has said so far; its dialect writes it record by record.

    ``resolved`` is the model that the program settled on; ``cause`` is why it says that it stopped, where that is no
    provider's error; ``over_limit`` that the account's limit is used up; ``records`` counts what was understood.
    """

    resolved: str | None = None
    conversation: str | None = None
    cause: OutcomeClass | None = None
    over_limit: bool = False
    records: int = 0


def named(model: object) -> str | None:
    """The id of a *model*, without the size of its window (``[1m]``), which Claude Code adds."""
    word = text_of(model)
    return None if word is None else _WINDOW.sub("", word)
