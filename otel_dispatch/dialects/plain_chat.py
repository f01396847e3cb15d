"""What most completions, and most chunks of one, look like: text and nothing else; any other is read in full."""

from typing import Annotated, Any, Literal

import msgspec

from ..bodies import note_usage
from ..record import Reply
from ..vocabulary import count_of, text_of


class _Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    # The nulls are what DeepSeek, OpenRouter, Together and vLLM send beside every text.
    content: str = ""
    role: Any = None
    refusal: None = None
    reasoning_content: None = None
    reasoning: None = None
    tool_calls: None = None
    function_call: None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta
    finish_reason: None = None
    error: None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice]
    usage: None = None
    error: None = None
    base_resp: None = None
    x_groq: None = None


class _Message(_Delta, forbid_unknown_fields=True, gc=False):
    annotations: Annotated[list[Any], msgspec.Meta(max_length=0)] | None = None
    audio: None = None


class _Answer(msgspec.Struct, gc=False):
    message: _Message
    finish_reason: Literal["stop", "length"] | None = None
    error: None = None
    text: None = None
    usage: None = None


class _Details(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: Any = None
    cache_write_tokens: Any = None
    cache_creation_input_tokens: None = None
    reasoning_tokens: Any = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: Any = None
    completion_tokens: Any = None
    prompt_tokens_details: _Details = _Details()
    completion_tokens_details: _Details = _Details()
    total_tokens: Any = None
    reasoning_tokens: Any = None
    cached_tokens: None = None
    prompt_cache_hit_tokens: None = None
    cache_read_input_tokens: None = None
    cache_creation_input_tokens: None = None


class PlainCompletion(msgspec.Struct, gc=False):
    """Text, and what it took."""

    choices: list[_Answer]
    usage: _Usage
    id: Any = None
    model: Any = None
    provider: None = None
    provider_metadata: None = None
    error: None = None
    base_resp: None = None
    x_groq: None = None


plain_completion = msgspec.json.Decoder(PlainCompletion)
plain_chunk = msgspec.json.Decoder(_Chunk)


def hear_plain(told: PlainCompletion, reply: Reply) -> None:
    """Note what *told* says."""
    reply.id = reply.id or text_of(told.id)
    reply.model = reply.model or text_of(told.model)
    for choice in told.choices:
        reply.say(choice.message.content)
        if choice.finish_reason is not None:
            reply.stop(choice.finish_reason)
    usage, prompt = told.usage, told.usage.prompt_tokens_details
    reasoning = usage.completion_tokens_details.reasoning_tokens
    if reasoning is None:
        reasoning = usage.reasoning_tokens
    output = usage.completion_tokens
    if reasoning:
        output = output_of(usage.prompt_tokens, output, reasoning, usage.total_tokens)
    note_usage(reply.usage, usage.prompt_tokens, output, prompt.cached_tokens, prompt.cache_write_tokens, reasoning)


def output_of(prompt: object, completion: object, reasoning: object, total: object) -> object:
    """The tokens of output; where the *total* proves that xAI counts them without those of *reasoning*, with them."""
    given, thought, before = count_of(completion), count_of(reasoning), count_of(prompt)
    if given is None or thought is None or before is None or before + given + thought != total:
        return completion
    return given + thought
