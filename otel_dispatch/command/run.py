"""A run or a call as a line of a record file tells it: ours, or harn's own, which lacks our keys."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..definition import hash_of
from ..thinking import as_map
from ..vocabulary import ENTRY_KINDS, Field, Origin, count_of, text_of

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """What one line says; None where it does not say, or says it in no usable form. Times in Unix seconds."""

    name: str
    kind: str | None
    span_name: str | None
    agent: str | None
    skill: str | None
    workflow: str | None
    conversation: str | None
    model: str | None
    models: tuple[str, ...]
    provider: str | None
    providers: tuple[str, ...]
    wire_format: str | None
    outcome: str | None
    outcome_class: str | None
    started: float | None
    ended: float | None
    duration_s: float | None
    calls: int | None
    inherited_calls: int | None
    inherited_fields: tuple[str, ...]
    mismatch: tuple[str, ...]
    trace_id: str | None
    otel_span_id: str | None
    definition: str | None
    definition_hash: str | None
    definition_changed: bool | None

    @property
    def is_entry(self) -> bool:
        """Whether it is a run of an entry point, and not a single call."""
        return self.kind in ENTRY_KINDS

    @property
    def status(self) -> str:
        """What came back, and why."""
        return " ".join(filter(None, (self.outcome, self.outcome_class)))

    @property
    def who(self) -> str:
        """The agent, skill or workflow that its name does not already tell."""
        names = dict.fromkeys((self.agent, self.skill, self.workflow))
        return ", ".join(name for name in names if name is not None and name != self.name)

    def as_json(self) -> dict[str, Any]:
        """The run as an object whose keys are always these fields."""
        return asdict(self)


def run_of(record: Record) -> Run:
    """The run that *record* tells."""
    names, rollup = as_map(record.get("names")), as_map(record.get("rollup"))
    outcome, definition = as_map(record.get("outcome")), as_map(record.get("definition"))
    model, provider = text_of(record.get("model")), text_of(record.get("provider"))
    told = {name: text_of(names.get(name)) for name in ("agent", "skill", "workflow", "conversation")}
    kind, span_name = text_of(record.get("kind")), text_of(record.get("name"))
    return Run(
        name=text_of(names.get("label")) or told["skill"] or told["workflow"] or told["agent"] or _call_name(record),
        kind=kind,
        span_name=span_name,
        **told,
        model=model,
        models=_words(rollup.get("models")) or _only(model, rollup),
        provider=provider,
        providers=_words(rollup.get("providers")) or _only(provider, rollup),
        wire_format=text_of(record.get("wire_format")),
        outcome=text_of(record.get("outcome_kind")) or text_of(outcome.get("kind")),
        outcome_class=text_of(outcome.get("class")),
        started=seconds_of(record.get("started")),
        ended=seconds_of(record.get("timestamp")),
        duration_s=seconds_of(record.get("duration_s")),
        calls=count_of(rollup.get("calls")),
        inherited_calls=count_of(rollup.get("inherited_calls")),
        inherited_fields=_inherited(record),
        mismatch=_words(record.get("mismatch")),
        trace_id=text_of(record.get("trace_id")),
        otel_span_id=text_of(record.get("otel_span_id")),
        definition=path if isinstance(path := definition.get("path"), str) else None,
        definition_hash=text_of(definition.get("hash")),
        definition_changed=None,
    )


def compared(each: Run) -> Run:
    """*each*, and whether its definition says something else now; not known where it cannot be read from here."""
    if each.definition is None or each.definition_hash is None:
        return each
    try:
        return replace(each, definition_changed=hash_of(each.definition) != each.definition_hash)
    except (OSError, ValueError):
        return each


def _call_name(record: Record) -> str:
    if turn := count_of(record.get("iteration")):
        return f"turn {turn}"
    # The rest of a call's span name is its model, which has a column of its own.
    span_name = text_of(record.get("name"))
    return "call" if span_name is None else span_name.partition(" ")[0]


def _inherited(record: Record) -> tuple[str, ...]:
    origins = as_map(record.get("provenance"))
    return _words(record.get("inherited_fields")) or tuple(
        sorted(name for name in Field if origins.get(name) == Origin.INHERITED)
    )


def _only(value: str | None, rollup: Record) -> tuple[str, ...]:
    # An entry below which nothing was called has used no model, and not an unknown one.
    return () if value is None or rollup.get("calls") == 0 else (value,)


def _words(value: object) -> tuple[str, ...]:
    words = value if isinstance(value, list) else []
    return tuple(text for word in words if (text := text_of(word)) is not None)


def ended_in(record: Record) -> float:
    """When *record* ended, in Unix seconds; 0.0 where it does not say."""
    return seconds_of(record.get("timestamp")) or 0.0


def seconds_of(value: object) -> float | None:
    """*value* as Unix seconds or a duration, or None where it is none."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else -1.0
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
