"""requests: `Session.send`, which follows redirects; what it sends travels through urllib3 and is heard there."""

from collections.abc import Callable
from typing import Any

from ..seam import Seam
from ..trip import follow


def send(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Have a request and the redirects that are followed be one call."""
    request = args[0] if args else kwargs.get("request")
    return follow(getattr(request, "method", None), getattr(request, "url", None), wrapped, args, kwargs)


SEAMS = (Seam("requests", "Session.send", send),)
