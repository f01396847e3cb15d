"""The way through a gateway: what a request lets it choose from, and whom an answer names as having served it."""

import re
from typing import Any
from urllib.parse import unquote

from .bodies import Fields, maps_in
from .thinking import as_map
from .vocabulary import text_of

_MOST = 16
_DEPLOYMENT = re.compile(r"/deployments/([^/]+)/")


class Routed(Fields):
    """The fields in which a request names models and the providers that are to serve them.

    OpenRouter ``models`` and ``provider``; Vercel's gateway ``models`` and ``providerOptions.gateway``; LiteLLM's
    proxy ``fallbacks``.
    """

    model: Any = None
    models: Any = None
    fallbacks: Any = None
    provider: Any = None
    providerOptions: Any = None  # noqa: N815 - Vercel's name


def deployment_in(path: str) -> str | None:
    """The deployment that Azure's *path* names, or None."""
    found = _DEPLOYMENT.search(path) if "/deployments/" in path else None
    return text_of(unquote(found[1])) if found else None


def models_of(sent: Routed) -> tuple[str | None, tuple[str, ...]]:
    """The model that is asked for, and the others that the gateway may fall back to; the first stands for none."""
    model = text_of(sent.model)
    if sent.models is None and sent.fallbacks is None and sent.providerOptions is None:
        return model, ()
    named = [*_names(sent.models), *_names(_gateway(sent).get("models")), *_names(sent.fallbacks)]
    if model is None and named:
        model = named[0]
    return model, tuple(name for name in dict.fromkeys(named) if name != model)[:_MOST]


def upstreams_of(sent: Routed) -> tuple[str, ...]:
    """The providers that the gateway is to try, in order; several that it may choose from are in no order."""
    if sent.provider is None and sent.providerOptions is None:
        return ()
    wanted = as_map(sent.provider) or _gateway(sent)
    only = _names(wanted.get("only"))
    return tuple(_names(wanted.get("order")) or (only if len(only) == 1 else ()))[:_MOST]


def upstream_in(told: Any) -> str | None:
    """The provider that Vercel's ``provider_metadata`` *told* names as having served the answer, or None."""
    return text_of(as_map(as_map(as_map(told).get("gateway")).get("routing")).get("finalProvider"))


def _gateway(sent: Routed) -> Any:
    return as_map(as_map(sent.providerOptions).get("gateway"))


def _names(value: object) -> list[str]:
    given = value if isinstance(value, list) else []
    # LiteLLM takes a name, or an object with a name and what else differs.
    named = [*given, *(each.get("model") for each in maps_in(value))]
    return [text for each in named if (text := text_of(each)) is not None]
