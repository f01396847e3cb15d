"""The tracer, meters, logger and record file that dispatches are told to."""

import concurrent.futures.thread  # noqa: F401 - so that a fork asks for our lock before it takes this module's
import os
import threading
from collections.abc import Callable
from typing import Any, Final

from opentelemetry import _logs, metrics, trace
from opentelemetry._logs import LogRecord, NoOpLogger, SeverityNumber
from opentelemetry.metrics import Counter, Histogram
from opentelemetry.trace import Span, Tracer

from . import attributes as a
from . import recordfile
from .environment import held
from .guard import swallow
from .labels import Labels
from .record import Dispatch, Outcome, Usage
from .version import __version__
from .vocabulary import Field, Kind
from .wording import Words

# Workflow buckets: an agent's run lasts seconds to hours (semconv gen_ai.invoke_workflow.duration).
_RUN_BUCKETS = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
_CALL_BUCKETS = tuple(0.01 * 2**n for n in range(14))
_TOKEN_BUCKETS = tuple(4**n for n in range(14))


class Instruments:
    """Everything that one set-up writes to; made once, when the first dispatch starts."""

    def __init__(self, tracer_provider: Any = None, meter_provider: Any = None, logger_provider: Any = None) -> None:
        self._labels = Labels()
        self.tracer: Tracer = trace.get_tracer(
            a.SCOPE, __version__, tracer_provider=tracer_provider, schema_url=a.SCHEMA_URL
        )
        meter = metrics.get_meter(a.SCOPE, __version__, meter_provider=meter_provider, schema_url=a.SCHEMA_URL)
        self._calls: Counter = meter.create_counter(a.METRIC_CALLS, "{call}", "Dispatches, by what came back.")
        self._inherited: Counter = meter.create_counter(
            a.METRIC_INHERITED, "{field}", "Fields that nobody chose and that fell through from the primary."
        )
        self._run: Histogram = meter.create_histogram(
            a.METRIC_DURATION,
            "s",
            "How long an entry point ran.",
            explicit_bucket_boundaries_advisory=_RUN_BUCKETS,
        )
        self._call: Histogram = meter.create_histogram(
            a.METRIC_CLIENT_DURATION,
            "s",
            "How long a model call took.",
            explicit_bucket_boundaries_advisory=_CALL_BUCKETS,
        )
        self._tokens: Histogram = meter.create_histogram(
            a.METRIC_CLIENT_TOKENS,
            "{token}",
            "Tokens that a model call used.",
            explicit_bucket_boundaries_advisory=_TOKEN_BUCKETS,
        )
        self._logger = _logs.get_logger(a.SCOPE, __version__, logger_provider=logger_provider, schema_url=a.SCHEMA_URL)
        # A counter that was exported as 0 first makes its first event an increase that a rule can see.
        for kind in Kind:
            for name in Field:
                self._inherited.add(0, {a.KIND: str(kind), a.FIELD: str(name)})

    def counts(self) -> bool:
        """Whether a meter provider takes what we count; the host may set one at any time."""
        # A proxy of the API; asking for the provider instead would look into os.environ on every call.
        return getattr(self._calls, "_real_instrument", self._calls) is not None

    def tells(self) -> bool:
        """Whether a logger provider takes what we tell; the host may set one at any time."""
        return not isinstance(getattr(self._logger, "_logger", self._logger), NoOpLogger)

    def count(self, dispatch: Dispatch, outcome: Outcome) -> None:
        """Count *dispatch*, independent of whether its span is sampled."""
        inherited = dispatch.provenance.inherited
        who = self._labels.bounded({a.PROVIDER: dispatch.provider, a.MODEL: dispatch.model})
        how: dict[str, Any] = {
            a.KIND: str(dispatch.kind),
            a.OUTCOME_KIND: str(outcome.kind),
            a.INHERITED: bool(inherited),
        }
        self._calls.add(1, {**who, **how})
        for name in inherited:
            self._inherited.add(1, {a.KIND: str(dispatch.kind), a.FIELD: name})

    def time_run(self, dispatch: Dispatch, outcome: Outcome, seconds: float) -> None:
        """Add an entry's duration."""
        self._run.record(seconds, {a.KIND: str(dispatch.kind), a.OUTCOME_KIND: str(outcome.kind)})

    def time_call(self, words: Words, usage: Usage, seconds: float) -> None:
        """Add a model call's duration and tokens, with the labels that semconv asks for."""
        labels = self._labels.bounded({name: words[name] for name in _CLIENT_LABELS if name in words})
        self._call.record(seconds, labels)
        labels.pop(a.ERROR_TYPE, None)
        for kind, tokens in (("input", usage.input), ("output", usage.output)):
            if tokens is not None:
                self._tokens.record(tokens, {**labels, a.TOKEN_TYPE: kind})

    def tell(self, dispatch: Dispatch, words: Words, end_ns: int, span: Span) -> None:
        """Emit the whole record as a log event: a warning where something was inherited."""
        level = SeverityNumber.WARN if dispatch.provenance.inherited else SeverityNumber.INFO
        self._logger.emit(
            LogRecord(
                timestamp=end_ns,
                context=trace.set_span_in_context(span),
                severity_number=level,
                severity_text=level.name,
                body=a.EVENT_RESOLVED,
                attributes=words,
                event_name=a.EVENT_RESOLVED,
            )
        )


_CLIENT_LABELS = (
    a.OPERATION,
    a.PROVIDER_NAME,
    a.REQUEST_MODEL,
    a.RESPONSE_MODEL,
    a.SERVER_ADDRESS,
    a.SERVER_PORT,
    a.ERROR_TYPE,
)


_FORK_WAITS: Final = 1.0


class _Slot:
    """Holds the instruments of this process; they are made when the first dispatch needs them."""

    def __init__(self) -> None:
        # Reentrant: a span that starts while they are made must not wait for itself; other threads do wait.
        self.lock = threading.RLock()
        self.made: Instruments | None = None
        self.make: Callable[[], Instruments | None] | None = None
        self.is_armed = False
        self.folder = ""
        self._is_held = False

    def hold(self) -> None:
        """Have a fork wait while another thread makes them: its child would find neither them nor the lock free."""
        self._is_held = self.lock.acquire(timeout=_FORK_WAITS)

    def let_go(self) -> None:
        """Go on after a fork."""
        if self._is_held:
            self.lock.release()

    def begin_anew(self) -> None:
        """Forget who held the lock: in a child that a fork has made, nobody does."""
        self.lock = threading.RLock()

    def get(self) -> Instruments | None:
        with self.lock:
            make, self.make = self.make, None
            if make is not None:
                self.made = make()
            return self.made


_slot = _Slot()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_slot.hold, after_in_parent=_slot.let_go, after_in_child=_slot.begin_anew)


def instruments() -> Instruments | None:
    """The instruments, made on the first call after `arm`; None where nothing is set up."""
    return _slot.made or (swallow("set-up", _slot.get) if _slot.is_armed else None)


def arm(make: Callable[[], Instruments | None] | None) -> None:
    """Say how instruments are made when the first dispatch needs them; None takes them away."""
    with _slot.lock:
        _slot.made, _slot.make, _slot.is_armed = None, make, make is not None
        _slot.folder = _working_folder()


def is_armed() -> bool:
    """Whether instruments exist or can be made."""
    return _slot.is_armed


def record_file() -> str:
    """The path of the record file, or "" where none is asked for; it stays where it is if the program moves."""
    path = held(recordfile.VARIABLE)
    return path and os.path.join(_slot.folder, path)


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        # Somebody has removed it.
        return ""
