"""A step of a run in words, as rows of text with their styles."""

from collections.abc import Iterator, Sequence
from typing import Final

from ..providers import UNKNOWN
from ..record import Thinking, Usage
from ..vocabulary import FAILED, Field, Origin, OutcomeKind, ThinkingMode
from .counted import counted, noun, only_or_count
from .outline import Row
from .runs import duration, inheritance
from .step import Step
from .table import Cell
from .tree import Node, Place, Sums

_OUTCOMES: Final = {**{str(kind): "bold red" for kind in FAILED}, str(OutcomeKind.SERVED): "green"}
_ORIGINS: Final = {
    Origin.INHERITED: "bold yellow",
    Origin.ESCALATION_OVERRIDE: "magenta",
    Origin.OPERATOR_PIN: "cyan",
    Origin.PIPELINE_INPUT: "cyan",
    Origin.CATALOG_DEFAULT: "",
    Origin.UNKNOWN: "dim",
}
_ORDER: Final = tuple(_ORIGINS)
_PLACES: Final = {
    Place.PARENT_MISSING: "what it ran below is not recorded here",
    Place.CYCLE: "the parents that are recorded of it go in a circle",
}
_KINDS: Final = {"cli_launch": "launch", "llm_call": ""}
_SAYS_NOTHING: Final = (None, ThinkingMode.PROVIDER_DEFAULT, ThinkingMode.UNKNOWN)


def head_of(step: Step) -> Row:
    """What it is, what it used, whether that was inherited, and what came back: one row."""
    run = step.run
    kind = _KINDS.get(run.kind or "", run.kind or "")
    name = "" if run.name == kind else run.name
    cells = [
        Cell(f"{kind} " if kind and name else kind, "" if name else "bold"),
        Cell(name, "bold"),
        Cell(f" {run.who}" if run.who else ""),
        Cell(_used(step), "cyan"),
        Cell(f"  INHERITED {inheritance(run)}" if step.is_inherited else "", "bold yellow"),
        Cell(f"  {run.status}" if run.status else "", _OUTCOMES.get(run.outcome or "", "yellow")),
        Cell(f"  {duration(run.duration_s)}" if run.duration_s is not None else ""),
        Cell(f"  {counted}" if (counted := _tokens(step.tokens)) else "", "dim"),
    ]
    return [cell for cell in cells if cell.text]


def facts_of(step: Step) -> list[Row]:
    """The wire format, the thinking and the tools that were sent, and where each field came from: up to two rows."""
    wire, how, tools = step.run.wire_format, step.thinking, step.tool_format
    told = (
        wire if wire != UNKNOWN else "wire format unknown",
        how and f"thinking {thinking_in_words(how)}",
        tools and f"tools {tools}",
        step.host and f"at {step.host}",
    )
    # What calls do not agree on is unknown of the entry above them; that is no news.
    said = [word for word in told if word and not (step.run.is_entry and word.endswith(f" {UNKNOWN}"))]
    rows: list[Row] = [[Cell(", ".join(said), "dim")], _origins(step)]
    return [row for row in rows if row and row[0].text]


def remarks_of(node: Node) -> Row:
    """What is worth knowing beyond the facts, or nothing."""
    told = [*_remarks(node.step)]
    if node.place in _PLACES:
        told.append(Cell(_PLACES[node.place], "dim"))
    return _joined(told)


def hidden_row(sums: Sums) -> Row:
    """What stands for steps that are not shown."""
    told = [Cell(f"{counted(sums.steps, 'more step')} below", "dim")]
    return _joined([*told, *sum_cells(sums)])


def thinking_in_words(how: Thinking) -> str:
    """*how* as people say it: its mode, its level, its budget."""
    budget = None if how.budget_tokens is None else f"{how.budget_tokens:,} tokens"
    return " ".join(filter(None, (str(how.mode), how.level, budget)))


def sum_cells(sums: Sums) -> list[Cell]:
    """How many calls there are, and how many of these inherited or failed."""
    counts = [(sums.calls, noun(sums.calls, "call"), "dim")]
    counts += [(sums.inherited, "inherited", "bold yellow"), (sums.failed, "failed", "bold red")]
    return [Cell(f"{count:,} {word}", style) for count, word, style in counts if count]


def _used(step: Step) -> str:
    run = step.run
    if run.calls == 0:
        return " (no call)"
    told = [only_or_count(run.providers, "provider"), only_or_count(run.models, "model")]
    route = "/".join(filter(None, told)) if len(run.models) < 2 and len(run.providers) < 2 else ", ".join(told)
    how = step.thinking
    level = f", {_setting(how)}" if how is not None and how.mode not in _SAYS_NOTHING else ""
    return f" ({route}{level})" if route else ""


def _setting(how: Thinking) -> str:
    if how.mode is ThinkingMode.EFFORT and how.level:
        return f"effort={how.level}"
    return f"thinking={thinking_in_words(how)}"


def _tokens(tokens: Usage) -> str:
    counts = [(tokens.input, "in"), (tokens.output, "out")]
    told = [(f"{count:,}", way) for count, way in counts if count is not None]
    return ", ".join(f"{count} {way}" if n else f"{count} tokens {way}" for n, (count, way) in enumerate(told))


def _origins(step: Step) -> Row:
    fields: dict[str, list[str]] = {}
    for name in Field:
        if (word := step.origins.get(name)) is not None:
            fields.setdefault(word, []).append(name)
    if step.run.is_entry:
        fields.pop(Origin.UNKNOWN, None)
    told = sorted(fields, key=lambda word: _ORDER.index(_origin(word)))
    return _joined([Cell(f"{', '.join(fields[word])}: {word}", _ORIGINS[_origin(word)]) for word in told], "; ")


def _origin(word: str) -> Origin:
    return Origin(word) if word in set(Origin) else Origin.UNKNOWN


def _remarks(step: Step) -> Iterator[Cell]:
    run, tokens = step.run, step.tokens
    used = (run.provider, run.model)
    if asked := [word for word, now in zip(step.requested, used, strict=True) if word not in (None, now)]:
        yield Cell(f"asked for {'/'.join(map(str, asked))}", "yellow")
    if step.is_inherited and any(step.primary):
        yield Cell(f"the primary is {'/'.join(filter(None, step.primary))}", "yellow")
    if run.mismatch:
        yield Cell(f"mismatch {', '.join(run.mismatch)}", "bold yellow")
    if step.reported is not None and step.reported != run.provider:
        yield Cell(f"its host reports {step.reported or 'no provider'}", "yellow")
    if step.response_model not in (None, run.model):
        yield Cell(f"answered by {step.response_model}")
    for several, what in ((run.providers, "providers"), (run.models, "models")):
        if len(several) > 1:
            yield Cell(f"{what} {', '.join(several)}")
    if step.resends:
        yield Cell(f"resend {step.resends}")
    if step.empty_retries:
        yield Cell(f"after {counted(step.empty_retries, 'empty attempt')}", "yellow")
    for count, what in ((tokens.cache_read, "read from cache"), (tokens.reasoning, "spent on reasoning")):
        if count:
            yield Cell(f"{count:,} tokens {what}", "dim")
    if run.definition_changed:
        yield Cell("its definition has changed since this run", "yellow")


def _joined(cells: Sequence[Cell], by: str = ", ") -> Row:
    return [Cell(cell.text + by, cell.style) for cell in cells[:-1]] + list(cells[-1:])
