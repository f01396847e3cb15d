"""Replies in the shapes that Google's Gemini and Interactions APIs document, with made-up content."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from otel_dispatch.demo.answer import TOOL, Answer, Hangup, Json, Usage, event, halves, new_id

Piece = bytes | float | Hangup


def whole(body: Any, status: int = 200) -> Answer:
    """*body* as a whole answer."""
    return Answer(status, {"content-type": "application/json; charset=UTF-8"}, json.dumps(body).encode())


def streamed(*pieces: Piece | Json, name: str = "") -> Answer:
    """*pieces* as a stream of server-sent events, each event one chunk and named by its field *name*."""
    chunks = [event(piece.get(name), piece) if isinstance(piece, dict) else piece for piece in pieces]
    return Answer(headers={"content-type": "text/event-stream"}, chunks=chunks)


def failure(status: int, word: str, reason: str | None = None, message: str = "The request failed.") -> Json:
    """An error as Google's APIs report one."""
    error: Json = {"code": status, "message": message, "status": word}
    if reason is not None:
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
        error["details"] = [info, {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "message": message}]
    return {"error": error}


def blocked(reason: str, *, model: str) -> Json:
    """The answer to a prompt that is not let through."""
    ratings = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True}]
    feedback = {"blockReason": reason, "safetyRatings": ratings}
    return {"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 9}, "modelVersion": model}


def content(
    text: str = "Done.",
    *,
    model: str,
    finish: str | None = "STOP",
    usage: Usage = (9, 12),
    thought: str = "",
    thought_tokens: int | None = None,
    cached: int | None = None,
    tool_tokens: int | None = None,
    signature: str = "",
    tool_calls: int = 0,
) -> Json:
    """One response, or chunk of a stream; what is empty is left out, as Protobuf's JSON does."""
    parts: list[Json] = [{"text": thought, "thought": True}] if thought else []
    parts += [{"text": text}] if text else []
    parts += [{"text": "", "thoughtSignature": signature}] if signature else []
    parts += [{"functionCall": {"name": TOOL, "args": {"path": f"step_{n + 1}.md"}}} for n in range(tool_calls)]
    candidate = _filled(content={"role": "model", "parts": parts} if parts else {"role": "model"}, finishReason=finish)
    counted = _filled(
        promptTokenCount=usage and usage[0],
        candidatesTokenCount=usage and usage[1],
        totalTokenCount=usage and sum(usage) + (thought_tokens or 0) + (tool_tokens or 0),
        thoughtsTokenCount=thought_tokens,
        cachedContentTokenCount=cached,
        toolUsePromptTokenCount=tool_tokens,
    )
    told = {"candidates": [{**candidate, "index": 0}], "modelVersion": model, "responseId": new_id("r")}
    return {**told, **({"usageMetadata": counted} if counted else {})}


def contents(texts: Sequence[str], *, model: str, usage: Usage = (9, 12), **options: Any) -> list[Json]:
    """The chunks of a stream: a text each, and one with what is said at the end."""
    so_far = [(usage[0], min(n, usage[1])) if usage else None for n in range(len(texts))]
    chunks = [
        *(content(text, model=model, finish=None, usage=each) for text, each in zip(texts, so_far, strict=True)),
        content("", model=model, usage=usage, **options),
    ]
    return [{**chunk, "responseId": chunks[0]["responseId"]} for chunk in chunks]


def embeddings(count: int = 1) -> Json:
    """The answer to one, or several, texts to embed."""
    vectors = [{"values": [0.1, -0.2]} for _ in range(count)]
    return {"embeddings": vectors} if count > 1 else {"embedding": vectors[0]}


def predictions(*tokens: int | None) -> Json:
    """Vertex AI's predictions of a model that embeds, one for each count of *tokens*."""
    vectors = [{"values": [0.5], "statistics": _filled(truncated=False, token_count=count)} for count in tokens]
    return {"predictions": [{"embeddings": vector} for vector in vectors], "metadata": {"billableCharacterCount": 2}}


NOUL: Json = {"type": "noul", "noul": 0.95, "confidence": 0.95}


def decision(*answers: Json, input_tokens: int = 9) -> Json:
    """The answers to questions, one unless others are given; no tokens come out for them."""
    usage = {"total_tokens": input_tokens, "total_input_tokens": input_tokens, "total_output_tokens": 0}
    return {"answers": {f"q{n}": each for n, each in enumerate(answers or (NOUL,))}, "usage": usage}


def undecided(reason: str) -> Json:
    """What is answered to an input that is not let through."""
    feedback = {"block_reason": reason, "block_reason_message": "The input was blocked."}
    return {"prompt_feedback": feedback, "usage": {"total_input_tokens": 9}}


def interaction(
    text: str = "Done.",
    *,
    status: str = "completed",
    usage: Usage = (9, 12),
    thought: str = "",
    thought_tokens: int | None = None,
    cached: int | None = None,
    tool_tokens: int | None = None,
    tool_calls: int = 0,
    **more: Any,
) -> Json:
    """One interaction; *more* are further fields of it, its model or agent among them."""
    spent = {
        "total_thought_tokens": thought_tokens,
        "total_cached_tokens": cached,
        "total_tool_use_tokens": tool_tokens,
    }
    counted = _filled(total_input_tokens=usage and usage[0], total_output_tokens=usage and usage[1], **spent)
    steps = [*_thoughts(thought), *([_output(text)] if text else []), *_calls(tool_calls)]
    told = {"id": new_id("v1_"), "object": "interaction", "status": status, "role": "model", **more}
    return {**told, **({"steps": steps} if steps else {}), **({"usage": counted} if counted else {})}


def interactions(texts: Sequence[str], *, tool_calls: int = 0, thought: str = "", **options: Any) -> list[Json]:
    """The events of one interaction that is streamed, as revision 2026-05-20 has them."""
    done = interaction("", **options)
    started = {name: value for name, value in done.items() if name != "usage"}
    events: list[Json] = [_about("created", {**started, "status": "in_progress"})]
    steps: list[tuple[Json, Iterable[Json]]] = [(step, [_signed()]) for step in _thoughts(thought)]
    if texts:
        steps.append((_output(texts[0]), [{"type": "text", "text": text} for text in texts[1:]]))
    steps += [({**call, "arguments": {}}, _pieces(call)) for call in _calls(tool_calls)]
    for index, (step, deltas) in enumerate(steps):
        at = {"index": index}
        events.append({"event_type": "step.start", "step": step, **at})
        events += [{"event_type": "step.delta", "delta": delta, **at} for delta in deltas]
        events.append({"event_type": "step.stop", **at})
    return [*events, _about("completed", done)]


def outputs(texts: Sequence[str], **options: Any) -> list[Json]:
    """The events of one interaction that is streamed, as the revision before had them."""
    done = interaction("", **options)
    deltas = [{"event_type": "content.delta", "index": 0, "delta": {"type": "text", "text": text}} for text in texts]
    return [
        {"event_type": "interaction.start", "interaction": {"id": done["id"], "status": "in_progress"}},
        {"event_type": "content.start", "index": 0, "content": {"type": "text"}},
        *deltas,
        {"event_type": "content.stop", "index": 0},
        {"event_type": "interaction.complete", "interaction": done},
    ]


def _about(what: str, told: Json) -> Json:
    return {"event_type": f"interaction.{what}", "interaction": told}


def _output(text: str) -> Json:
    return {"type": "model_output", "content": [{"type": "text", "text": text}]}


def _thoughts(text: str) -> list[Json]:
    summary = [{"type": "text", "text": text}]
    return [{"type": "thought", "signature": "", "summary": summary}] if text else []


def _signed() -> Json:
    return {"type": "thought_signature", "signature": new_id("Eq")}


def _calls(count: int) -> list[Json]:
    given = [{"path": f"step_{n + 1}.md"} for n in range(count)]
    return [{"type": "function_call", "id": new_id("c"), "name": TOOL, "arguments": each} for each in given]


def _pieces(call: Json) -> list[Json]:
    return [{"type": "arguments_delta", "arguments": piece} for piece in halves(json.dumps(call["arguments"]))]


def _filled(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None and value != 0}
