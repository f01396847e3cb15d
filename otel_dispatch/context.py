"""Which dispatch we are inside, carried in OpenTelemetry's context: across tasks, and threads that copy it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.context import Context

from .guard import warn
from .origins import Known, origin_of
from .record import Primary, Requested
from .room import Room
from .tally import Tally
from .vocabulary import Field, Origin, clean

ROLES = ("primary", "escalation")
RESOLVED_LIMIT = 16
"""How many resolved values a scope remembers; the oldest is forgotten."""

_KEY = otel.create_key("otel_dispatch.frame")
_SUPPRESSED = (
    getattr(otel, "_SUPPRESS_INSTRUMENTATION_KEY", ""),
    "suppress_instrumentation",
    "suppress_language_model_instrumentation",
)


@dataclass(frozen=True, slots=True)
class Frame:
    """The surroundings of a call: what is known of origins, what was asked for, and the entries above it."""

    known: Known = Known()
    requested: Requested = Requested()
    room: Room | None = None
    tallies: tuple[Tally, ...] = ()
    in_flight: bool = False


_outermost = Frame()
_parent: Context | None = None


def begin(frame: Frame, parent: Context | None) -> None:
    """Set what surrounds everything in this process: what a parent process left us (see `baton`)."""
    global _outermost, _parent
    _outermost, _parent = frame, parent


IN_FLIGHT = Frame(in_flight=True)
"""The frame inside a call that is being observed: no inner layer opens another."""


def here() -> Context:
    """The current context of OpenTelemetry; asking costs, so it is handed to the functions that look into it."""
    return otel.get_current()


def current(now: Context | None = None) -> Frame:
    """The innermost frame of *now*: the context's, else what the parent process left."""
    frame = (here() if now is None else now).get(_KEY)
    return frame if isinstance(frame, Frame) else _outermost


def is_suppressed(now: Context | None = None) -> bool:
    """Whether somebody asked, by OpenTelemetry's or OpenLLMetry's context key, that no span be made in *now*."""
    now = here() if now is None else now
    return bool(now) and any(now.get(key) for key in _SUPPRESSED)


def parent_context(now: Context | None = None) -> Context:
    """The context to start a span in: *now*, with the parent process's span where it has none of its own."""
    now = here() if now is None else now
    if _parent is None or trace.get_current_span(now).get_span_context().is_valid:
        return now
    return trace.set_span_in_context(trace.get_current_span(_parent), now)


def has_parent() -> bool:
    """Whether a parent process left a span for ours to lie below."""
    return _parent is not None


def with_frame(frame: Frame, base: Context | None = None) -> Context:
    """*base*, or the current context, with *frame* in it."""
    return otel.set_value(_KEY, frame, base)


def attach(context: Context) -> Any:
    """Make *context* current; give the token for `detach`."""
    return otel.attach(context)


def detach(token: Any) -> None:
    """Undo `attach`; does nothing where the token belongs to another task's context."""
    # opentelemetry's own detach logs a traceback when a generator is closed in another task.
    try:
        token.var.reset(token)
    except (ValueError, RuntimeError, AttributeError, LookupError):
        # A garbage collection that strikes as a context is set may have a finaliser undo more than its own.
        return


def leave(token: Any, before: Context) -> None:
    """Undo `attach`, also where an interrupt struck before it gave its *token*: then *before* is put back."""
    attach(before) if token is None else detach(token)


class Scope:
    """A ``with`` block with a frame of its own; at its end the empties that wait in its room are settled."""

    __slots__ = ("_change", "_room", "_tokens")

    def __init__(self, change: Callable[[Frame], Frame], room: Room | None = None) -> None:
        self._change, self._room = change, room
        self._tokens: list[Any] = []

    def __enter__(self) -> None:
        before = here()
        try:
            self._tokens.append(attach(with_frame(self._change(current(before)), before)))
        except BaseException:
            # Nobody leaves what was never entered.
            attach(before)
            raise

    def __exit__(self, *_: object) -> None:
        if self._room is not None:
            self._room.close()
        if self._tokens:
            detach(self._tokens.pop())


def scope(role: str, values: Mapping[str, object]) -> Scope:
    """A scope of *role*, with the primary's values (role ``primary``) or what the escalation chose."""
    given = {name: clean(str(value)) for name, value in values.items() if value is not None and name in set(Field)}
    for name in values.keys() - set(Field):
        warn("scope(%r): %r is not one of %s and is left out.", role, name, ", ".join(Field))
    if role not in ROLES:
        warn("scope(%r): the role is not one of %s; it counts as a plain scope.", role, ", ".join(ROLES))
    room = Room()

    def change(frame: Frame) -> Frame:
        return replace(frame, known=_known_in(role, given, frame.known), room=room)

    return Scope(change, room)


def provenance(origins: Mapping[str, object]) -> Scope:
    """A scope in which *origins* says where the named fields come from."""
    mine = origins_of(origins, "provenance()")

    def change(frame: Frame) -> Frame:
        declared = MappingProxyType({**frame.known.declared, **mine})
        return replace(frame, known=replace(frame.known, declared=declared))

    return Scope(change)


def attempts() -> Scope:
    """A scope whose calls are attempts at one logical call."""
    room = Room(one_call=True)
    return Scope(lambda frame: replace(frame, room=room), room)


def note(name: str, candidates: Mapping[str, Any]) -> None:
    """Remember, for the calls below, the origin of the first of *candidates* (origin → value) that is not None."""
    for word in candidates:
        if origin_of(word) is None:
            warn("resolve(%r): %r is not one of the origins %s.", name, word, ", ".join(Origin))
    if name not in set(Field):
        warn("resolve(%r): it is not one of the fields %s.", name, ", ".join(Field))
    for word, value in candidates.items():
        if value is not None:
            _note(name, clean(str(value)), origin_of(word) or Origin.UNKNOWN)
            return


def requested_here(provider: str | None, model: str | None) -> Requested:
    """What is asked for here: the given values, else those of the entries above."""
    above = current().requested
    return Requested(provider or above.provider, model or above.model)


def origins_of(given: Mapping[str, object], where: str) -> dict[str, Origin]:
    """The declared origins that *given* holds; a word of no vocabulary is told once, naming *where*, and left out."""
    found: dict[str, Origin] = {}
    for name, word in given.items():
        origin = origin_of(str(word))
        if name not in set(Field) or origin is None:
            # Without the word: it may come from the environment, which is not to be recorded.
            warn(
                "%s: %s is not one of the fields with one of the origins %s; it is left out.",
                where,
                name,
                ", ".join(Origin),
            )
        else:
            found[name] = origin
    return found


def _known_in(role: str, given: dict[str, str], known: Known) -> Known:
    if role == "primary":
        return replace(known, primary=Primary(**given) if given else known.primary, escalating=False)
    if role == "escalation":
        # What was resolved outside was resolved for the primary: in here its equality is inheritance.
        chosen = dict.fromkeys(given.items(), Origin.ESCALATION_OVERRIDE)
        return replace(known, escalating=True, resolved=MappingProxyType(chosen))
    return known


def _note(name: str, value: str, origin: Origin) -> None:
    frame = current()
    resolved = {key: found for key, found in frame.known.resolved.items() if key != (name, value)}
    while len(resolved) >= RESOLVED_LIMIT:
        del resolved[next(iter(resolved))]
    resolved[name, value] = origin
    known = replace(frame.known, resolved=MappingProxyType(resolved))
    # Never detached: it lasts until the scope, span or task around it ends, which restores its own context.
    attach(with_frame(replace(frame, known=known)))
