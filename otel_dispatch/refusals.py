"""What OpenTelemetry's SDK cannot deliver: told once, in a sentence of ours that quotes no value."""

import logging

from .guard import log, once
from .legible import clean


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
