"""Answers of OpenAI's older APIs, and of those whose API is shaped like OpenAI's, in the shapes they document."""

from collections.abc import Sequence
from typing import Any

from otel_dispatch.demo.answer import Answer, Usage, event, new_id, streamed, whole
from otel_dispatch.demo.chat_replies import chat_stream


def completion(text: str = "Done.", *, model: str, finish: str = "stop", usage: Usage = (9, 12)) -> Answer:
    """Return a whole text completion."""
    body = {**_head(model), "choices": [_choice(text, finish)]}
    return whole("openai", body if usage is None else {**body, "usage": _usage(usage)})


def completion_stream(
    texts: Sequence[str] = ("Done", "."), *, model: str, finish: str = "stop", usage: Usage = (9, 12), done: bool = True
) -> Answer:
    """Return a streamed text completion."""
    steps = [_choice(text, None) for text in texts] + [_choice("", finish)]
    head = _head(model)
    chunks = [{**head, "choices": [step]} for step in steps]
    if usage is not None:
        chunks.append({**head, "choices": [], "usage": _usage(usage)})
    last = [event(None, "[DONE]")] if done else []
    return streamed("openai", [*(event(None, chunk) for chunk in chunks), *last])


def embeddings(*, model: str, vectors: Sequence[Any] = ((0.25, -0.5),), usage: dict[str, int] | None = None) -> Answer:
    """Return a list of embeddings, each of numbers or as base64."""
    data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    counted = {"prompt_tokens": 9, "total_tokens": 9} if usage is None else usage
    return whole("openai", {"object": "list", "data": data, "model": model, "usage": counted})


PREDICATE = {"type": "predicate", "name": "a", "probability": 0.75}


def decision(*answers: dict[str, Any], model: str, usage: Usage = (9, 12)) -> Answer:
    """Return the answers to questions, one unless others are given."""
    counted = {} if usage is None else {"input_tokens": usage[0], "output_tokens": usage[1], "total_tokens": sum(usage)}
    details = {
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    told = {"usage": {**counted, **details}} if counted else {}
    return whole("openai", {"answers": answers or (PREDICATE,), "model": model, **told})


def azure_chat_stream(texts: Sequence[str], *, model: str = "m", finish: str = "stop") -> Answer:
    """Return a streamed chat completion of Azure's, which first tells of its filters, with no choice."""
    safe = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
    results = [{"prompt_index": 0, "content_filter_results": safe}]
    head = {"id": "", "object": "", "created": 0, "model": "", "system_fingerprint": None}
    first = event(None, {**head, "choices": [], "prompt_filter_results": results})
    chunks = [
        chunk for chunk in chat_stream(texts, model=model, finish=finish).chunks or () if isinstance(chunk, bytes)
    ]
    return streamed("openai", [first, *chunks])


def gateway_chat_stream(texts: Sequence[str], metadata: dict[str, Any], *, model: str = "m") -> Answer:
    """Return a streamed chat completion of OpenRouter's, with its comments, that breaks off with an error."""
    head = {"id": new_id("gen-"), "provider": "One", "model": model, "object": "chat.completion.chunk"}
    delta = {"role": "assistant", "reasoning": None, "reasoning_details": []}
    steps = [{"index": 0, "delta": {**delta, "content": text}, "finish_reason": None} for text in texts]
    error = {"code": 502, "message": "x", "metadata": {"provider_name": "Two", **metadata}}
    failed = {"index": 0, "delta": {"content": ""}, "finish_reason": "error", "native_finish_reason": None}
    chunks = [event(None, {**head, "choices": [step]}) for step in steps]
    last = event(None, {**head, "error": error, "choices": [failed]})
    return streamed("openai", [b": OPENROUTER PROCESSING\n\n", *chunks, b": OPENROUTER PROCESSING\n\n", last])


def azure_refusal() -> Answer:
    """Return what Azure answers to a prompt that its filter stops."""
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"violence": {"filtered": True}}}
    told = {"message": "x", "type": None, "param": "prompt", "code": "content_filter", "status": 400}
    return whole("openai", {"error": {**told, "innererror": inner}}, 400)


def _head(model: str) -> dict[str, Any]:
    return {"id": new_id("cmpl-"), "object": "text_completion", "created": 1, "model": model}


def _choice(text: str, finish: str | None) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}


def _usage(usage: tuple[int, int]) -> dict[str, Any]:
    return {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
