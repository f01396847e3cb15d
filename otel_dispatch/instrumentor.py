"""The instrumentor that ``opentelemetry-instrument`` and OpenTelemetry's operators load."""

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import (  # type: ignore[attr-defined]
    BaseInstrumentor,
)

from . import activate


class DispatchInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """otel_dispatch behind OpenTelemetry's own interface; it needs no library to be there."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Give no dependency: a library that is not there is not observed."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        activate.instrument(**{name: value for name, value in kwargs.items() if name.endswith("r_provider") and value})

    def _uninstrument(self, **_: Any) -> None:
        activate.uninstrument()
