"""A step of a run: all that one record says of it, and where in its trace it belongs."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from ..record import Thinking, Usage
from ..thinking import as_map
from ..vocabulary import Field, ThinkingMode, count_of, text_of, word_of
from .run import Record, Run, compared, run_of

_SPAN_ID: Final = re.compile(r"[0-9a-f]{16}")
_NO_SPAN: Final = "0" * 16
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_TOKENS: Final = tuple(field.name for field in fields(Usage))


@dataclass(frozen=True, slots=True)
class Step:
    """What one record says; None where it does not. ``places`` is whether it says what it lies below.

    ``parent`` is the span above, ``entry`` the nearest entry above that ran in the same process.
    """

    run: Run
    call_id: str | None
    span: str | None
    parent: str | None
    entry: str | None
    places: bool
    tool_format: str | None
    host: str | None
    thinking: Thinking | None
    origins: Mapping[str, str]
    requested: tuple[str | None, str | None]
    primary: tuple[str | None, str | None]
    reported: str | None
    response_model: str | None
    resends: int
    empty_retries: int
    tokens: Usage

    @property
    def is_inherited(self) -> bool:
        """Whether it, or a call below it, used what nobody chose."""
        return bool(self.run.inherited_fields) or bool(self.run.inherited_calls)

    @property
    def facts(self) -> tuple[object, ...]:
        """What was sent and where that came from, to see whether two steps say the same."""
        return self.run.wire_format, self.thinking, self.tool_format, self.host, self.origins

    def as_json(self) -> dict[str, Any]:
        """The step as an object whose keys are always the same."""
        told = self.run.as_json()
        for name, values in (("requested", self.requested), ("primary", self.primary)):
            told[name] = dict(zip(("provider", "model"), values, strict=True))
        told["thinking"] = None if self.thinking is None else asdict(self.thinking)
        return {
            **told,
            "otel_parent_id": self.parent,
            "tool_format": self.tool_format,
            "base_url_host": self.host,
            "provenance": {str(name): self.origins.get(name) for name in Field},
            "reported_provider": self.reported,
            "response_model": self.response_model,
            "resend_count": self.resends,
            "empty_retries": self.empty_retries,
            "tokens": asdict(self.tokens),
        }


def step_of(record: Record) -> Step:
    """The step that *record* tells."""
    outcome, origins = as_map(record.get("outcome")), as_map(record.get("provenance"))
    return Step(
        run=compared(run_of(record)),
        call_id=text_of(record.get("call_id")),
        span=step_span(record),
        parent=_span(record.get("otel_parent_id")),
        entry=_span(record.get("otel_entry_id")),
        places="otel_parent_id" in record,
        tool_format=text_of(record.get("tool_format")),
        host=text_of(record.get("base_url_host")),
        thinking=_thinking(record.get("thinking")),
        origins={str(name): word for name in Field if (word := text_of(origins.get(name))) is not None},
        requested=_pair(record.get("requested")),
        primary=_pair(record.get("primary")),
        reported=word if isinstance(word := record.get("reported_provider"), str) else None,
        response_model=text_of(record.get("response_model")),
        resends=count_of(record.get("resend_count")) or 0,
        empty_retries=count_of(outcome.get("empty_retries")) or 0,
        tokens=_tokens(record, outcome),
    )


def trace_of(record: Record) -> str | None:
    """The id of the trace that *record* belongs to, or None."""
    return _id(record.get("trace_id"), _TRACE_ID)


def step_span(record: Record) -> str | None:
    """The id of the span that *record* tells of, or None."""
    return _span(record.get("otel_span_id"))


def _span(value: object) -> str | None:
    found = _id(value, _SPAN_ID)
    return None if found == _NO_SPAN else found


def _id(value: object, form: re.Pattern[str]) -> str | None:
    word = value.lower() if isinstance(value, str) else ""
    return word if form.fullmatch(word) else None


def _pair(value: object) -> tuple[str | None, str | None]:
    told = as_map(value)
    return text_of(told.get("provider")), text_of(told.get("model"))


def _tokens(record: Record, outcome: Mapping[str, Any]) -> Usage:
    told, rollup = as_map(record.get("usage")), as_map(record.get("rollup"))
    counts = {name: count_of(told.get(name)) for name in _TOKENS}
    if counts["output"] is None:
        summed = count_of(rollup.get("output_tokens"))
        counts["output"] = count_of(outcome.get("completion_tokens")) if summed is None else summed
    return Usage(**counts)


def _thinking(value: object) -> Thinking | None:
    told = as_map(value)
    mode = told.get("mode")
    if mode not in set(ThinkingMode):
        return None
    enabled = told.get("enabled")
    return Thinking(
        ThinkingMode(mode),
        enabled if isinstance(enabled, bool) else None,
        count_of(told.get("budget_tokens")),
        word_of(told.get("level")),
    )
