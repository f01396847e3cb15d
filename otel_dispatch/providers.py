"""Host → provider, and the wire formats that each speaks: the look-ups over the table and the user's own list."""

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from .catalog import PROVIDERS
from .environment import held
from .guard import warn
from .record import Endpoint
from .vocabulary import WireFormat, clean

LOCAL: Final = "local"
UNKNOWN: Final = "unknown"

_BY_NAME: Final = {provider.name: provider for provider in PROVIDERS}
_BY_HOST: Final = {host: p.name for p in PROVIDERS for host in p.hosts if "*" not in host}
_WILD: Final = tuple((host, p.name) for p in PROVIDERS for host in p.hosts if "*" in host)

_PROVIDERS: Final = "DISPATCH_OTEL_PROVIDERS"

RUN_AT_HOME: Final = frozenset({"ollama"})
"""Whom people run themselves, although it has hosts of its own, too."""

# The machine itself, from within a container of Docker's or Podman's.
_LOCALS: Final = frozenset({"localhost", "host.docker.internal", "host.containers.internal"})

_SCHEME: Final = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_NO_HOST: Final = re.compile(r"[\s/@?]")
_BRACKETS: Final = str.maketrans("", "", "[]")
_DOT: Final = re.compile(r"\.(?=:\d+$|$)")


def endpoint_at(host: str, port: int | None, home: str | None = None) -> Endpoint:
    """The endpoint at *host* and *port*, with the provider that the tables or the user's own list put there.

    A local host that neither knows is *home*, where the request proves that, else "local".
    """
    return _endpoint(host, port, held(_PROVIDERS), home)


def semconv_name(provider: str) -> str:
    """OpenTelemetry's well-known provider name for *provider*, or *provider* itself."""
    known = _BY_NAME.get(provider)
    return known.semconv or provider if known else provider


def is_own_host(host: str) -> bool:
    """Whether *host* is one of the hosts where a provider of the table itself answers."""
    return host in _BY_HOST or any(fnmatchcase(host, pattern) for pattern, _ in _WILD)


def default_wire_format(provider: str) -> WireFormat | None:
    """The wire format that *provider* speaks unless told otherwise, or None where it is not known."""
    known = _BY_NAME.get(provider)
    return known.speaks[0] if known else None


def is_expected(wire_format: WireFormat, provider: str) -> bool:
    """Whether *provider* is known to speak *wire_format*; True for a provider or a format we do not know."""
    known = _BY_NAME.get(provider)
    return known is None or wire_format is WireFormat.UNKNOWN or wire_format in known.speaks


def is_known(provider: str) -> bool:
    """Whether *provider* stands in the table."""
    return provider in _BY_NAME


def names_deployments(provider: str) -> bool:
    """Whether requests to *provider* name deployments of the user's own naming, and no models."""
    known = _BY_NAME.get(provider)
    return known is not None and known.deployments


def is_url(value: str) -> bool:
    """Whether *value* begins with a scheme."""
    return _SCHEME.match(value) is not None


@lru_cache(256)
def host_of(url: str) -> str:
    """The host of *url* alone: no userinfo, port, path or query; lower-cased; "" where there is none."""
    try:
        host = urlsplit(url if is_url(url) else f"//{url.removeprefix('//')}").hostname or ""
        return clean(_ascii(host).rstrip("."))
    except ValueError:
        return ""


def port_of(url: str) -> int | None:
    """The port that *url* names, or None."""
    try:
        return urlsplit(url if is_url(url) else f"//{url.removeprefix('//')}").port
    except ValueError:
        return None


@lru_cache(1024)
def _endpoint(host: str, port: int | None, own: str, home: str | None) -> Endpoint:
    host = clean(host.lower().translate(_BRACKETS).rstrip("."))
    mine = _own_providers(own)
    at, patterns = f"{host}:{port}", tuple(mine.items())
    name = mine.get(at) or mine.get(host) or _wild(at, patterns) or _wild(host, patterns)
    return Endpoint(host, port, name or _BY_HOST.get(host) or _wild(host, _WILD) or _elsewhere(host, home))


def _wild(host: str, patterns: tuple[tuple[str, str], ...]) -> str | None:
    return next((name for pattern, name in patterns if "*" in pattern and fnmatchcase(host, pattern)), None)


def _elsewhere(host: str, home: str | None) -> str:
    return (home or LOCAL) if _is_local(host) else UNKNOWN


def _is_local(host: str) -> bool:
    if host in _LOCALS or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    # Only newer Pythons look behind such a mapping themselves.
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


@lru_cache(16)
def _own_providers(own: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, entry in enumerate(own.split(","), 1):
        host, _, name = (word.strip() for word in entry.partition("="))
        if host and name and not _NO_HOST.search(host) and (at := _as_dialled(host)):
            found[at] = clean(name)
        elif entry.strip():
            # By its place, not its text: a URL may hold a key.
            warn("%s: entry %d is not of the form host=provider and is left out.", _PROVIDERS, number)
    return found


def _as_dialled(entry: str) -> str:
    """The host of an *entry* as a request names it, with the port where there is one; "" where none can."""
    host, colon, port = (entry, "", "") if entry.isascii() else entry.partition(":")
    try:
        return _DOT.sub("", _ascii(host).lower().translate(_BRACKETS) + colon + port)
    except UnicodeError:
        return ""


def _ascii(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode("ascii")
