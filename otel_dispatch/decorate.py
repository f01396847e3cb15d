"""The decorator's side of an entry point: plain functions of the same kind, so that nothing can tell them apart."""

import functools
import inspect
import os
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from . import activate
from .vocabulary import Kind


def decorated(kind: str, name: str | None, definition: str | os.PathLike[str] | None, function: Any) -> Any:
    """*function* marked as an entry point of *kind*; it is looked at only while the process is instrumented."""
    # Relative to where the program was when it said so, and not to where it goes.
    path = None if definition is None else os.path.abspath(os.fspath(definition))
    if isinstance(function, staticmethod | classmethod):
        return type(function)(decorated(kind, name, path, function.__func__))

    def watch(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from .drive import watch
        from .entry import EntryPoint

        return watch(EntryPoint(Kind(kind), name, path), function, args, kwargs)

    return _like(function, watch)


def _like(function: Any, watch: Callable[[tuple[Any, ...], dict[str, Any]], Any]) -> Any:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            return await (watch(args, kwargs) if activate.is_on() else function(*args, **kwargs))

        return coroutine
    if inspect.isgeneratorfunction(function):
        return _like_generator(function, watch)
    if inspect.isasyncgenfunction(function):
        return _like_async_generator(function, watch)

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        return watch(args, kwargs) if activate.is_on() else function(*args, **kwargs)

    return plain


def _like_generator(function: Any, watch: Callable[[tuple[Any, ...], dict[str, Any]], Any]) -> Any:
    @functools.wraps(function)
    def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        # By hand, as "yield from" closes what it delegates to, and does not tell it of a GeneratorExit that is thrown.
        inner = watch(args, kwargs) if activate.is_on() else function(*args, **kwargs)
        sent, thrown = None, None
        while True:
            try:
                items = [inner.send(sent) if thrown is None else inner.throw(thrown)]
            except StopIteration as stop:
                return stop.value
            finally:
                sent = thrown = None
            try:
                sent = yield items.pop()
            except BaseException as error:
                thrown = error

    return generator


def _like_async_generator(function: Any, watch: Callable[[tuple[Any, ...], dict[str, Any]], Any]) -> Any:
    @functools.wraps(function)
    async def generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner = watch(args, kwargs) if activate.is_on() else function(*args, **kwargs)
        sent, thrown = None, None
        while True:
            try:
                items = [await (inner.asend(sent) if thrown is None else inner.athrow(thrown))]
            except StopAsyncIteration:
                return
            finally:
                sent = thrown = None
            try:
                sent = yield items.pop()
            except BaseException as error:
                thrown = error

    return generator
