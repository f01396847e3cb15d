"""Entry points that are generators or coroutines: whoever drives one sees what it sees of the plain function."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import otel_dispatch as od
from otel_dispatch import aloft
from tests.conftest import Told, eventually

Step = tuple[str, Any]

ERROR, EXIT, STOP = KeyError("thrown"), GeneratorExit("thrown"), StopIteration("thrown")
ASTOP, INTERRUPT, CANCELLED = (
    StopAsyncIteration("thrown"),
    KeyboardInterrupt("thrown"),
    asyncio.CancelledError("thrown"),
)
THROWN = (ERROR, EXIT, STOP, ASTOP, INTERRUPT, CANCELLED)
SENT: Step = ("send", None)

SCRIPTS: dict[str, list[Step]] = {
    "run out": [SENT] * 6,
    "sent to": [SENT, ("send", "a"), ("send", ERROR), SENT, SENT],
    "sent to before it began": [("send", "a"), SENT, SENT],
    "closed": [SENT, ("close", None), SENT, ("close", None)],
    "closed before it began": [("close", None), SENT],
    "closed as it has run out": [*[SENT] * 5, ("close", None)],
    **{f"thrown {type(error).__name__} into": [SENT, ("throw", error), SENT, SENT] for error in THROWN},
    **{f"thrown {type(error).__name__} into before it began": [("throw", error), SENT] for error in THROWN},
    **{f"thrown {type(error).__name__} into after all": [*[SENT] * 5, ("throw", error)] for error in THROWN},
    "thrown into twice": [SENT, ("throw", EXIT), ("throw", EXIT), ("throw", ERROR), ("close", None)],
}


def going_on() -> Iterator[Any]:
    got: Any = "first"
    for _ in range(3):
        got = yield got
    return "returned"


def cleaning_up() -> Iterator[Any]:
    try:
        got = yield 1
        yield got
    finally:
        yield_of_its_own = "cleaned"
    return yield_of_its_own


def returning() -> Iterator[Any]:
    try:
        yield 1
        yield 2
    except BaseException as error:
        return repr(error)


def yielding() -> Iterator[Any]:
    for _ in range(3):
        try:
            yield 1
        except BaseException as error:
            yield error


def raising() -> Iterator[Any]:
    try:
        yield 1
    except BaseException as error:
        raise ValueError("of the host's") from error


def stopping() -> Iterator[Any]:
    yield 1
    raise StopIteration("of the host's")


async def agoing_on() -> AsyncIterator[Any]:
    got: Any = "first"
    for _ in range(3):
        await asyncio.sleep(0)
        got = yield got


async def acleaning_up() -> AsyncIterator[Any]:
    try:
        got = yield 1
        yield got
    finally:
        await asyncio.sleep(0)


async def areturning() -> AsyncIterator[Any]:
    try:
        yield 1
        yield 2
    except BaseException:
        await asyncio.sleep(0)
        return


async def ayielding() -> AsyncIterator[Any]:
    for _ in range(3):
        try:
            yield 1
        except BaseException as error:
            yield error


async def araising() -> AsyncIterator[Any]:
    try:
        yield 1
    except BaseException as error:
        raise ValueError("of the host's") from error


async def astopping() -> AsyncIterator[Any]:
    yield 1
    raise StopAsyncIteration("of the host's")


class Pause:
    """What a coroutine awaits that is driven by hand."""

    def __await__(self) -> Iterator[Any]:
        return (yield "paused")


async def awaiting() -> Any:
    return [await Pause(), await Pause()]


async def mending() -> Any:
    try:
        return await Pause()
    except Exception as error:
        return [repr(error), await Pause()]


async def breaking() -> Any:
    try:
        return await Pause()
    finally:
        raise ValueError("of the host's")


def told_of(error: BaseException) -> tuple[Any, ...]:
    """What of an exception that came out is to be alike: itself where it was thrown in, else all that it says."""
    itself = error if error in THROWN else None
    cause = error.__cause__ if error.__cause__ in THROWN else type(error.__cause__)
    context = error.__context__ if error.__context__ in THROWN else type(error.__context__)
    return type(error), itself, error.args, cause, context, getattr(error, "value", None)


def driven(one: Any, script: list[Step]) -> list[Any]:
    """What each step of *script* gives whoever takes it."""
    seen: list[Any] = []
    for name, value in script:
        try:
            seen.append(getattr(one, name)(*(() if name == "close" else (value,))))
        except BaseException as error:
            seen.append(told_of(error))
    return seen


async def adriven(one: Any, script: list[Step]) -> list[Any]:
    """What each step of *script* gives whoever awaits it."""
    seen: list[Any] = []
    for name, value in script:
        try:
            seen.append(await getattr(one, f"a{name}")(*(() if name == "close" else (value,))))
        except BaseException as error:
            seen.append(told_of(error))
    return seen


def nothing_is_under_way() -> bool:
    # A generator that will not be closed is taken up again by its own finaliser, so that a later collection takes it;
    # what a collection strikes inside the SDK is ended by a thread of ours.
    gc.collect()
    return aloft.count() == 0


def entry(function: Callable[[], Any]) -> Callable[[], Any]:
    return od.entry_point("agent", name="driven")(function)


def returned_by(function: Callable[[], Any]) -> Callable[[], Any]:
    def plain() -> Any:
        return function()

    return entry(plain)


WAYS: dict[str, Callable[[Callable[[], Any]], Callable[[], Any]]] = {"decorated": entry, "returned": returned_by}


@pytest.fixture(autouse=True)
def the_hosts_own_ends_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # A generator that will not be closed says so as it is collected, with us and without.
    monkeypatch.setattr("sys.unraisablehook", lambda _: None)
    yield
    gc.collect()


def differing(way: str, function: Any, seen: Callable[[Any, list[Step]], list[Any]], scripts: list[str]) -> list[str]:
    """The scripts by which *function* as an entry is told from *function* itself."""
    ours, found = WAYS[way](function), []
    for name in scripts:
        told, plain = seen(ours(), SCRIPTS[name]), seen(function(), SCRIPTS[name])
        found += [name] if told != plain else []
        for error in THROWN:
            # Else each script would find what the one before has left, and no frame would go.
            error.__traceback__ = error.__context__ = None
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", [going_on, cleaning_up, returning, yielding, raising, stopping])
def test_a_generator_is_seen_as_it_is(told: Told, function: Any, way: str) -> None:
    assert differing(way, function, driven, list(SCRIPTS)) == []
    eventually(nothing_is_under_way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", [agoing_on, acleaning_up, areturning, ayielding, araising, astopping])
def test_an_async_generator_is_seen_as_it_is(told: Told, function: Any, way: str) -> None:
    def seen(one: Any, script: list[Step]) -> list[Any]:
        return loop.run(adriven(one, script))

    with asyncio.Runner() as loop:
        assert differing(way, function, seen, list(SCRIPTS)) == []
    eventually(nothing_is_under_way)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", [awaiting, mending, breaking])
def test_a_coroutine_is_seen_as_it_is(told: Told, function: Any, way: str) -> None:
    # Python itself closes what a coroutine awaits, and does not tell it of a GeneratorExit that is thrown.
    scripts = [name for name, steps in SCRIPTS.items() if ("throw", EXIT) not in steps]
    assert differing(way, function, driven, scripts) == []
    eventually(nothing_is_under_way)
