"""What is fuzzed: each takes any bytes, and raises where a promise does not hold."""

import json
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from typing import Any, Final

from otel_dispatch import baton, codex_settings
from otel_dispatch.argv import program_in
from otel_dispatch.claude_settings import settings_of
from otel_dispatch.dialects import Cli, Dialect, clis, dialects
from otel_dispatch.eventstream import Messages
from otel_dispatch.framing import JsonLines
from otel_dispatch.outcome import outcome_of_reply
from otel_dispatch.providers import endpoint_at, host_of, port_of
from otel_dispatch.record import Endpoint, Reply, Request
from otel_dispatch.session import Heard, Settings
from otel_dispatch.sse import Lines
from otel_dispatch.wording import words_of_outcome, words_of_reply, words_of_request

Target = Callable[[bytes], None]

_FRAMINGS: Final = (Lines, JsonLines, Messages)
_LONGEST: Final = 256
_ENV: Final = {"HOME": "/nonexistent", "OPENAI_BASE_URL": ""}


def targets() -> dict[str, Target]:
    """Every target by its name: each dialect, each agent program, and what else reads other people's bytes."""
    found: dict[str, Target] = {dialect.name: partial(_dialect, dialect) for dialect in dialects()}
    found |= {f"{cli.name}_cli": partial(_program, cli) for cli in clis()}
    return found | {"framing": _framing, "scope": _scope, "settings": _settings, "address": _address}


def _dialect(dialect: Dialect, data: bytes) -> None:
    path, _, body = data.partition(b"\n") if data[:1] == b"/" else (dialect.endings[0].encode(), b"", data)
    _check_request(dialect.request(body, path.decode("utf-8", "replace")))
    whole, streamed = Reply(), Reply()
    dialect.reply(body, whole)
    _check_reply(whole)
    dialect.event(body, streamed)
    _check_reply(streamed)
    for make in _FRAMINGS:
        reply, framing = Reply(), make()
        for event in (*framing.events(body), *framing.end()):
            dialect.event(event, reply)
        _check_reply(reply)


def _program(cli: Cli, data: bytes) -> None:
    heard = Heard()
    for line in data.split(b"\n"):
        cli.event(line, heard)
    _check_reply(heard)
    assert heard.conversation is None or _is_fit(heard.conversation)
    words = data.decode("utf-8", "replace").replace("\0", " ").split("\n")
    asked = cli.request(words, _ENV, Settings())
    if asked is not None:
        _check_request(asked.request)
        told = (asked.host, asked.conversation, asked.requested.model, asked.requested.provider)
        assert all(each is None or _is_fit(each) for each in told), told
    program_in(" ".join([cli.executables[0], *words]))


def _framing(data: bytes) -> None:
    cuts = sorted({0, len(data), *(place for place, byte in enumerate(data) if byte % 5 == 0)})
    pieces = [data[here:there] for here, there in pairwise(cuts)]
    for make in _FRAMINGS:
        assert _events(make(), [data]) == _events(make(), pieces), make.__name__


def _events(framing: Any, pieces: Iterable[bytes]) -> list[bytes]:
    return [*(event for piece in pieces for event in framing.events(piece)), *framing.end()]


def _scope(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    baton.receive({baton.SCOPE_VARIABLE: text, "TRACEPARENT": text[:80], "TRACESTATE": text[:999]})
    handed = baton.hand_on({})
    assert all(len(value) <= 4 * 4096 for value in handed.values())
    baton.receive({})


def _settings(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    codex_settings.options_in(["-c", text])
    told = settings_of(["--settings", "{" + text], _ENV, "/nonexistent", frozenset({"ANTHROPIC_MODEL"}))
    assert set(told.of_line) <= {"ANTHROPIC_MODEL"}


def _address(data: bytes) -> None:
    url = data.decode("utf-8", "replace")
    host = host_of(url)
    assert _is_fit(host)
    assert "@" not in host
    assert _is_fit(endpoint_at(url, port_of(url)).host)


def _check_request(request: Request | None) -> None:
    if request is not None:
        _check(words_of_request(request, Endpoint(), 0))
        assert all(map(_is_fit, (*request.fallbacks, *request.upstreams)))


def _check_reply(reply: Reply) -> None:
    _check(words_of_reply(reply))
    _check(words_of_outcome(outcome_of_reply(reply)))
    assert reply.code is None or (reply.code.isascii() and _is_fit(reply.code))
    assert reply.status is None or 300 <= reply.status < 600
    assert reply.content_len >= 0
    assert reply.blank or reply.content_len


def _check(words: dict[str, Any]) -> None:
    for name, value in words.items():
        assert _is_fit(value), (name, value)
    json.dumps(words, allow_nan=False)


def _is_fit(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST and value.isprintable() and "\ud800" not in value
    if isinstance(value, tuple):
        return all(map(_is_fit, value))
    return isinstance(value, int) and 0 <= value < 2**63
