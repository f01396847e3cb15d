"""Which provider, model, wire format and thinking config did this agent step really use, and whence?

Every call here is a no-op where nothing is switched on, and none raises at run time.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from . import activate
from .guard import swallow, warn
from .version import __version__

F = TypeVar("F", bound=Callable[..., Any])

__all__ = [
    "__version__",
    "attempts",
    "entry_point",
    "instrument",
    "propagation_env",
    "provenance",
    "resolve",
    "scope",
    "uninstrument",
]


def instrument(**providers: Any) -> None:
    """Switch on in this process, as ``DISPATCH_OTEL=1`` does; a second call does nothing.

    *providers* may give ``tracer_provider``, ``meter_provider`` and ``logger_provider``, as OpenTelemetry's own
    instrumentors take them; without, the process's are used, and set up where the host has none by the first call.
    """
    activate.instrument(**providers)


def uninstrument() -> None:
    """Switch off: the originals are put back, and what is open is ended."""
    activate.uninstrument()


def entry_point(
    kind: str, name: str | None = None, definition: str | os.PathLike[str] | None = None
) -> Callable[[F], F]:
    """Mark a function, coroutine function, generator or async generator as an entry point.

    *kind* is ``run_skill``, ``report_bug``, ``fleet_dispatch`` or ``agent``; *name* is what it runs (the skill, the
    recipe or the agent), read from an argument of that name where it is not given. *definition* is the file that
    defines it, whose hash is recorded at each run. A wrong kind is told once, and the function is left as it is.
    """

    def decorate(function: F) -> F:
        from .vocabulary import ENTRY_KINDS

        if kind not in ENTRY_KINDS:
            words = ", ".join(sorted(ENTRY_KINDS))
            warn("entry_point(%r) on %s: the kind is not one of %s.", kind, _place(function), words)
            return function
        from .decorate import decorated

        found = swallow("entry_point", decorated, kind, name, definition, function)
        return function if found is None else found

    return decorate


def scope(role: str, **values: str | None) -> AbstractContextManager[None]:
    """A block in which calls are made for *role*: ``primary``, whose *values* would be inherited, or ``escalation``.

    Inside an escalation a call whose provider or model equals the primary's, and that nobody chose, is
    ``inherited_from_primary``; one that differs is ``escalation_override``.
    """
    return _scope("scope", role, values)


def provenance(**origins: str) -> AbstractContextManager[None]:
    """A block in which *origins* declares where fields come from: ``provenance(provider="operator_pin")``."""
    return _scope("provenance", origins)


def attempts() -> AbstractContextManager[None]:
    """A block around an application's own retry loop: the calls in it are attempts at one logical call."""
    return _scope("attempts")


def resolve(field: str, /, **candidates: Any) -> Any:
    """The first of *candidates* (origin = value) that is not None, or None; its origin is known to the calls below."""
    if activate.is_on():
        from . import context

        swallow("resolve", context.note, field, candidates)
    return next((value for value in candidates.values() if value is not None), None)


def propagation_env(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """A copy of *env* (the process's own where None) for a child process, with TRACEPARENT and the scope in it."""
    copy = dict(os.environ if env is None else env)
    if not activate.is_on():
        return copy
    from . import baton

    return swallow("propagation_env", baton.hand_on, copy) or copy


def _scope(name: str, *arguments: Any) -> AbstractContextManager[None]:
    if not activate.is_on():
        return nullcontext()
    from . import context

    made: AbstractContextManager[None] | None = swallow(name, getattr(context, name), *arguments)
    return nullcontext() if made is None else made


def _place(function: Any) -> str:
    return getattr(function, "__qualname__", None) or type(function).__qualname__
