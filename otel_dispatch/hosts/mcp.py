"""MCP servers: a request that brings no trace along continues that of the process that started the server.

What `_meta.traceparent` or a span of HTTP's says wins; only where there is neither does the process's own parent count.
"""

from collections.abc import Callable
from typing import Any, Final

from .. import context
from ..guard import guarded
from ..seam import Seam

# Of those who open a server's span for each request: the SDK itself, and FastMCP in its place.
_SCOPES: Final = frozenset({"mcp-python-sdk", "fastmcp"})


def seams() -> list[Seam]:
    """Where every span of the SDK's starts, if a parent process left us one of its own."""
    return [Seam("opentelemetry.sdk.trace", "Tracer.start_span", start)] if context.has_parent() else []


def start(wrapped: Callable[..., Any], tracer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Start a span; that of a request without a parent gets the process's."""
    return wrapped(*args, **(_continued(tracer, args, kwargs) or kwargs))


@guarded
def _continued(tracer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    scope = getattr(tracer, "_instrumentation_scope", None)
    if getattr(scope, "name", None) not in _SCOPES or len(args) > 1:
        return None
    return {**kwargs, "context": context.parent_context(kwargs.get("context"))}
