"""What makes a foreign text fit to be written anywhere: bounded, in one line, and without control characters."""

from typing import Final

LIMIT: Final = 256
"""The most characters a value of ours has: Elasticsearch does not index a longer keyword."""

LINE: Final = 4096
"""The most characters of a path, or of a sentence for the user, that is written to a log or a terminal."""


def clean(value: str, most: int = LIMIT) -> str:
    """*value* fit for a backend: at most *most* characters, no control characters, no lone surrogates."""
    if len(value) <= most and value.isprintable():
        return value
    return "".join(c if c.isprintable() else " " for c in value[:most]).strip()
