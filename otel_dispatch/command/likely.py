"""A call that might be made: the request that an SDK would send for it, which nobody sends."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from ..dialects import Dialect, dialect_at
from ..environment import held
from ..providers import default_wire_format, endpoint_at, host_of, is_url, port_of
from ..record import Request
from ..transit import DEFAULT_PORTS
from ..vocabulary import WireFormat
from . import UsageError
from .ways import FORMATS, Way, thinking_as, way_of

# What providers that speak several formats put into the path of the base URL of each.
_SEGMENTS: Final = {"anthropic": WireFormat.ANTHROPIC_NATIVE, "openai": WireFormat.OPENAI_COMPAT}
_OTHERWISE: Final = "; --wire-format names another"
_MODELS: Final = {("vertex", "claude"): WireFormat.ANTHROPIC_NATIVE}


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to know about: a call, as far as they say what it is."""

    base_url: str | None = None
    model: str | None = None
    wire_format: str | None = None
    thinking: str | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Likely:
    """The request as its dialect reads it, and where it goes; ``chosen`` tells what was concluded to make it."""

    dialect: Dialect
    request: Request
    host: str
    port: int
    chosen: tuple[str, ...]


def request_for(asked: Asked) -> Likely:
    """The request that an SDK would send for *asked*; raises `UsageError` where that cannot be told."""
    if asked.wire_format not in (None, *FORMATS):
        raise UsageError(f"--wire-format takes one of {', '.join(FORMATS)}, and not {asked.wire_format!r}.")
    url, why_url = _base_of(asked)
    host, port = _place(url, asked)
    provider = endpoint_at(host, port).provider
    path = urlsplit(url).path.rstrip("/")
    whole = dialect_at(path)
    wire_format, why_format = _format_of(asked, provider, path, host) if whole is None else _format_at(asked, whole)
    way = way_of(wire_format, provider if whole is None else None)
    body = _body_of(asked, wire_format, way)
    if whole is None:
        path += _path_of(way, body, asked.model)
    request = None if (dialect := dialect_at(path)) is None else dialect.request(json.dumps(body).encode(), path)
    if request is None and whole is not None and asked.model is not None and asked.body is None:
        raise UsageError(f"a call read as {whole.name} needs a body of its own: name its file with --body.")
    if dialect is None or request is None or request.model is None:
        raise UsageError(f"that is no model call in {wire_format}: it names no model; --model names one.")
    if asked.model is not None and request.model != asked.model.removeprefix("models/"):
        raise UsageError(f"{asked.model!r} is no model that {wire_format} could name there.")
    told = (why_url, f"Wire format: {why_format}" if why_format else "")
    return Likely(dialect, request, host, port, tuple(filter(None, told)))


def _base_of(asked: Asked) -> tuple[str, str]:
    if asked.base_url is not None:
        return asked.base_url, ""
    if asked.wire_format is None:
        raise UsageError(f"give --base-url, or --wire-format (one of {', '.join(FORMATS)}).")
    way = way_of(WireFormat(asked.wire_format))
    if value := held(way.variable).strip():
        return _url_in(value), f"Base URL: {way.variable} names it"
    if not way.base:
        raise UsageError(f"{asked.wire_format} has no host without a region: give --base-url.")
    return way.base, f"Base URL: the SDK's own default, as {way.variable} names none"


def _url_in(value: str) -> str:
    if is_url(value):
        return value
    # Ollama's variable may be a host alone, with a port of Ollama's then.
    return f"http://{value}" if port_of(value) else f"http://{value}:11434"


def _place(url: str, asked: Asked) -> tuple[str, int]:
    whose = "--base-url" if asked.base_url is not None else "the variable of the base URL"
    host, scheme = host_of(url), url.partition(":")[0].lower()
    if not host or scheme not in DEFAULT_PORTS or _is_odd(url):
        # Without its text, which may hold a key.
        raise UsageError(f"{whose} is no URL like https://api.openai.com/v1.")
    return host, port_of(url) or DEFAULT_PORTS[scheme]


def _is_odd(url: str) -> bool:
    try:
        return urlsplit(url).port == 0
    except ValueError:
        return True


def _format_of(asked: Asked, provider: str, path: str, host: str) -> tuple[WireFormat, str]:
    if asked.wire_format is not None:
        return WireFormat(asked.wire_format), ""
    for segment in path.split("/"):
        if segment in _SEGMENTS:
            return _SEGMENTS[segment], f"the path of --base-url has {segment} in it{_OTHERWISE}"
    for (owner, begin), wire_format in _MODELS.items():
        if provider == owner and (asked.model or "").startswith(begin):
            return wire_format, f"{provider} takes {begin} in it{_OTHERWISE}"
    if (usual := default_wire_format(provider)) is not None:
        return usual, f"{provider} speaks it unless told otherwise{_OTHERWISE}"
    known = ", ".join(FORMATS)
    raise UsageError(f"nobody knows what is spoken at {host}: name it with --wire-format (one of {known}).")


def _format_at(asked: Asked, dialect: Dialect) -> tuple[WireFormat, str]:
    if asked.wire_format not in (None, dialect.wire_format):
        raise UsageError(f"the path of --base-url is one of {dialect.wire_format}, and not of {asked.wire_format}.")
    return dialect.wire_format, "the path of --base-url is one of its own"


def _body_of(asked: Asked, wire_format: WireFormat, way: Way) -> dict[str, Any]:
    body = dict(way.body) if asked.body is None else _told(asked.body)
    if asked.model is not None and (way.names_model_in_body or "model" in body):
        body["model"] = asked.model
    elif body.get("model") == "":
        del body["model"]
    if asked.thinking is not None:
        _merge(body, thinking_as(asked.thinking, wire_format, way))
    return body


def _told(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise UsageError("--body holds no JSON object.")
    return told


def _merge(body: dict[str, Any], part: Mapping[str, Any]) -> None:
    for name, value in part.items():
        mine = body.get(name)
        if isinstance(value, dict) and isinstance(mine, dict):
            body[name] = dict(mine)
            _merge(body[name], value)
        else:
            body[name] = value


def _path_of(way: Way, body: Mapping[str, Any], model: str | None) -> str:
    named = model or str(body.get("model") or "")
    return way.path.replace("{model}", quote(named.removeprefix("models/"), safe=""))
