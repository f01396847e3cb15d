"""How many there are of something, in words."""

from collections.abc import Sequence


def noun(count: int, what: str) -> str:
    """The word for *count* of *what*: the plural, unless there is one."""
    return what if count == 1 else f"{what}s"


def counted(count: int, what: str) -> str:
    """How many of *what* there are."""
    return f"{count:,} {noun(count, what)}"


def only_or_count(values: Sequence[str], what: str) -> str:
    """The only one of *values*, how many of *what* they are where there are more, "" where there is none."""
    return counted(len(values), what) if len(values) > 1 else "".join(values)
