"""Replies in the shape that Ollama documents, with made-up content."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from otel_dispatch.demo.answer import TOOL, Answer, Json, Usage

NDJSON = "application/x-ndjson"
_TIMES = {"total_duration": 900, "load_duration": 100, "prompt_eval_duration": 300, "eval_duration": 500}


def ollama_chat(text: str = "Done.", **told: Any) -> Answer:
    """Return a whole answer of ``/api/chat``."""
    return whole(_last(told, message=_message(text, **_parts(told))))


def ollama_chat_stream(texts: Sequence[str] = ("Done", "."), *, ends: bool = True, **told: Any) -> Answer:
    """Return a streamed answer of ``/api/chat``, without its last line unless it *ends*."""
    parts = _parts(told)
    thoughts = [_message("", thinking=piece) for piece in (parts["thinking"] or "").split(" ") if piece]
    calls = [_message("", tool_calls=1) for _ in range(parts["tool_calls"])]
    lines = [_line(told, message=one) for one in (*thoughts, *map(_message, texts), *calls)]
    return streamed([*lines, _last(told, message=_message(""))] if ends else lines)


def ollama_generate(text: str = "Done.", **told: Any) -> Answer:
    """Return a whole answer of ``/api/generate``."""
    thinking = {"thinking": told["thinking"]} if told.get("thinking") else {}
    return whole(_last(told, response=text, **thinking, context=[1, 2]))


def ollama_generate_stream(texts: Sequence[str] = ("Done", "."), **told: Any) -> Answer:
    """Return a streamed answer of ``/api/generate``."""
    thoughts = [_line(told, response="", thinking=told["thinking"])] if told.get("thinking") else []
    return streamed([*thoughts, *(_line(told, response=piece) for piece in texts), _last(told, response="")])


def ollama_embed(model: str = "m", prompt_tokens: int | None = 9, vectors: int = 1) -> Answer:
    """Return an answer of ``/api/embed``."""
    counted = {} if prompt_tokens is None else {"prompt_eval_count": prompt_tokens}
    return whole({"model": model, "embeddings": [[0.5, -0.5]] * vectors, "total_duration": 900, **counted})


def systemone(*answers: Json, model: str = "m", usage: Usage = (9, 1)) -> Answer:
    """Return an answer of ``/v1/systemone``, to one question unless other answers are given."""
    each = {f"q{n}": answer for n, answer in enumerate(answers or ({"type": "noul", "noul": 0.95},))}
    counted = {} if usage is None else {"usage": {"input_tokens": usage[0], "output_tokens": usage[1]}}
    return whole({"model": model, "answers": each, **counted})


def ollama_error(status: int, message: str = "model 'm' not found") -> Answer:
    """Return a refused request."""
    return whole({"error": message}, status)


def whole(body: Json, status: int = 200) -> Answer:
    """Return *body* as a whole answer."""
    return Answer(status, {"content-type": "application/json; charset=utf-8"}, json.dumps(body).encode())


def streamed(lines: Sequence[Any], content_type: str = NDJSON) -> Answer:
    """Return *lines* as a streamed answer; what is no object is sent as it is."""
    chunks = [json.dumps(line).encode() + b"\n" if isinstance(line, dict) else line for line in lines]
    return Answer(headers={"content-type": content_type}, chunks=chunks)


def _parts(told: Json) -> Json:
    return {"thinking": told.get("thinking"), "tool_calls": told.get("tool_calls", 0)}


def _line(told: Json, **said: Any) -> Json:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    head = {"model": told.get("model", "m"), "created_at": now}
    return {**head, **said, "done": False}


def _last(told: Json, **said: Any) -> Json:
    usage: Usage = told.get("usage", (9, 12))
    counted = {} if usage is None else {"prompt_eval_count": usage[0], "eval_count": usage[1]}
    return {**_line(told, **said), "done": True, "done_reason": told.get("finish", "stop"), **_TIMES, **counted}


def _message(text: str, thinking: str | None = None, tool_calls: int = 0) -> Json:
    message: Json = {"role": "assistant", "content": text}
    if thinking is not None:
        message["thinking"] = thinking
    if tool_calls:
        call = {"function": {"name": TOOL, "arguments": {"path": "step_1.md"}}}
        message["tool_calls"] = [call] * tool_calls
    return message
