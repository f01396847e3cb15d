"""Attempts and runs as what a backend and a record file are told of them, under ids that are always the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from .. import attributes as a
from ..record import Dispatch, Names, Outcome
from ..tally import Tally, agreed, with_tokens
from ..vocabulary import FAILED, Kind, OutcomeKind, count_of, text_of
from ..wording import (
    Words,
    line_of,
    span_name,
    words_of,
    words_of_outcome,
    words_of_reply,
    words_of_request,
    words_of_rollup,
)
from .calls import Attempt
from .mapping import mapped

_WELL = frozenset({OutcomeKind.SERVED, OutcomeKind.EMPTY_RECOVERED})


@dataclass(slots=True, eq=False)
class Run:
    """One transcript: its name, the sums over its calls, and when they were; times in Unix nanoseconds."""

    name: str
    tally: Tally = field(default_factory=Tally)
    trace_id: int = 0
    nameless: int = 0
    now_ns: int | None = None
    started_ns: int | None = None
    ended_ns: int = 0

    @property
    def span_id(self) -> int:
        """The id of the run's own span."""
        return _id(8, self.trace_id, "run")

    def begin(self, first: str) -> None:
        """Take the run's trace id from its name and from what its *first* line is about."""
        self.trace_id = self.trace_id or _id(16, self.name, first)


@dataclass(frozen=True, slots=True)
class Told:
    """One span: everything that is told of it, and its line for a record file."""

    dispatch: Dispatch
    words: Words
    trace_id: int
    span_id: int
    parent_id: int | None
    start_ns: int
    end_ns: int
    line: Words

    @property
    def name(self) -> str:
        """The span's name."""
        return span_name(self.dispatch)

    @property
    def has_failed(self) -> bool:
        """Whether its outcome makes it an error."""
        return self.dispatch.outcome is not None and self.dispatch.outcome.kind in FAILED


def call_told(attempt: Attempt, run: Run) -> Told:
    """What is told of *attempt*; it is added to the sums of *run*."""
    of, ids = mapped(attempt), _harn_ids(attempt)
    start_ns, end_ns = _times(attempt)
    run.started_ns = min(start_ns, start_ns if run.started_ns is None else run.started_ns)
    run.ended_ns = max(end_ns, run.ended_ns)
    run.tally.began(of.departed)
    if of.outcome is not None:
        run.tally.ended(of.outcome, of.reply.usage.output, of.departed, of.dispatch)
    words = {**words_of(of.dispatch), **words_of_request(of.request, of.endpoint, attempt.resend)}
    # Whether it was streamed is not in the transcript.
    del words[a.REQUEST_STREAM]
    words |= {**words_of_reply(of.reply), **_outcome_words(of.outcome), **ids}
    if attempt.call_id is None:
        run.nameless += 1
    span_id = _id(8, run.trace_id, attempt.call_id or f"nameless {run.nameless}")
    extra: Words = {"iteration": ids.get(a.HARN_ITERATION, 0), "span_id": ids.get(a.HARN_SPAN_ID)}
    extra |= {"response_model": of.reply.model, "resend_count": attempt.resend}
    if attempt.started_ns is None and attempt.response_ms is None:
        extra["started"] = extra["duration_s"] = None
    if attempt.is_unanswered and attempt.retried is None:
        extra["duration_s"] = None
    dispatch = replace(of.dispatch, outcome=of.outcome)
    return _told(dispatch, words, run, (span_id, run.span_id), (start_ns, end_ns), attempt.call_id, extra)


def run_told(run: Run) -> Told:
    """What is told of *run* when all its calls are."""
    rollup, found = run.tally.rollup(), _outcome_of_run(run.tally)
    found = None if found is None else with_tokens(found, run.tally)
    dispatch = agreed(Dispatch(Kind.AGENT, "invoke_agent", names=Names(label=run.name)), run.tally)
    words = {**words_of(dispatch), **_outcome_words(found), **words_of_rollup(rollup), a.HARN_RUN: run.name}
    dispatch = replace(dispatch, outcome=found, rollup=rollup)
    return _told(dispatch, words, run, (run.span_id, None), (run.started_ns or 0, run.ended_ns), None, {})


def _told(
    dispatch: Dispatch,
    words: Words,
    run: Run,
    ids: tuple[int, int | None],
    times: tuple[int, int],
    call_id: str | None,
    extra: Mapping[str, Any],
) -> Told:
    (span_id, parent_id), (start_ns, end_ns) = ids, times
    line = line_of(
        dispatch,
        call_id=call_id or f"{span_id:016x}",
        end_ns=end_ns,
        extra={
            "name": span_name(dispatch),
            "trace_id": f"{run.trace_id:032x}",
            "otel_span_id": f"{span_id:016x}",
            "otel_parent_id": None if parent_id is None else f"{parent_id:016x}",
            "started": start_ns / 1e9,
            "duration_s": (end_ns - start_ns) / 1e9,
            **({"outcome": None, "outcome_kind": None} if dispatch.outcome is None else {}),
            **extra,
        },
    )
    return Told(dispatch, words, run.trace_id, span_id, parent_id, start_ns, end_ns, line)


def _outcome_words(outcome: Outcome | None) -> Words:
    if outcome is None:
        return {}
    words = words_of_outcome(outcome)
    return {**words, a.ERROR_TYPE: str(outcome.cls or outcome.kind)} if outcome.kind in FAILED else words


def _outcome_of_run(tally: Tally) -> Outcome | None:
    """What every call agrees on; how a run with calls of several kinds ended is not in its transcript."""
    found = tally.outcomes
    if found and {each.kind for each in found} <= _WELL:
        return Outcome(OutcomeKind.SERVED)
    return next(iter(found)) if len(found) == 1 else None


def _times(attempt: Attempt) -> tuple[int, int]:
    end_ns = attempt.ended_ns or 0
    start_ns = attempt.started_ns
    if start_ns is None:
        start_ns = end_ns - (attempt.response_ms or 0) * 1_000_000
    return max(0, min(start_ns, end_ns)), end_ns


def _harn_ids(attempt: Attempt) -> Words:
    told = attempt.told
    ids = (
        (a.HARN_CALL_ID, text_of(attempt.call_id)),
        (a.HARN_ITERATION, count_of(told.get("iteration"))),
        (a.HARN_SPAN_ID, count_of(told.get("span_id"))),
    )
    return {name: value for name, value in ids if value is not None}


def _id(size: int, *parts: object) -> int:
    digest = blake2b("\0".join(map(str, parts)).encode("utf-8", "replace"), digest_size=size, person=b"harn").digest()
    return int.from_bytes(digest, "big") or 1
