"""Asks a backend over HTTP: JSON answers of bounded size, and one sentence where none can be had."""

import http.client
import os
import socket
import ssl
import time
import zlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

import msgspec

from ..legible import LINE, clean
from ..recordfile import UnreadableError
from .destination import headers_in

VARIABLE: Final = "DISPATCH_OTEL_QUERY_HEADERS"
TIMEOUT: Final = 10.0
"""How long a backend may be silent, in seconds."""

WHOLE: Final = 60.0
"""How long a whole answer may take, in seconds."""

LARGEST: Final = 32 * 2**20
"""How many bytes an answer may have."""

_NO_JSON: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_CHUNK: Final = 2**16
_GZIP: Final = 31
_NOT_FOUND: Final = 404
_DENIED: Final = (401, 403)
_FAULT: Final = 500
_WHY: Final[tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...]] = (
    (ConnectionRefusedError, "nothing listens there"),
    (TimeoutError, f"it does not answer within {TIMEOUT:.0f} s"),
    (socket.gaierror, "the host has no address"),
    (ssl.SSLError, "the TLS handshake fails"),
    ((http.client.HTTPException, ConnectionError), "what listens there does not speak HTTP"),
)


class TooLargeError(UnreadableError):
    """An answer that is larger than is read."""


class _StayHere(HTTPRedirectHandler):
    """Follows nobody elsewhere: the credentials are for this host alone."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Backend:
    """The address of a backend, the headers it is asked with, and the origin it is told by, which holds no secret."""

    base: str
    origin: str
    headers: Mapping[str, str]
    opener: OpenerDirector

    def ask(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The JSON at *path*; None where there is nothing. Raises `UnreadableError`."""
        data = self.fetch(path, query)
        try:
            return None if data is None else msgspec.json.decode(data)
        except _NO_JSON as error:
            raise self.unreadable("its answer is no JSON") from error

    def look(self, path: str) -> Any:
        """The JSON at *path*; None where there is nothing, or something else."""
        try:
            return msgspec.json.decode(self.fetch(path) or b"null")
        except _NO_JSON:
            return None

    def fetch(self, path: str, query: Mapping[str, Any] | None = None) -> bytes | None:
        """What is at *path*; None where there is nothing. Raises `UnreadableError`, `TooLargeError`."""
        url = f"{self.base}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            request = Request(url, headers={**self.headers})  # noqa: S310 - backend_at saw the scheme
            with self.opener.open(request, timeout=TIMEOUT) as response:
                return self._read(response)
        except HTTPError as error:
            error.close()
            if error.code == _NOT_FOUND:
                return None
            raise self.unreadable(_refusal(error.code)) from error
        except URLError as error:
            raise self.unreadable(_why(error.reason)) from error
        except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
            raise self.unreadable(_why(error)) from error

    def unreadable(self, why: str) -> UnreadableError:
        """The sentence that it cannot be read, and *why*."""
        return UnreadableError(f"{self.origin} cannot be read: {why}.")

    def _read(self, response: Any) -> bytes:
        packed = (response.headers.get("Content-Encoding") or "").strip().lower() == "gzip"
        unpack = zlib.decompressobj(_GZIP) if packed else None
        parts, size, deadline = [], 0, time.monotonic() + WHOLE
        while chunk := response.read1(_CHUNK):
            part = chunk if unpack is None else unpack.decompress(chunk, LARGEST + 1 - size)
            parts.append(part)
            size += len(part)
            if size > LARGEST:
                raise TooLargeError(f"{self.origin} gives an answer of more than {LARGEST // 2**20} MiB.")
            if time.monotonic() > deadline:
                raise self.unreadable(f"its answer takes more than {WHOLE:.0f} s")
        return b"".join(parts)


def is_address(source: str) -> bool:
    """Whether *source* is the base URL of a backend, and no path."""
    return source.lower().startswith(("http://", "https://"))


def shown(source: str) -> str:
    """*source* as it may be printed: a path whole, of an address the origin alone."""
    return clean(_origin(_parts(source)) if is_address(source) else source, LINE)


def backend_at(address: str) -> Backend:
    """The backend at the base URL *address*, asked with its userinfo and the headers of the environment."""
    parts = _parts(address)
    if not parts.hostname:
        raise UnreadableError("There is an address without a host: a backend's is like http://localhost:16686.")
    headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **_credentials(parts)}
    # A header's name is written in any case; the last one stands.
    named = {name.title(): value for name, value in headers_in(os.environ.get(VARIABLE, "")).items()}
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
    opener = build_opener(ProxyHandler({}) if _is_here(parts.hostname) else ProxyHandler(), _StayHere())
    return Backend(plain.geturl().rstrip("/"), _origin(parts), {**headers, **named}, opener)


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address.strip())
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def _is_here(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _origin(parts: SplitResult) -> str:
    # A path may hold a token, too.
    host = parts.hostname or "?"
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme or 'http'}://{f'[{host}]' if ':' in host else host}{port}"


def _credentials(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _refusal(status: int) -> str:
    if status in _DENIED:
        return f"it answers HTTP {status}; {VARIABLE} holds the headers that it is asked with"
    return f"it answers HTTP {status}" + ("" if status >= _FAULT else " to what it is asked")


def _why(reason: object) -> str:
    for kinds, words in _WHY:
        if isinstance(reason, kinds):
            return words
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    # Its text may quote what was asked.
    return f"asking it fails ({type(reason).__name__})"
