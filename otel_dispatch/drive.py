"""Drives an entry point as what it is: a function, a coroutine, a generator or an async generator."""

import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from typing import Any, Protocol

from opentelemetry import context as otel
from opentelemetry.context import Context

from . import context
from .entry import EntryPoint, begin
from .instruments import instruments


class Along(Protocol):
    """What goes along with a call: the context to make it in, which is first asked for as it begins, and its end."""

    @property
    def context(self) -> Context:
        """The context that the call is made in."""

    def end(self, error: BaseException | None = None) -> None:
        """Hear that it has come to its end, or raised *error*; must not raise."""

    def collected(self, error: BaseException) -> None:
        """Hear that its generator was closed; must not raise."""


def along(one: Along, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call *function*, which makes a coroutine or a generator of some kind, with *one* along from its first step."""
    if inspect.isgeneratorfunction(function):
        return named(drive_generator(one, None, function, args, kwargs), function)
    driven = drive_async_generator if inspect.isasyncgenfunction(function) else drive_coroutine
    return named(driven(one, None, function, args, kwargs), function)


def watch(entry: EntryPoint, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call *function* as a run of *entry*, whatever kind of function it is; what it returns is of the same kind."""
    if instruments() is None or context.is_suppressed():
        return function(*args, **kwargs)
    if inspect.iscoroutinefunction(function):
        return named(drive_coroutine(None, entry, function, args, kwargs), function)
    if inspect.isgeneratorfunction(function):
        return named(drive_generator(None, entry, function, args, kwargs), function)
    if inspect.isasyncgenfunction(function):
        return named(drive_async_generator(None, entry, function, args, kwargs), function)
    return call(entry, function, args, kwargs)


def call(entry: EntryPoint, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a plain function as a run of *entry*."""
    run = begin(entry, function, args, kwargs)
    return function(*args, **kwargs) if run is None else call_along(run, function, args, kwargs)


def call_along(one: Along, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a plain function with *one* along, which goes on along a coroutine or generator that it returns."""
    before, token = otel.get_current(), None
    try:
        token = context.attach(one.context)
        result = function(*args, **kwargs)
    except BaseException as error:
        one.end(error)
        raise
    finally:
        context.leave(token, before)
    for is_kind, drive in _DRIVEN:
        if is_kind(result):
            return named(drive(one, None, partial(_given, result, _Dropped(one)), (), {}), result)
    one.end()
    return result


async def drive_coroutine(
    run: Along | None,
    entry: EntryPoint | None,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Await *function* as a run, which begins when it is first awaited."""
    run = run if entry is None else run or begin(entry, function, args, kwargs)
    if run is None:
        return await function(*args, **kwargs)
    before, token = otel.get_current(), None
    try:
        token = context.attach(run.context)
        result = await function(*args, **kwargs)
    except BaseException as error:
        run.end(error)
        raise
    else:
        run.end()
        return result
    finally:
        context.leave(token, before)


def drive_generator(
    run: Along | None,
    entry: EntryPoint | None,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Generator[Any, Any, Any]:
    """Step *function*'s generator as a run, which begins with its first step; the reader's context stays its own."""
    run = run if entry is None else run or begin(entry, function, args, kwargs)
    here = None if run is None else run.context
    sent, thrown, _dropped = None, None, _Dropped(run)
    generator = function(*args, **kwargs)
    while True:
        before, token = otel.get_current(), None
        try:
            token = None if here is None else context.attach(here)
            items = [generator.send(sent) if thrown is None else generator.throw(thrown)]
        except StopIteration as stop:
            _end(run, None, thrown)
            return stop.value
        except BaseException as error:
            _end(run, error, thrown)
            raise
        finally:
            # Kept, an exception would keep this frame, which keeps it.
            sent = thrown = None
            if here is not None:
                here = otel.get_current()
                context.leave(token, before)
        try:
            sent = yield items.pop()
        except BaseException as error:
            thrown = error


async def drive_async_generator(
    run: Along | None,
    entry: EntryPoint | None,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> AsyncGenerator[Any, Any]:
    """Step *function*'s async generator as a run, which begins with its first step."""
    run = run if entry is None else run or begin(entry, function, args, kwargs)
    here = None if run is None else run.context
    sent, thrown, _dropped = None, None, _Dropped(run)
    generator = function(*args, **kwargs)
    while True:
        before, token = otel.get_current(), None
        try:
            token = None if here is None else context.attach(here)
            items = [await (generator.asend(sent) if thrown is None else generator.athrow(thrown))]
        except StopAsyncIteration:
            _end(run, None, thrown)
            return
        except BaseException as error:
            _end(run, error, thrown)
            raise
        finally:
            sent = thrown = None
            if here is not None:
                here = otel.get_current()
                context.leave(token, before)
        try:
            sent = yield items.pop()
        except BaseException as error:
            thrown = error


def _end(run: Along | None, error: BaseException | None, thrown: BaseException | None) -> None:
    if run is None:
        return
    if isinstance(thrown, GeneratorExit):
        # It was closed, perhaps by a garbage collection, however well it took it.
        run.collected(error or thrown)
    else:
        run.end(error)


class _Dropped:
    """Ends a run whose generator or coroutine is gone: it was never begun, or went on as it was closed."""

    __slots__ = ("_run",)

    def __init__(self, run: Along | None) -> None:
        self._run = run

    def __del__(self, error: type[BaseException] = GeneratorExit) -> None:
        if self._run is not None:
            self._run.collected(error())


_DRIVEN: tuple[tuple[Callable[[Any], bool], Callable[..., Any]], ...] = (
    (inspect.iscoroutine, drive_coroutine),
    (inspect.isgenerator, drive_generator),
    (inspect.isasyncgen, drive_async_generator),
)


def _given(result: Any, _: "_Dropped") -> Any:
    return result


def named(driven: Any, like: Any) -> Any:
    """Give the coroutine or generator *driven* the name of *like*, and give it back."""
    # "coroutine 'run_skill' was never awaited" must name the host's function, not ours.
    for name in ("__name__", "__qualname__"):
        value = getattr(like, name, None)
        if isinstance(value, str):
            setattr(driven, name, value)
    return driven
