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

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            return (yield from (watch(args, kwargs) if activate.is_on() else function(*args, **kwargs)))

        return generator
    if inspect.isasyncgenfunction(function):
        return _like_async_generator(function, watch)

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        return watch(args, kwargs) if activate.is_on() else function(*args, **kwargs)

    return plain


def _like_async_generator(function: Any, watch: Callable[[tuple[Any, ...], dict[str, Any]], Any]) -> Any:
    @functools.wraps(function)
    async def generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        # Python has no "yield from" for async generators: values and exceptions are passed on by hand.
        inner = watch(args, kwargs) if activate.is_on() else function(*args, **kwargs)
        step = inner.asend(None)
        while True:
            try:
                item = await step
            except StopAsyncIteration:
                return
            try:
                step = inner.asend((yield item))
            except GeneratorExit:
                await inner.aclose()
                raise
            except BaseException as error:
                step = inner.athrow(error)

    return generator
