"""How a body that its reader pulls is overheard: while that lasts, the response is of a class of its own kind."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial, wraps
from typing import Any
from weakref import ref

from .guard import succeeds
from .hearing import Hearing, as_is
from .transit import Overheard

Read = Callable[..., Any]
Args = tuple[Any, ...]
Kwargs = Mapping[str, Any]
Hear = Callable[[Any, Any, Read, Args, Kwargs], Any]
"""(listener, response, the response's own method, args, kwargs) → what that method gives."""

Note = Callable[["Listener", Any, Any, Args, Kwargs], None]
"""(listener, response, what its method gave, args, kwargs): hears it; may raise what a fault of ours raises."""

Ears = tuple[tuple[str, Hear], ...]
"""Which methods of a response are overheard, and how."""


class Listener(Overheard):
    """Stands between a response and its reader; it lives on the response, and goes when that goes.

    The response is of a class derived from its own meanwhile. Ears in its ``__dict__`` would have to know it, and a
    response that is dropped unread would keep its connection open until the next garbage collection.
    """

    def __init__(self, response: Any, hearing: Hearing, encoding: str) -> None:
        super().__init__(hearing)
        self._response = ref(response)
        self._raw: Callable[[bytes], bytes] | None = None
        self.encoding = encoding.strip().lower()

    def attend(self, ears: Ears) -> None:
        """Overhear the response from now on."""
        response = self._response()
        if response is not None:
            kind: Any = type(response)
            response.__dict__["_otel_dispatch"] = self
            response.__class__ = _listening(kind, ears)

    def leave(self) -> None:
        """Step aside where there is nothing more to hear."""
        response = self._response()
        if response is not None and self.hearing.is_over and response.__dict__.pop("_otel_dispatch", None) is not None:
            response.__class__ = type(response).__bases__[0]

    @property
    def is_deaf(self) -> bool:
        """Whether what is read now is heard already, or need not be."""
        return self._inside or self.hearing.is_over

    def decoder(self, is_decoded: bool = False) -> Callable[[bytes], bytes]:
        """What turns what is read into what is to be heard; *is_decoded* where the response has done it."""
        if is_decoded or not self.encoding:
            return as_is
        if self._raw is None:
            self._raw = self.hearing.decoder(self.encoding)
        return self._raw

    def heard(self, piece: Any, is_last: bool, decode: Callable[[bytes], bytes] = as_is) -> None:
        """Hear one piece, which may be the last."""
        if piece:
            self.hearing.piece(decode(piece))
        if is_last:
            self.hearing.end()
        self.leave()

    def pull(self, note: Note, response: Any, read: Read, args: Args, kwargs: Kwargs) -> Any:
        """Give what *read* gives, and *note* it; what a response reads from itself meanwhile is not heard twice."""
        self._inside = True
        try:
            given = read(*args, **kwargs)
        except BaseException as error:
            self.broken(error)
            self.leave()
            raise
        finally:
            self._inside = False
        succeeds(note, self, response, given, args, kwargs)
        return given

    _reads = Overheard._reads | {pull.__code__}

    def iterate(self, response: Any, passing: Any, decode: Callable[[bytes], bytes]) -> Iterator[bytes]:
        """Hand on what is *passing*, a generator of the response, and hear each piece of it, decoded."""
        try:
            yield from self.listen(passing, decode)
        finally:
            # Whoever stops early may go on by other means, unless that has closed the response.
            if response.closed:
                self.closed()

    def broken(self, error: BaseException) -> None:
        """Hear that reading failed, which it has not where somebody stops iterating."""
        if not isinstance(error, GeneratorExit):
            super().broken(error)

    def close(self, _: Any, original: Read, args: Args, kwargs: Kwargs) -> None:
        """Hear that nobody reads on; first, as whose span it is may end it with the body."""
        self.closed()
        original(*args, **kwargs)


@cache
def _listening(kind: Any, ears: Ears) -> type:
    """*kind*, a class of responses, with ears; in everything else, its name too, it is the same."""
    same = {name: getattr(kind, name) for name in ("__doc__", "__module__", "__qualname__")}
    heard = {name: _ear(getattr(kind, name), hear) for name, hear in ears if hasattr(kind, name)}
    return type(kind.__name__, (kind,), {**same, **heard})


def _ear(original: Any, hear: Hear) -> Any:
    is_close = hear is Listener.close

    @wraps(original)
    def ear(response: Any, *args: Any, **kwargs: Any) -> Any:
        # Nothing global: at its exit an interpreter closes what is still open after it has emptied this module.
        listener = response.__dict__.get("_otel_dispatch")
        if listener is None or (listener.is_deaf and not is_close):
            return original(response, *args, **kwargs)
        return hear(listener, response, partial(original, response), args, kwargs)

    return ear
