"""The standard library's `urllib.request`: `OpenerDirector.open`; a refusal, which is raised, is an answer, too."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ..dialects import Dialect
from ..ears import Args, Kwargs, Listener, Read
from ..emit import Flight
from ..guard import guarded, succeeds
from ..hearing import Hearing
from ..instruments import is_armed
from ..seam import Seam
from ..transit import DEFAULT_PORTS, Departed, depart, route_at


def open_url(wrapped: Callable[..., Any], _: Any, args: Args, kwargs: dict[str, Any]) -> Any:
    """Watch a request, and the redirects and log-ins that its opener makes of it."""
    asked = args[0] if args else kwargs.get("fullurl")
    data = args[1] if len(args) > 1 else kwargs.get("data")
    if data is None:
        data = getattr(asked, "data", None)
    if data is None or not is_armed():
        return wrapped(*args, **kwargs)
    departed = _depart(asked, data)
    return wrapped(*args, **kwargs) if departed is None else _fly(departed, wrapped, args, kwargs)


@guarded
def _depart(asked: Any, data: Any) -> Departed | None:
    is_text = isinstance(asked, str)
    route = route_at(urlsplit(asked).path if is_text else asked.selector)
    if route is None or not (is_text or asked.get_method() == "POST"):
        return None
    url = urlsplit(asked if is_text else asked.full_url)
    # A body that is sent from a generator or a file cannot be read without taking it from the host.
    body = bytes(data) if isinstance(data, bytes | bytearray) else b""
    return depart(*route, url.hostname or "", url.port or DEFAULT_PORTS.get(url.scheme), body, "")


def _fly(departed: Departed, wrapped: Callable[..., Any], args: Args, kwargs: Kwargs) -> Any:
    _, flight = departed
    token = None
    try:
        token = flight.enter()
        response = wrapped(*args, **kwargs)
    except BaseException as error:
        _land(departed, error)
        raise
    finally:
        flight.leave(token)
    _land(departed, response)
    return response


def _land(departed: Departed, came: Any) -> None:
    if not succeeds(_arrive, *departed, came):
        departed[1].lose()


def _arrive(dialect: Dialect, flight: Flight, came: Any) -> None:
    if isinstance(came, BaseException) and not hasattr(came, "fp"):
        flight.fail(came)
        return
    flight.answered(came.status, came.headers.items())
    response = _response_in(came)
    hearing = Hearing(flight, dialect, came.headers.get("content-type", ""))
    if response is None:
        flight.reply.unread = True
        flight.arrive()
    elif response.isclosed():
        hearing.whole(b"")
    else:
        flight.stream()
        Listener(response, hearing, came.headers.get("content-encoding", "")).attend(_EARS)


def _response_in(came: Any) -> Any:
    # An error stands around its response, and a host's own handlers may put something around any.
    return next((one for one in (came, getattr(came, "fp", None)) if hasattr(type(one), "isclosed")), None)


def _read(listener: Listener, response: Any, read: Read, args: Args, kwargs: Kwargs) -> Any:
    return listener.pull(_note, response, read, args, kwargs)


def _read_some(listener: Listener, response: Any, read: Read, args: Args, kwargs: Kwargs) -> Any:
    return listener.pull(_note_some, response, read, args, kwargs)


def _read_into(listener: Listener, response: Any, read: Read, args: Args, kwargs: Kwargs) -> Any:
    return listener.pull(_note_into, response, read, args, kwargs)


def _note(listener: Listener, response: Any, piece: Any, args: Args, kwargs: Kwargs) -> None:
    amount = args[0] if args else kwargs.get("amt")
    takes_all = amount is None or amount < 0
    listener.heard(piece, takes_all or _is_read(response) or not (piece or amount == 0), listener.decoder())


def _note_some(listener: Listener, response: Any, piece: Any, args: Args, kwargs: Kwargs) -> None:
    asked_for_none = 0 in (*args, *kwargs.values())
    listener.heard(piece, _is_read(response) or not (piece or asked_for_none), listener.decoder())


def _note_into(listener: Listener, response: Any, length: int, args: Args, kwargs: Kwargs) -> None:
    with memoryview(args[0] if args else kwargs["b"]) as room:
        piece = bytes(room.cast("B")[:length])
        listener.heard(piece, _is_read(response) or not (length or not room.nbytes), listener.decoder())


def _is_read(response: Any) -> bool:
    return bool(response.isclosed() or response.length == 0)


_EARS = (
    ("read", _read),
    ("read1", _read_some),
    ("readline", _read_some),
    ("readinto", _read_into),
    ("close", Listener.close),
)

SEAMS = (Seam("urllib.request", "OpenerDirector.open", open_url),)
