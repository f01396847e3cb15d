"""Read harn's transcripts and tell their model calls as spans over OTLP, or as lines of a record file."""

import logging
import os
import stat
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from .. import recordfile, sdk
from ..definition import reason_of
from ..harn.calls import Attempt, Calls
from ..harn.seen import Seen
from ..harn.telling import Run, Told, call_told, run_told
from ..harn.transcript import STDIN, Left, Line, lines_in, read, run_name
from . import DONE, UsageError
from .counted import counted
from .progress import Progress

_BATCH: Final = 512
_SERVICE: Final = "harn"

Take = Callable[[Told], None]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what ``import-harn`` takes."""
    parser.add_argument(
        "transcripts",
        metavar="TRANSCRIPT",
        nargs="+",
        help="an llm_transcript.jsonl, an event log's topic file, or what `harn run --json` printed; - is stdin",
    )
    parser.add_argument(
        "--record-file", metavar="FILE", help="append records to FILE (default: send spans as the environment says)"
    )


def run(arguments: Namespace) -> int:
    """Import the transcripts and say how much was in them."""
    _check(arguments.transcripts)
    place = _to_file if arguments.record_file is not None else _to_backend
    with place(arguments.record_file) as take:
        found = _Import(take).all_of(arguments.transcripts)
    print(found)
    return DONE


@dataclass(slots=True)
class _Import:
    take: Take
    runs: int = 0
    calls: int = 0
    attempts: int = 0
    duplicates: int = 0
    left: dict[Left, int] = field(default_factory=lambda: dict.fromkeys(Left, 0))
    timeless: int = 0

    def all_of(self, sources: Sequence[str]) -> str:
        """Tell all that is in *sources*; give the sums in words."""
        calls, seen, progress = Calls(self._tell), Seen(), Progress(_size(sources))
        runs = [Run(run_name(source)) for source in sources]
        try:
            for source, each in zip(sources, runs, strict=True):
                with _opened(source) as file:
                    for data in lines_in(file):
                        progress.advance(len(data))
                        self._hear(read(data), each, calls, seen)
            calls.finish()
        finally:
            progress.close()
            seen.close()
        for each in runs:
            # One whose lines were all read before, from another file, is no run of its own.
            if each.tally.calls:
                self.runs += 1
                self.take(run_told(each))
        return self._sums()

    def _hear(self, line: Line | Left, run: Run, calls: Calls, seen: Seen) -> None:
        if isinstance(line, Left):
            self.left[line] += 1
            return
        # What has no time is told with that of the line before.
        run.now_ns = run.now_ns if line.at_ns is None else line.at_ns
        if run.now_ns is None:
            self.timeless += 1
        elif seen.is_new(line):
            run.begin(line.call_id or str(run.now_ns))
            calls.hear(line, run, run.now_ns)
        else:
            self.duplicates += 1

    def _tell(self, attempt: Attempt) -> None:
        if isinstance(attempt.transcript, Run):
            self.attempts += 1
            self.calls += not attempt.replaced
            self.take(call_told(attempt, attempt.transcript))

    def _sums(self) -> str:
        told = f"{counted(self.calls, 'call')} in {counted(self.attempts, 'attempt')}, {counted(self.runs, 'run')}."
        out = (
            (self.left[Left.OTHER], "of other kinds"),
            (self.duplicates, "read before"),
            (self.left[Left.UNREADABLE], "unreadable"),
            (self.timeless, "without a time"),
        )
        skipped = ", ".join(f"{count:,} {what}" for count, what in out if count)
        return f"{told} Lines left out: {skipped or 'none'}."


@contextmanager
def _to_file(path: str) -> Iterator[Take]:
    lines: list[dict[str, Any]] = []

    def flush() -> None:
        try:
            recordfile.append_all(path, lines)
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be written: {reason_of(error)}.") from error
        lines.clear()

    def take(told: Told) -> None:
        lines.append(told.line)
        if len(lines) >= _BATCH:
            flush()

    flush()
    yield take
    flush()


@contextmanager
def _to_backend(_: None) -> Iterator[Take]:
    from ..harn.export import Spans, UndeliveredError

    # The exporters log each failure on stderr; ours is one sentence.
    logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
    exporters, resource = sdk.span_exporters(_SERVICE)
    if not exporters:
        raise UsageError("no exporter is asked for (OTEL_TRACES_EXPORTER); give a --record-file instead")
    spans = Spans(exporters, resource)
    try:
        yield spans.take
        spans.flush()
    except UndeliveredError:
        raise UsageError(
            f"spans do not arrive at {sdk.endpoint()}; `otel-dispatch doctor` tells more. What was sent before has the"
            " same ids when it is sent again."
        ) from None
    finally:
        spans.close()


def _check(sources: Sequence[str]) -> None:
    # Not by opening it: whoever writes into a named pipe would lose its reader.
    for source in sources:
        try:
            found = None if source == STDIN else os.stat(source)
        except (OSError, ValueError) as error:
            raise recordfile.UnreadableError(f"{source} cannot be read: {reason_of(error)}.") from error
        if found is not None and (stat.S_ISDIR(found.st_mode) or not os.access(source, os.R_OK)):
            raise recordfile.UnreadableError(f"{source} cannot be read: it is no file that you may read.")


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    if source == STDIN:
        yield sys.stdin.buffer
        return
    try:
        with open(source, "rb") as file:
            yield file
    except (OSError, ValueError) as error:
        raise recordfile.UnreadableError(f"{source} cannot be read: {reason_of(error)}.") from error


def _size(sources: Sequence[str]) -> int | None:
    found = [None if source == STDIN else os.stat(source) for source in sources]
    regular = [each.st_size for each in found if each is not None and stat.S_ISREG(each.st_mode)]
    return sum(regular) if len(regular) == len(found) else None
