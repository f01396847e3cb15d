"""What an OpenAI-shaped request asks for, with the extras of those whose API is shaped like OpenAI's."""

from typing import Any

import msgspec

from .bodies import decode, request_of, tools_in
from .record import UNSENT_THINKING, Request, Thinking
from .routes import Routed, deployment_in, models_of, upstreams_of
from .thinking import compat_thinking
from .vocabulary import WireFormat, count_of


class Asked(Routed):
    """What the body of any of these calls may say."""

    stream: Any = None
    messages: msgspec.Raw = msgspec.Raw()
    prompt: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    functions: msgspec.Raw = msgspec.Raw()
    max_tokens: Any = None
    max_completion_tokens: Any = None
    reasoning_effort: Any = None
    reasoning: Any = None
    thinking: Any = None
    thinking_budget: Any = None
    thinking_token_budget: Any = None
    reasoning_budget_tokens: Any = None
    thinking_budget_tokens: Any = None
    reasoning_budget: Any = None
    max_thinking_tokens: Any = None
    nvext: Any = None
    custom_params: Any = None
    enable_thinking: Any = None
    disable_reasoning: Any = None
    chat_template_kwargs: Any = None
    chat_template_args: Any = None
    prompt_mode: Any = None
    google: Any = None
    extra_body: Any = None


_WIRE_FORMAT = WireFormat.OPENAI_COMPAT
_asked = msgspec.json.Decoder(Asked)
_FIRST, _END = Asked.__struct_fields__.index("reasoning_effort"), len(Asked.__struct_fields__)
_THINKING = Asked.__struct_fields__[_FIRST:]


def asked_in(body: bytes) -> Asked | None:
    """What *body* says, or None where it is no JSON object."""
    return decode(_asked, body)


def request_in(sent: Asked, path: str, operation: str, api_type: str | None = None) -> Request:
    """What *sent* asks for at *path*, which names the deployment where the body names no model."""
    deployment, (model, fallbacks) = deployment_in(path), models_of(sent)
    limit = count_of(sent.max_completion_tokens) if sent.max_completion_tokens is not None else None
    return request_of(
        _WIRE_FORMAT,
        operation,
        model or deployment,
        _thinking_of(sent),
        tools_in(sent.tools, sent.functions),
        sent.stream is True,
        count_of(sent.max_tokens) if limit is None else limit,
        api_type,
        fallbacks,
        upstreams_of(sent),
        deployment is not None,
    )


def _thinking_of(sent: Asked) -> Thinking:
    told = msgspec.structs.astuple(sent)[_FIRST:_END]
    if told.count(None) == len(told):
        return UNSENT_THINKING
    return compat_thinking(dict(zip(_THINKING, told, strict=True)))
