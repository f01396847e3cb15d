"""LiteLLM's Router: a call that it makes because another failed has a model that the fallback chose."""

from collections.abc import Callable
from typing import Any, Final

from .. import context
from ..guard import guarded, swallow
from ..seam import Seam
from ..vocabulary import Field, Origin

_DECLARED: Final = {str(Field.MODEL): str(Origin.ESCALATION_OVERRIDE)}

# What the Router adds where it falls back to another deployment of the very model that was asked for.
_SAME_MODEL: Final = frozenset({"_target_order", "_excluded_deployment_ids"})


def seams() -> list[Seam]:
    """The one method that every call of a Router goes through, synchronous or not, once for each fallback."""
    return [Seam("litellm.router", "Router.async_function_with_fallbacks", attempt)]


def attempt(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Make a call of a Router; one that is no fallback keeps the very coroutine it had."""
    if swallow("litellm.attempt", _is_fallback, kwargs):
        return _fall_back(wrapped, args, kwargs)
    return wrapped(*args, **kwargs)


def _is_fallback(kwargs: dict[str, Any]) -> bool:
    return bool(kwargs.get("fallback_depth")) and _SAME_MODEL.isdisjoint(kwargs)


async def _fall_back(wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    scope = _declared()
    try:
        return await wrapped(*args, **kwargs)
    finally:
        if scope is not None:
            swallow("litellm.fall_back", scope.__exit__)


@guarded
def _declared() -> context.Scope:
    scope = context.provenance(_DECLARED)
    scope.__enter__()
    return scope
