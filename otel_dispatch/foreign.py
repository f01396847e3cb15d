"""Somebody else's inference span: found as the current one, and enriched while it is open."""

from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from . import attributes as a

_INFERENCES: Final = frozenset({"chat", "generate_content", "text_completion", "embeddings"})
_OURS: Final = frozenset(word for word in vars(a).values() if isinstance(word, str) and word.startswith(a.OURS))
_OUTCOME: Final = {a.OUTCOME_CLASS, a.OUTCOME_TOKENS, a.OUTCOME_CONTENT_LEN, a.OUTCOME_EMPTY_RETRIES}
# The owner keeps its kind of error; a retry that is served would leave ours behind.
_OWNERS: Final = frozenset({a.ERROR_TYPE})

_written: "WeakKeyDictionary[Span, set[str]]" = WeakKeyDictionary()


class Foreign:
    """An open inference span that is not ours; its owner keeps name, kind, status and every attribute it has set."""

    __slots__ = ("_attributes", "_mine", "span")

    def __init__(self, span: Span, attributes: Any) -> None:
        self.span, self._attributes = span, attributes
        self._mine = _written.setdefault(span, set())

    def write(self, words: Mapping[str, Any]) -> None:
        """Write our facts; those of an earlier attempt on the same span give way."""
        if not self.span.is_recording():
            return
        # Copied once: each look into the SDK's own store is a call of Python's, and raises where there is nothing.
        theirs = _OWNERS.union(self._attributes) - self._mine
        fresh = {name: value for name, value in words.items() if name in _OURS or name not in theirs}
        if a.OUTCOME_KIND in words:
            # An outcome that is told anew takes the place of the whole of the one before it.
            self._retract(_OUTCOME & self._mine - words.keys())
        self._mine.update(fresh)
        self.span.set_attributes(fresh)

    def renew(self, words: Mapping[str, Any]) -> None:
        """Write the facts of a new attempt, and take away what only the attempt before it said."""
        self._retract(self._mine - words.keys())
        self.write(words)

    def _retract(self, names: set[str]) -> None:
        for name in names:
            _take_away(self.span, name)
        self._mine -= names


def foreign_inference(now: Context) -> Foreign | None:
    """The span that is current in *now* where it is somebody's open inference span, else None."""
    span = trace.get_current_span(now)
    if not span.is_recording():
        return None
    attributes = getattr(span, "attributes", None)
    return Foreign(span, attributes) if attributes and _is_inference(attributes) else None


def _is_inference(attributes: Any) -> bool:
    # An agent's span may name its system, too: the operation, where there is one, decides.
    if (operation := attributes.get(a.OPERATION)) is not None:
        return operation in _INFERENCES
    if (kind := attributes.get(a.OPENINFERENCE_KIND)) is not None:
        return str(kind) == "LLM"
    return a.SYSTEM in attributes


def _take_away(span: Span, name: str) -> None:
    # No API removes an attribute; where the SDK's own store does not let us, an empty value says "no longer".
    store: Any = getattr(span, "_attributes", None)
    try:
        del store[name]
    except (TypeError, KeyError):
        span.set_attribute(name, "")
