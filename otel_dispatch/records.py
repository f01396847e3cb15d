"""The records of a program's dispatches, for its own tests to assert on (see `testing`)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, overload

from .record import Names, Primary, Provenance, Requested, Rollup, Thinking, Usage
from .vocabulary import ENTRY_KINDS
from .wording import Words


@dataclass(frozen=True, slots=True)
class Record:
    """One dispatch that has ended: a model call, the launch of an agent program, or the run of an entry point.

    The words (``kind``, ``outcome``, the origins in ``provenance``, …) are those of the span's ``dispatch.*``
    attributes; what is not known is ``unknown``, and a figure that was not reported is None. ``rollup`` is None except
    on an entry, ``outcome_class`` except on what failed or was cancelled. Times are in seconds.
    """

    kind: str
    name: str
    provider: str
    model: str
    wire_format: str
    thinking: Thinking
    tool_format: str
    base_url_host: str
    provenance: Provenance
    inherited_fields: tuple[str, ...]
    mismatch: tuple[str, ...]
    requested: Requested
    primary: Primary | None
    reported_provider: str | None
    response_model: str | None
    outcome: str
    outcome_class: str | None
    content_len: int | None
    empty_retries: int
    resend_count: int
    usage: Usage
    names: Names
    rollup: Rollup | None
    started: float
    duration: float
    trace_id: str
    span_id: str
    parent_id: str | None
    entry_id: str | None

    @property
    def is_entry(self) -> bool:
        """Whether it is the run of an entry point."""
        return self.kind in ENTRY_KINDS

    def __str__(self) -> str:
        """Say it in one line, as a failed assertion shows it."""
        outcome = f"{self.outcome} {self.outcome_class}" if self.outcome_class else self.outcome
        inherited = f", INHERITED {','.join(self.inherited_fields)}" if self.inherited_fields else ""
        return f"{self.name}: {self.provider} {self.model} {self.wire_format}, {outcome}{inherited}"


class Records(Sequence[Record]):
    """The records of a block, in the order in which the dispatches ended; more may come while the block is open."""

    def __init__(self) -> None:
        self._told: list[Record] = []

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        return self._told[index]

    def __len__(self) -> int:
        return len(self._told)

    @property
    def calls(self) -> list[Record]:
        """The model calls, each attempt one."""
        return [record for record in self._told if record.kind == "llm_call"]

    @property
    def launches(self) -> list[Record]:
        """The launches of agent programs."""
        return [record for record in self._told if record.kind == "cli_launch"]

    @property
    def entries(self) -> list[Record]:
        """The runs of entry points."""
        return [record for record in self._told if record.is_entry]

    @property
    def roots(self) -> list[Record]:
        """What ran below no entry of this block, first started first."""
        known = {entry.span_id for entry in self.entries}
        return _by_start(record for record in self._told if record.entry_id not in known)

    def below(self, entry: Record) -> list[Record]:
        """What ran directly below *entry*, first started first."""
        return _by_start(record for record in self._told if record.entry_id == entry.span_id)

    def only(self) -> Record:
        """The one record there is; raises `AssertionError`, and says which there are, where it is not one."""
        if len(self._told) != 1:
            raise AssertionError(f"{len(self._told)} dispatches were recorded, not one:\n{self}")
        return self._told[0]

    def __str__(self) -> str:
        """Draw the tree, a line a record."""
        return "\n".join(self._lines(self.roots, "  "))

    def _lines(self, records: Iterable[Record], indent: str) -> Iterator[str]:
        for record in records:
            yield f"{indent}{record}"
            if record.is_entry:
                yield from self._lines(self.below(record), f"{indent}  ")

    def hear(self, line: Words) -> None:
        """Add the record that *line* tells."""
        self._told.append(_record_of(line))


def _record_of(line: Words) -> Record:
    outcome: Words = line["outcome"]
    usage = {"output": outcome.get("completion_tokens"), **(line["usage"] or {})}
    same = {name: line[name] for name in _SAME}
    words: Words = {name: str(line[name]) for name in _WORDS}
    return Record(
        **same,
        **words,
        thinking=Thinking(**line["thinking"]),
        outcome=str(outcome["kind"]),
        outcome_class=str(outcome["class"]) if "class" in outcome else None,
        content_len=outcome.get("content_len"),
        empty_retries=outcome.get("empty_retries", 0),
        usage=Usage(**usage),
        duration=line["duration_s"],
        span_id=line["otel_span_id"],
        parent_id=line["otel_parent_id"],
        entry_id=line["otel_entry_id"],
    )


_WORDS: Final = ("kind", "name", "provider", "model", "wire_format", "tool_format", "base_url_host", "trace_id")
_SAME: Final = (
    *("provenance", "inherited_fields", "mismatch", "requested", "primary", "reported_provider", "response_model"),
    *("resend_count", "names", "rollup", "started"),
)


def _by_start(records: Iterable[Record]) -> list[Record]:
    return sorted(records, key=lambda record: record.started)
