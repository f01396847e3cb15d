"""The names that a PromQL expression uses, read without evaluating it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TEXT = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`"
_MATCHER = re.compile(rf"(\w+)\s*(?:=~|!~|!=|=)\s*({_TEXT})")
_SELECTOR = re.compile(rf"([a-zA-Z_:][\w:]*)?\s*\{{((?:{_TEXT}|[^}}\"'`])*)\}}")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_NAME = re.compile(r"(?<![\w:])((?:traces_|dispatch[_:]|gen_ai_)[\w:]*)")


@dataclass(frozen=True, slots=True)
class Selector:
    """One ``name{label="value"}``; without a name of its own it has the pattern of its ``__name__``."""

    name: str
    labels: dict[str, str]

    @property
    def is_pattern(self) -> bool:
        """Whether the name is a regular expression."""
        return "__name__" in self.labels

    def chooses(self, metric: str) -> bool:
        """Return whether the selector takes series of this metric."""
        if self.is_pattern:
            return re.fullmatch(self.labels["__name__"], metric) is not None
        return self.name == metric


def selectors(expression: str) -> list[Selector]:
    """Return every selector of an expression, those without braces included."""
    found = [
        Selector(match[1] or "", {label: value[1:-1] for label, value in _MATCHER.findall(match[2])})
        for match in _SELECTOR.finditer(expression)
    ]
    rest = _GROUPING.sub(" ", _SELECTOR.sub(" ", expression))
    return found + [Selector(name, {}) for name in _NAME.findall(re.sub(_TEXT, " ", rest))]


def grouped_by(expression: str) -> set[str]:
    """Return the labels in every grouping and matching clause of an expression."""
    bare = re.sub(_TEXT, " ", expression)
    return {label.strip() for match in _GROUPING.finditer(bare) for label in match[1].split(",") if label.strip()}
