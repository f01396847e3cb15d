"""Where spans go, as the environment says, and whether anybody takes them there."""

import http.client
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import Request, urlopen

from .. import sdk

GRPC: Final = "grpc"
HTTP: Final = "http/protobuf"
TIMEOUT: Final = 1.0
"""How long an answer may take, in seconds."""

_PORTS: Final = {GRPC: 4317, HTTP: 4318}
_PATH: Final = "/v1/traces"


class Word(StrEnum):
    """What became of an attempt to reach somebody."""

    ANSWERS = "answers"
    REFUSES = "refuses"
    SILENT = "does not answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an attempt, and why where that is known."""

    word: Word
    why: str = ""

    def __str__(self) -> str:
        return f"{self.word} ({self.why})" if self.why else str(self.word)


@dataclass(frozen=True, slots=True)
class Destination:
    """The exporters of spans, and for OTLP the protocol and the address, whose secrets are never printed."""

    exporters: tuple[str, ...]
    protocol: str
    asked_protocol: str
    url: str
    headers: Mapping[str, str]
    certificate: str | None = None

    @property
    def is_otlp(self) -> bool:
        """Whether spans leave over OTLP."""
        return "otlp" in self.exporters

    @property
    def origin(self) -> str:
        """The address without userinfo, path and query: a path may hold a token, too."""
        parts = _parts(self.url)
        host = parts.hostname or ""
        return f"{parts.scheme or 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def host(self) -> str:
        """The host alone."""
        return _parts(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port, or the one that the scheme implies."""
        parts = _parts(self.url)
        return parts.port or {"https": 443, "http": 80}.get(parts.scheme, _PORTS[self.protocol])

    @property
    def is_valid(self) -> bool:
        """Whether the address is one that the exporter can use."""
        parts = _parts(self.url)
        return bool(parts.hostname) and (self.protocol == GRPC or parts.scheme in ("http", "https"))


def destination(environ: Mapping[str, str] | None = None) -> Destination:
    """Where a program with the environment *environ* (the process's own where None) sends its spans."""
    env = dict(os.environ if environ is None else environ)
    with sdk.overlay(env):
        asked = (_otlp(env, "PROTOCOL") or HTTP).strip().lower()
        protocol = asked if asked in _PORTS else HTTP
        specific, general = env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), env.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        base = general or f"http://localhost:{_PORTS[protocol]}"
        url = specific or (base if protocol == GRPC else base.rstrip("/") + _PATH)
        names = [name.strip().lower() for name in env.get("OTEL_TRACES_EXPORTER", "otlp").split(",")]
        return Destination(
            tuple(name for name in names if name not in ("", "none")),
            protocol,
            asked,
            url.strip(),
            headers_in(_otlp(env, "HEADERS") or ""),
            _otlp(env, "CERTIFICATE"),
        )


def answer_of(where: Destination) -> Answer:
    """Whether somebody takes spans there: an empty OTLP request over HTTP, a TCP connection for gRPC."""
    if not where.is_valid:
        return Answer(Word.SILENT, "it is no URL that an exporter can use")
    try:
        return connection(where.host, where.port) if where.protocol == GRPC else _post(where)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _failure(error)


def connection(host: str, port: int) -> Answer:
    """Whether somebody listens at *host* and *port*."""
    try:
        socket.create_connection((host, port), TIMEOUT).close()
    except (OSError, OverflowError) as error:
        return _failure(error)
    return Answer(Word.ANSWERS)


def _post(where: Destination) -> Answer:
    # An empty request is a valid one: every field of an OTLP message is optional.
    headers = {**where.headers, "Content-Type": "application/x-protobuf"}
    parts = _parts(where.url)
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    request = Request(plain, data=b"", headers=headers, method="POST")  # noqa: S310 - is_valid saw the scheme
    context = ssl.create_default_context(cafile=where.certificate) if parts.scheme == "https" else None
    try:
        with urlopen(request, timeout=TIMEOUT, context=context):  # noqa: S310
            return Answer(Word.ANSWERS)
    except HTTPError as error:
        with error:
            return Answer(Word.REFUSES, f"HTTP {error.code}")
    except URLError as error:
        return _failure(error.reason)


def _failure(reason: Any) -> Answer:
    if isinstance(reason, ConnectionRefusedError):
        return Answer(Word.REFUSES, "nothing listens there")
    if isinstance(reason, TimeoutError):
        return Answer(Word.SILENT, f"within {TIMEOUT:.0f} s")
    if isinstance(reason, socket.gaierror):
        return Answer(Word.SILENT, "the host has no address")
    if isinstance(reason, ssl.SSLError):
        return Answer(Word.REFUSES, "the TLS handshake fails")
    if isinstance(reason, http.client.HTTPException | ConnectionError):
        return Answer(Word.REFUSES, "what listens there does not speak HTTP: is it the port for gRPC?")
    return Answer(Word.SILENT, getattr(reason, "strerror", None) or type(reason).__name__)


def _parts(url: str) -> SplitResult:
    # gRPC targets may come without a scheme.
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def _otlp(env: Mapping[str, str], name: str) -> str | None:
    return env.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}") or env.get(f"OTEL_EXPORTER_OTLP_{name}")


def headers_in(text: str) -> dict[str, str]:
    """The headers that *text* holds, as OpenTelemetry's variables write them: ``name=value,other=value``."""
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}
