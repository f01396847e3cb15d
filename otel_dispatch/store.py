"""Where the SDK keeps a span's attributes: written to directly where it is as we know it, else by the public API.

The API checks and copies each value anew. Ours are short scalars already, and to check them again would cost a call
about as much as to read its answer.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer

_SAMPLERS: Final = frozenset(
    {"DefaultOff", "DefaultOn", "ParentBased", "ParentBasedTraceIdRatio", "StaticSampler", "TraceIdRatioBased"}
)
_PROCESSORS: Final = frozenset({"BatchSpanProcessor", "SimpleSpanProcessor"})
_latest: tuple[object, object, bool] = (None, None, False)


def start(tracer: Tracer, name: str, parent: Context, words: dict[str, Any], start_ns: int) -> Span:
    """A client's span with *words* on it from its start, where a sampler or a processor that looks sees them."""
    if not _is_unseen(tracer):
        # They may keep what they are given, but not write to it.
        seen = MappingProxyType(words)
        return tracer.start_span(name, parent, SpanKind.CLIENT, seen, start_time=start_ns)
    span = tracer.start_span(name, parent, SpanKind.CLIENT, start_time=start_ns)
    put(span, words)
    return span


def put(span: Span, words: Mapping[str, Any]) -> None:
    """Set *words* on *span*, which is open: clean strings, numbers, booleans, and tuples of them."""
    store: Any = getattr(span, "_attributes", None)
    # An older SDK leaves the store of a span that has ended as open as it was.
    if type(store) is not BoundedAttributes or not (span.is_recording() and _takes(store, len(words))):
        span.set_attributes(words)
        return
    with store._lock:
        store._dict.update(words)


def read(span: Span) -> Mapping[str, Any] | None:
    """The attributes of *span* as they are now, to look into at once; None where it does not say."""
    store: Any = getattr(span, "_attributes", None)
    if type(store) is BoundedAttributes and type(found := getattr(store, "_dict", None)) is dict:
        return found
    told: Mapping[str, Any] | None = getattr(span, "attributes", None)
    return told


def take_away(span: Span, names: Iterable[str]) -> None:
    """Take the attributes *names* off *span*; where nothing lets us, an empty value says "no longer"."""
    store: Any = getattr(span, "_attributes", None)
    for name in names:
        try:
            del store[name]
        except (TypeError, KeyError):
            span.set_attribute(name, "")


def _takes(store: Any, count: int) -> bool:
    try:
        kept, most = store._dict, store.maxlen
        is_roomy = most is None or len(kept) + count <= most
        return is_roomy and type(kept) is dict and store.max_value_len is None and not store._immutable
    except AttributeError:
        return False


def _is_unseen(tracer: Any) -> bool:
    """Whether nobody looks at a span's attributes at its start: the SDK's own samplers and processors do not."""
    global _latest
    tracer = getattr(tracer, "_tracer", tracer)
    sampler, processors = (
        getattr(tracer, "sampler", None),
        getattr(getattr(tracer, "span_processor", None), "_span_processors", None),
    )
    # Read once: another thread may put another tracer's answer in its place.
    known = _latest
    if sampler is known[0] and processors is known[1]:
        return known[2]
    found = (
        type(tracer).__module__ == "opentelemetry.sdk.trace"
        and isinstance(processors, tuple)
        and all(_is_one_of(_PROCESSORS, "opentelemetry.sdk.trace.export", each) for each in processors)
        and _is_blind(sampler)
    )
    _latest = sampler, processors, found
    return found


def _is_blind(sampler: object) -> bool:
    own = _is_one_of(_SAMPLERS, "opentelemetry.sdk.trace.sampling", sampler)
    # A sampler by parents asks others.
    others = [each for each in vars(sampler).values() if hasattr(each, "should_sample")] if own else []
    return own and all(map(_is_blind, others))


def _is_one_of(names: frozenset[str], module: str, thing: object) -> bool:
    return type(thing).__name__ in names and type(thing).__module__ == module
