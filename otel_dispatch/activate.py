"""Switching on and off: from the environment, as an OpenTelemetry instrumentor, in code; and a bounded exit."""

import atexit
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from . import _sentry
from .guard import swallow

if TYPE_CHECKING:
    from .instruments import Instruments
    from .sdk import Providers

EXIT_SECONDS: Final = 1.0
"""What closing may take at exit; with a dead endpoint the whole exit stays under 1.5 s."""

_is_on = False
_given: dict[str, Any] = {}
_owned: "Providers | None" = None
_wait: list[Callable[[], None]] = []


def is_on() -> bool:
    """Whether this process is instrumented, which a start-up that still waits does now: we are being used."""
    for start in _wait[:1]:
        _wait.clear()
        start()
    return _is_on


def wait(start: Callable[[], None]) -> None:
    """Have *start* called where a function of ours is used before anything else that we listen to."""
    _wait.append(start)


def instrument(**providers: Any) -> None:
    """Put the seams in; a second call does nothing.

    The SDK is set up when the first dispatch starts, and only where the host has no tracer provider by then, so a
    host that sets one after importing its libraries keeps it. *providers* may give ``tracer_provider``,
    ``meter_provider`` and ``logger_provider``.
    """
    global _is_on, _given
    if not _is_on:
        _is_on, _given = True, providers
        _wait.clear()
        _sentry.dismiss()
        swallow("instrument", _instrument)


def uninstrument() -> None:
    """Take the seams out, put the originals back, and end what is still open."""
    global _is_on
    if _is_on:
        _is_on = False
        swallow("uninstrument", _uninstrument)


def _instrument() -> None:
    from . import baton, guests, hosts, instruments, patch, transports
    from .seam import Seam

    baton.receive(os.environ)
    instruments.arm(_prepare)
    for seam in (*transports.seams(), *hosts.seams()):
        patch.install(seam)
    guests.welcome()
    # The first span that anybody starts without a provider is the last moment to set one up.
    for name in ("start_span", "start_as_current_span"):
        patch.install(Seam("opentelemetry.trace", f"ProxyTracer.{name}", _first_span))


def _uninstrument() -> None:
    from . import aloft, guests, hosts, instruments, patch
    from .keeper import keeper

    guests.dismiss()
    patch.remove_all()
    hosts.stop()
    aloft.end_all()
    instruments.arm(None)
    if _owned is not None:
        keeper.finish(_owned.flush, EXIT_SECONDS)


def _prepare() -> "Instruments":
    global _owned
    from . import hosts, recordfile, sdk
    from .instruments import Instruments, record_file
    from .keeper import keeper, unpiped

    if not _given and _owned is None and not sdk.is_provided():
        with unpiped():
            _owned = sdk.set_up()
        keeper.flush = _owned.flush
    keeper.on_start = _on_keeper
    # Registered now, so that it runs before the exit handlers of a provider that the host made earlier.
    atexit.unregister(_at_exit)
    atexit.register(_at_exit)
    hosts.report_missing()
    if path := record_file():
        recordfile.append(path, None)
    return Instruments(**_given)


def _first_span(wrapped: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    from .instruments import instruments
    from .keeper import keeper

    if instruments() is not None and _owned is not None:
        # It sends what is queued at exit, also where all of that is the host's own; then no thread can start any more.
        swallow("keeper", keeper.wake)
    return wrapped(*args, **kwargs)


def _on_keeper() -> None:
    # A forked worker of multiprocessing leaves by os._exit, which runs its own finalisers and no atexit.
    multiprocessing = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None and process is not None and process.parent_process() is not None:
        multiprocessing.Finalize(None, _at_exit, exitpriority=0)


def _at_exit() -> None:
    from . import aloft
    from .keeper import keeper

    swallow("exit", aloft.end_all)
    if _owned is not None:
        # What an entry's end has set off for later would find the exporters shut down, and they say so.
        keeper.flush = None
        keeper.finish(_owned.close, EXIT_SECONDS)
