"""What lets one piece of a test use a library's synchronous client and its asynchronous one."""

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


async def settled(value: Any) -> Any:
    """*value*, awaited where it is an asynchronous client's."""
    return await value if inspect.isawaitable(value) else value


async def every(items: Any) -> list[Any]:
    """All that *items* gives."""
    return [item async for item in items] if hasattr(items, "__aiter__") else list(items)


async def step(passing: Any) -> Any:
    """The next that an iterator gives."""
    return await anext(passing) if hasattr(passing, "__anext__") else next(passing)


def begun(items: Any) -> Any:
    """An iterator over *items*."""
    return aiter(items) if hasattr(items, "__aiter__") else iter(items)


async def first(items: Any) -> Any:
    """The first that *items* gives."""
    return await step(begun(items))


async def until(passing: Any, word: str) -> None:
    """Take from an iterator until one has *word* in it."""
    while word not in str(await step(passing)):
        pass


@asynccontextmanager
async def inside(manager: Any) -> AsyncIterator[Any]:
    """The inside of a context manager."""
    if hasattr(manager, "__aenter__"):
        async with manager as entered:
            yield entered
    else:
        with manager as entered:
            yield entered
