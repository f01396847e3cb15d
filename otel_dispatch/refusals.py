"""What OpenTelemetry's SDK refuses or cannot deliver: told once, in a sentence of ours that quotes no value."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from .guard import log, once, warn
from .legible import clean

T = TypeVar("T")

_TUNING: Final = (
    "OTEL_ATTRIBUTE_",
    "OTEL_BLRP_",
    "OTEL_BSP_",
    "OTEL_EVENT_",
    "OTEL_LINK_",
    "OTEL_LOGRECORD_",
    "OTEL_METRICS_EXEMPLAR_FILTER",
    "OTEL_METRIC_EXPORT_",
    "OTEL_SPAN_",
)
"""The variables that the SDK can do without: how much, how often, how long."""

_READERS: Final = tuple(f"opentelemetry.{name}" for name in ("attributes", "exporter", "sdk", "util"))
"""The loggers of what reads variables; that a provider is set already, for one, is told by others."""


def tuned(make: Callable[[], T]) -> T:
    """What *make* makes; where the SDK refuses a variable that tunes it, without that one, which is told.

    Raises `ValueError` where none of them is the reason.
    """
    try:
        return make()
    except ValueError:
        names = tuple(sorted(name for name in os.environ if name.startswith(_TUNING)))
        for left_out in (*((name,) for name in names), names):
            with _lacking(left_out):
                try:
                    made = make()
                except ValueError:
                    continue
            warn("OpenTelemetry's SDK refuses %s and is set up without.", " or ".join(left_out))
            return made
        raise


@contextmanager
def _lacking(names: tuple[str, ...]) -> Iterator[None]:
    taken = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(taken)


@contextmanager
def unquoted() -> Iterator[None]:
    """A block in which the SDK reads its variables, and what it complains of is told without their values.

    Of a header that it cannot read, which is where keys are, it logs all.
    """
    theirs, mine = logging.getLogger("opentelemetry"), _Complaint(logging.WARNING)
    before, theirs.propagate = theirs.propagate, False
    theirs.addHandler(mine)
    try:
        yield
    finally:
        theirs.removeHandler(mine)
        theirs.propagate = before


class _Complaint(logging.Handler):
    """Says which variable the SDK does not take as it is."""

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(_READERS):
            logging.getLogger().handle(record)
            return
        names = " or ".join(_meant(record.getMessage(), record.args or ()))
        warn("OpenTelemetry's SDK (%s) does not take the value of %s as it is.", record.name, names)


def _meant(message: str, quoted: object) -> list[str]:
    # Some name the variable, some quote what it holds, and some say neither.
    held = {name: value for name, value in os.environ.items() if name.startswith("OTEL_")}
    pieces = [str(piece).casefold() for piece in quoted if piece] if isinstance(quoted, tuple) else []
    holding = [name for name, value in held.items() if any(piece in value.casefold() for piece in pieces)]
    return sorted([name for name in held if name in message] or holding or held)


class Undelivered(logging.Handler):
    """Says once, in our words, that spans do not arrive, where the exporters would print a line a batch.

    Metrics and logs are not spoken of: Jaeger takes spans alone, and that is no fault.
    """

    def __init__(self, target: str) -> None:
        super().__init__(logging.WARNING)
        self._target = clean(target)

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, where *record* is about spans."""
        # The HTTP exporters have a logger each; the gRPC ones share one and name the signal in their message.
        about = f"{record.name} {record.args}"
        if "trace" in about and once("undelivered"):
            log.warning("Our spans do not arrive at %s; `otel-dispatch doctor` tells more.", self._target)


def quiet(target: str) -> None:
    """From now on, tell only that spans do not arrive at *target*, unless the host listens to OpenTelemetry's log."""
    logging.getLogger("opentelemetry.exporter").addHandler(Undelivered(target))
    # A NullHandler on the root of the SDK's loggers keeps Python's last resort, stderr, out of it.
    logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
