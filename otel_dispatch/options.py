"""What a command line says for an option, as programs of today's parsers take it."""

from collections.abc import Iterator, Sequence


def values_of(arguments: Sequence[str], *names: str) -> list[str]:
    """The values of the option *names*, in order: ``--name value``, ``--name=value``, ``-n value``."""
    return [value for name, value in _given(arguments) if name in names and value is not None]


def value_of(arguments: Sequence[str], *names: str) -> str | None:
    """The last value of the option *names*, or None."""
    return next(reversed(values_of(arguments, *names)), None)


def is_given(arguments: Sequence[str], *names: str) -> bool:
    """Whether one of the options *names* is there, with a value or without."""
    return any(name in names for name, _ in _given(arguments))


def _given(arguments: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    for place, word in enumerate(arguments):
        if word == "--":
            return
        if word.startswith("--") and "=" in word:
            name, _, value = word.partition("=")
            yield name, value
        elif word.startswith("-"):
            yield word, arguments[place + 1] if place + 1 < len(arguments) else None
