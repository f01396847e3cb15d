"""A sampler that keeps every span of an inherited route, whatever the sampler it wraps says of the others."""

import os
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import DEFAULT_ON, Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from . import attributes as a
from .guard import swallow, warn

NAME: Final = "dispatch_inherited"
"""What OTEL_TRACES_SAMPLER says to have it."""

_ASKED: Final = "OTEL_TRACES_SAMPLER"
_ARGUMENT: Final = "OTEL_TRACES_SAMPLER_ARG"
_GROUP: Final = "opentelemetry_traces_sampler"
_RATIOS: Final = frozenset({"traceidratio", "parentbased_traceidratio"})
_SDKS: Final = _RATIOS | {"always_on", "always_off", "parentbased_always_on", "parentbased_always_off"}


class InheritedSampler(Sampler):
    """Samples a span that starts with ``dispatch.inherited`` true; of any other its *base* decides."""

    def __init__(self, base: Sampler) -> None:
        self._base = base

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Give the decision of the base, or one to record and sample with the base's trace state."""
        found = self._base.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if not attributes or attributes.get(a.INHERITED) is not True or found.decision is Decision.RECORD_AND_SAMPLE:
            return found
        # A sampler that drops a span gives its attributes up, and the SDK takes them from its answer.
        return SamplingResult(Decision.RECORD_AND_SAMPLE, {**attributes, **found.attributes}, found.trace_state)

    def get_description(self) -> str:
        """Give the name that logs and debuggers show."""
        return f"InheritedSampler{{{self._base.get_description()}}}"


def inherited(argument: str | None = None) -> Sampler:
    """Give the sampler that *argument* asks for: a ratio, or the name of the base, or ``name:its argument``.

    A ratio is ``parentbased_traceidratio``'s; nothing is OpenTelemetry's default, which samples every trace that its
    caller samples. What is none of these is warned of once and is the default, too.
    """
    asked = (argument or "").strip()
    base = _base(asked) if asked else DEFAULT_ON
    if base is None:
        warn("%s: a ratio from 0 to 1 or a sampler (name or name:argument) is expected; all is sampled.", _ARGUMENT)
    return InheritedSampler(base or DEFAULT_ON)


def asked_for() -> Sampler | None:
    """Give the sampler that the environment asks for by an entry point; None where the SDK itself reads the variables.

    The SDK looks at entry points only where ``opentelemetry-instrument`` sets it up.
    """
    name = os.environ.get(_ASKED, "").strip().lower()
    if not name or name in _SDKS:
        return None
    argument = os.environ.get(_ARGUMENT, "").strip()
    found = inherited(argument) if name == NAME else _named(name, argument)
    if found is None:
        warn("%s: there is no such sampler, or it could not be made; all is sampled.", _ASKED)
    return found or DEFAULT_ON


def _base(asked: str) -> Sampler | None:
    name, _, argument = asked.partition(":")
    if _ratio(asked) is not None:
        name, argument = "parentbased_traceidratio", asked
    name = name.strip().lower()
    return None if name == NAME else _named(name, argument.strip())


def _named(name: str, argument: str) -> Sampler | None:
    given: Any = _ratio(argument) if name in _RATIOS else argument
    found = next(iter(entry_points(group=_GROUP, name=name)), None)
    if found is None or given is None:
        return None
    made = swallow(f"the sampler {name}", lambda: found.load()(given))
    return made if isinstance(made, Sampler) else None


def _ratio(text: str) -> float | None:
    try:
        ratio = float(text)
    except ValueError:
        return None
    return ratio if 0 <= ratio <= 1 else None
