"""The ways in which a call of the soak goes, well or badly; the model that it asks for names the way."""

import random
from typing import Final

PATH: Final = "/v1/chat/completions"

SHARES: Final = {
    "whole": 34,
    "stream": 24,
    "slow": 8,
    "refuse": 6,
    "drop": 5,
    "reset": 5,
    "cut": 5,
    "garbage": 3,
    "cancel": 4,
    "leave": 3,
    "forget": 3,
}
"""How many calls in a hundred go which way."""

BY_THE_HOST: Final = frozenset({"cancel", "leave", "forget"})
"""The ways in which it is the host that breaks off; the provider would have streamed without end."""

TIMED: Final = "whole"
"""The way whose calls are timed: all that it waits for is work, and the model."""

THINKS: Final = 0.3
"""Seconds until a call that is timed is answered: as long as the quickest models take."""

OUTCOMES: Final = {
    "whole": {"served"},
    "stream": {"served"},
    "slow": {"served"},
    "refuse": {"usage_limit"},
    "drop": {"provider_error"},
    "reset": {"provider_error"},
    "cut": {"provider_error"},
    "garbage": {"provider_error"},
    "cancel": {"cancelled"},
    "leave": {"cancelled"},
    "forget": {"cancelled"},
}
"""What may be told of a call that goes this way."""


def way_of(chance: random.Random) -> str:
    """A way, by its share."""
    return chance.choices(list(SHARES), list(SHARES.values()))[0]


def body_of(way: str) -> bytes:
    """What a call that is to go this *way* sends."""
    return b'{"model":"%s","stream":%s,"messages":[{"role":"user","content":"hi"}]}' % (
        way.encode(),
        b"false" if way == TIMED else b"true",
    )
