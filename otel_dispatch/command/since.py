"""The moment that ``--since`` names: so long ago, or an instant."""

import re
import time
from argparse import ArgumentTypeError
from datetime import datetime
from typing import Final

FORMS: Final = "30s, 15m, 1h, 7d, or an instant such as 2026-11-21T14:00:00Z"

_AGO: Final = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
# `fromisoformat` takes much that RFC 3339 does not.
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def moment(word: str) -> float:
    """The moment that *word* names, in Unix seconds; raises `ArgumentTypeError` where it names none."""
    if ago := _AGO.fullmatch(word):
        return max(0.0, time.time() - int(ago[1]) * _SECONDS[ago[2]])
    try:
        if _INSTANT.fullmatch(word):
            return max(0.0, datetime.fromisoformat(word.upper()).timestamp())
    except (ValueError, OverflowError):
        pass
    raise ArgumentTypeError(f"{word!r} is no moment: {FORMS}")
