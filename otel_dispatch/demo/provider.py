"""A provider on 127.0.0.1 that speaks the OpenAI and Anthropic wire formats, served or scripted."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from otel_dispatch.demo.answer import HANGUP, Answer, Hangup, Wire, error, event
from otel_dispatch.demo.chat_replies import chat, chat_stream
from otel_dispatch.demo.message_replies import messages, messages_stream
from otel_dispatch.demo.response_replies import responses, responses_stream
from otel_dispatch.demo.server import Seen, Served

__all__ = [
    "HANGUP",
    "Answer",
    "Hangup",
    "Provider",
    "Seen",
    "chat",
    "chat_stream",
    "error",
    "event",
    "main",
    "messages",
    "messages_stream",
    "responses",
    "responses_stream",
]


class _Format(NamedTuple):
    wire: Wire
    whole: Callable[..., Answer]
    streamed: Callable[..., Answer]
    limit: tuple[str, str | None]
    broken: str


_OPENAI_LIMIT: Final = ("requests", "rate_limit_exceeded")

_FORMATS: Final[Mapping[str, _Format]] = {
    "/chat/completions": _Format("openai", chat, chat_stream, _OPENAI_LIMIT, "server_error"),
    "/responses": _Format("openai", responses, responses_stream, _OPENAI_LIMIT, "server_error"),
    "/messages": _Format("anthropic", messages, messages_stream, ("rate_limit_error", None), "api_error"),
}

_KEYS: Final = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")


class Provider(Served):
    """A local provider that serves while its context is open."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._script: deque[Answer] = deque()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """The address it listens on, without a path."""
        return f"http://127.0.0.1:{self.port}"

    def script(self, *answers: Answer) -> None:
        """Queue the answers to the next requests, in this order."""
        self._script.extend(answers)

    def _answer(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        try:
            return self._script.popleft()
        except IndexError:
            return _served(seen)


def _served(seen: Seen) -> Answer:
    path = urlsplit(seen.path).path
    spoken = next((spoken for ending, spoken in _FORMATS.items() if path.endswith(ending)), None)
    if spoken is None or seen.method != "POST":
        return error("openai", 404, "invalid_request_error", "unknown_url", f"Unknown URL: {path}.")
    try:
        request = dict(seen.json)
        model = str(request["model"])
    except (KeyError, TypeError, ValueError):
        return error(spoken.wire, 400, "invalid_request_error", None, "The body is not JSON with a model.")
    if "limit" in model:
        return error(spoken.wire, 429, *spoken.limit, "Slow down.", headers={"retry-after-ms": "1"})
    if "broken" in model:
        return error(spoken.wire, 500, spoken.broken, None, "The server had an error.")
    return _completed(spoken, request, model)


def _completed(spoken: _Format, request: Mapping[str, Any], model: str) -> Answer:
    options: dict[str, Any] = {"model": model, "usage": (9, 12)}
    words = ["Hello ", "from ", f"{model}."]
    if "empty" in model:
        words, options["usage"] = [], (9, 7)
    if spoken.whole is responses:
        options["reasoning_effort"] = (request.get("reasoning") or {}).get("effort")
    if not request.get("stream"):
        return spoken.whole("".join(words), **options)
    if spoken.whole is chat and not (request.get("stream_options") or {}).get("include_usage"):
        options["usage"] = None
    return spoken.streamed(words, **options)


def main(argv: Sequence[str]) -> int:
    """Serve until interrupted, or while the command given after a double dash runs."""
    command = argv[1:] if argv[:1] == ["--"] else argv
    with Provider() as provider, suppress(KeyboardInterrupt):
        if not command:
            sys.stderr.write(f"{provider.url}\n")
            threading.Event().wait()
        return _run(command, provider.url)
    return 130 if command else 0


def _run(command: Sequence[str], url: str) -> int:
    keys = {name: "demo-key" for name in _KEYS if not os.environ.get(name)}
    env = {**os.environ, **keys, "OPENAI_BASE_URL": f"{url}/v1", "ANTHROPIC_BASE_URL": url}
    try:
        code = subprocess.run(command, env=env, check=False).returncode  # noqa: S603 - the user's own command
    except OSError as failure:
        sys.stderr.write(f"cannot run {command[0]}: {failure.strerror}\n")
        return 127
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
