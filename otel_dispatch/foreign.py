"""Somebody else's inference span: found as the current one, and enriched while it is open."""

from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind

from . import attributes as a
from . import store
from .vocabulary import FAILED, OutcomeClass, OutcomeKind

_MARKS: Final = {
    # An agent's span may name its system, too: the operation, where there is one, decides.
    a.OPERATION: frozenset({"chat", "generate_content", "text_completion", "embeddings"}),
    a.OPENINFERENCE_KIND: frozenset({"LLM", "EMBEDDING"}),
    a.LANGFUSE_KIND: frozenset({"generation", "embedding"}),
    # Only workflows, tasks, agents and tools have one.
    a.TRACELOOP_KIND: frozenset[str](),
}
"""What says of a span whether it is an inference, and the values that say it is; the first that is there decides."""

_ENDS_WITH_STREAM: Final = (
    "com.anthropic.sdk.",
    "openinference.instrumentation.",
    "openlit.instrumentation.",
    "opentelemetry.instrumentation.",
)
"""The scopes of those who keep the span of a streamed call open until its stream ends; Logfire, for one, does not."""

_RETRIED: Final = frozenset({*FAILED, OutcomeKind.SUPERSEDED})
_REFUSED: Final = ("refusal",)
_OURS: Final = frozenset(word for word in vars(a).values() if isinstance(word, str) and word.startswith(a.OURS))
_OUTCOME: Final = {a.OUTCOME_CLASS, a.OUTCOME_TOKENS, a.OUTCOME_CONTENT_LEN, a.OUTCOME_EMPTY_RETRIES}
# The owner keeps its kind of error; a retry that is served would leave ours behind.
_OWNERS: Final = frozenset({a.ERROR_TYPE})


class _Sheet:
    """What we wrote on one span, and which attempt writes on it now."""

    __slots__ = ("mine", "turn")

    def __init__(self) -> None:
        self.mine: set[str] = set()
        self.turn = 0


_sheets: "WeakKeyDictionary[Span, _Sheet]" = WeakKeyDictionary()


class Foreign:
    """An open inference span that is not ours; its owner keeps name, kind, status and every attribute it has set."""

    __slots__ = ("_sheet", "_turn", "span")

    def __init__(self, span: Span, sheet: _Sheet | None) -> None:
        self.span, self._turn = span, 0
        self._sheet = sheet or _sheets.setdefault(span, _Sheet())

    def write(self, words: Mapping[str, Any]) -> None:
        """Write our facts, unless a later attempt does by now."""
        mine = self._sheet.mine
        if self._turn != self._sheet.turn or not self.span.is_recording():
            return
        fresh, held = dict(words), store.read(self.span) or {}
        for name in held.keys() & fresh.keys():
            if name not in _OURS and name not in mine:
                del fresh[name]
        for name in _OWNERS & fresh.keys():
            del fresh[name]
        if a.OUTCOME_KIND in words:
            # An outcome that is told anew takes the place of the whole of the one before it.
            self._retract(_OUTCOME & mine - words.keys())
        mine.update(fresh)
        store.put(self.span, fresh)

    def doubt(self, words: Mapping[str, Any]) -> None:
        """Write what is true if nobody reads on, where the owner keeps the span open until that can be corrected."""
        scope = getattr(self.span, "instrumentation_scope", None)
        if str(getattr(scope, "name", "")).startswith(_ENDS_WITH_STREAM):
            self.write(words)

    def renew(self, words: Mapping[str, Any]) -> None:
        """Write the facts of a new attempt, and take away what only the attempt before it said."""
        self._sheet.turn += 1
        self._turn = self._sheet.turn
        self._retract(self._sheet.mine - words.keys())
        self.write(words)

    def _retract(self, names: set[str]) -> None:
        store.take_away(self.span, names)
        self._sheet.mine -= names


def foreign_inference(now: Context, name: str) -> Foreign | None:
    """The span that is current in *now* where it is somebody's open span of a call that ours would name *name*."""
    span = trace.get_current_span(now)
    if not span.is_recording():
        return None
    attributes, sheet = store.read(span), _sheets.get(span)
    if attributes is None or (sheet is not None and _is_taken(sheet, attributes)):
        return None
    is_theirs = _is_inference(attributes) if attributes else _is_named(span, name)
    return Foreign(span, sheet) if is_theirs else None


def _is_inference(attributes: Any) -> bool:
    for mark, values in _MARKS.items():
        if (value := attributes.get(mark)) is not None:
            return str(value) in values
    return a.SYSTEM in attributes


def _is_named(span: Any, name: str) -> bool:
    # OpenLIT writes every attribute at the end; until then it has but the name and kind of the conventions.
    return getattr(span, "name", None) == name and getattr(span, "kind", None) is SpanKind.CLIENT


def _is_taken(sheet: _Sheet, attributes: Any) -> bool:
    # What is still under way, or was answered, is not tried again: this is another call, below that one's span.
    if not sheet.mine or attributes.get(a.OUTCOME_KIND) in _RETRIED:
        return False
    if attributes.get(a.OUTCOME_CLASS) == OutcomeClass.CANCELLED:
        return False
    # Where a model refuses, Anthropic's SDK asks the next one, whose answer is the one that its span tells.
    return a.RESPONSE_FINISH_REASONS not in sheet.mine or attributes.get(a.RESPONSE_FINISH_REASONS) != _REFUSED
