"""One request of the host, over all the attempts and redirects that a library makes of it by itself."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from opentelemetry.context import Context

from . import context
from .guard import swallow
from .instruments import is_armed
from .transit import Departed, route_at


class Trip:
    """A ``with`` block in which one request of the host is sent, as often as the library sends it.

    ``flying`` is the attempt whose answer has not come yet, ``parked`` the one that was answered with a redirect that
    may be followed, ``sent`` how many attempts there were, ``base`` the context of the first.
    """

    __slots__ = ("_token", "base", "flying", "parked", "sent")

    def __init__(self) -> None:
        self.base: Context | None = None
        self.flying: Departed | None = None
        self.parked: Departed | None = None
        self.sent = 0
        self._token: Any = None

    def __enter__(self) -> "Trip":
        self._token = _under_way.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        context.detach(self._token)
        if self.parked is not None:
            # Nobody followed it: then the redirect was the answer.
            self.parked[1].arrive()

    def resume(self) -> Departed | None:
        """Give the call that was answered with a redirect, which is followed now."""
        departed, self.parked = self.parked, None
        # It has been counted already.
        self.sent -= 1
        return departed


_under_way: ContextVar[Trip | None] = ContextVar("otel_dispatch_trip", default=None)


def trip_here() -> Trip | None:
    """The trip that is under way."""
    return _under_way.get()


def follow(method: Any, url: Any, wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call *wrapped*, which follows redirects by itself, and have what it sends be one trip."""
    if method != "POST" or not is_armed() or swallow("trip.follow", route_at, url) is None:
        return wrapped(*args, **kwargs)
    above = _under_way.get()
    if above is not None and above.parked is not None:
        return wrapped(*args, **kwargs)
    with Trip():
        return wrapped(*args, **kwargs)
