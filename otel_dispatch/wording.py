"""The record in words: as span attributes, and as harn's JSON line."""

from typing import Any, Final

from . import attributes as a
from .providers import semconv_name
from .record import Dispatch, Endpoint, Outcome, Reply, Request, Rollup, Thinking
from .recordfile import TYPE
from .vocabulary import Kind, clean

Words = dict[str, Any]

USAGE: Final = {
    "input": a.USAGE_INPUT,
    "output": a.USAGE_OUTPUT,
    "cache_read": a.USAGE_CACHE_READ,
    "cache_write": a.USAGE_CACHE_WRITE,
    "reasoning": a.USAGE_REASONING,
}
"""The tokens that a record line tells, and the attribute of each."""

_CLIENTS = (Kind.LLM_CALL, Kind.CLI_LAUNCH)


def span_name(dispatch: Dispatch) -> str:
    """The span's name: the operation, and the model, skill, recipe, agent or program it is about."""
    subject = dispatch.model if dispatch.kind is Kind.LLM_CALL else dispatch.names.label
    known = subject and subject != "unknown"
    return f"{dispatch.operation} {subject}" if known else dispatch.operation


def words_of(dispatch: Dispatch) -> Words:
    """The attributes of *dispatch* that are known when it starts, so that samplers see them."""
    origins, inherited = dispatch.provenance, ",".join(dispatch.provenance.inherited)
    words: Words = {
        a.OPERATION: dispatch.operation,
        a.KIND: str(dispatch.kind),
        a.PROVIDER: dispatch.provider,
        a.MODEL: dispatch.model,
        a.WIRE_FORMAT: str(dispatch.wire_format),
        a.TOOL_FORMAT: str(dispatch.tool_format),
        a.BASE_URL_HOST: dispatch.base_url_host or "unknown",
        a.PROVENANCE_PROVIDER: str(origins.provider),
        a.PROVENANCE_MODEL: str(origins.model),
        a.PROVENANCE_WIRE_FORMAT: str(origins.wire_format),
        a.PROVENANCE_THINKING: str(origins.thinking),
        a.PROVENANCE_TOOL_FORMAT: str(origins.tool_format),
        a.INHERITED: bool(inherited),
        a.INHERITED_FIELDS: inherited,
    }
    words.update(_thinking(dispatch.thinking))
    if dispatch.mismatch:
        words[a.MISMATCH] = ",".join(sorted(dispatch.mismatch))
    requested, primary = dispatch.requested, dispatch.primary
    if requested.provider and requested.provider != dispatch.provider:
        words[a.REQUESTED_PROVIDER] = requested.provider
    if requested.model and requested.model != dispatch.model:
        words[a.REQUESTED_MODEL] = requested.model
    if primary is not None:
        _put(words, ((a.PRIMARY_PROVIDER, primary.provider), (a.PRIMARY_MODEL, primary.model)))
    if dispatch.kind in _CLIENTS:
        words[a.PROVIDER_NAME] = semconv_name(dispatch.provider)
        words[a.PEER_SERVICE] = words[a.SERVICE_PEER_NAME] = dispatch.provider
        return words
    names = dispatch.names
    _put(
        words,
        (
            (a.AGENT_NAME, names.agent),
            (a.SKILL_NAME, names.skill),
            (a.WORKFLOW_NAME, names.workflow),
            (a.CONVERSATION_ID, names.conversation),
            (a.REPORTED_PROVIDER, dispatch.reported_provider),
            (a.DEFINITION_HASH, dispatch.definition_hash),
        ),
    )
    return words


def words_of_change(before: Dispatch, after: Dispatch) -> Words:
    """The attributes of *after* that *before* did not have, or not so."""
    known = words_of(before)
    return {name: value for name, value in words_of(after).items() if known.get(name) != value}


def words_of_request(request: Request, endpoint: Endpoint, resend: int) -> Words:
    """The attributes of a model call that its request tells beyond the record."""
    words: Words = {a.REQUEST_STREAM: request.stream}
    _put(
        words,
        (
            (a.REQUEST_MODEL, request.model),
            (a.REQUEST_MAX_TOKENS, request.max_tokens),
            (a.REQUEST_REASONING_LEVEL, request.thinking.level),
            (a.SERVER_ADDRESS, endpoint.host or None),
            (a.SERVER_PORT, endpoint.port),
            (a.HTTP_RESEND_COUNT, resend or None),
            (a.OPENAI_API_TYPE, request.api_type),
        ),
    )
    return words


def words_of_reply(reply: Reply) -> Words:
    """The attributes that an answer tells."""
    # One `if` a word: this runs on every call.
    words: Words = {}
    if reply.model is not None:
        words[a.RESPONSE_MODEL] = reply.model
    if reply.id is not None:
        words[a.RESPONSE_ID] = reply.id
    usage = reply.usage
    if usage.input is not None:
        words[a.USAGE_INPUT] = usage.input
    if usage.output is not None:
        words[a.USAGE_OUTPUT] = usage.output
    if usage.cache_read is not None:
        words[a.USAGE_CACHE_READ] = usage.cache_read
    if usage.cache_write is not None:
        words[a.USAGE_CACHE_WRITE] = usage.cache_write
    if usage.reasoning is not None:
        words[a.USAGE_REASONING] = usage.reasoning
    if reply.finish:
        words[a.RESPONSE_FINISH_REASONS] = tuple(reply.finish)
    if reply.upstream is not None:
        words[a.SERVED_PROVIDER] = reply.upstream
    return words


def words_of_outcome(outcome: Outcome) -> Words:
    """The attributes of what came back."""
    words: Words = {a.OUTCOME_KIND: str(outcome.kind)}
    if outcome.cls is not None:
        words[a.OUTCOME_CLASS] = str(outcome.cls)
    if outcome.completion_tokens is not None:
        words[a.OUTCOME_TOKENS] = outcome.completion_tokens
    if outcome.content_len is not None:
        words[a.OUTCOME_CONTENT_LEN] = outcome.content_len
    if outcome.empty_retries:
        words[a.OUTCOME_EMPTY_RETRIES] = outcome.empty_retries
    return words


def words_of_rollup(rollup: Rollup) -> Words:
    """The attributes that sum up everything below an entry."""
    words: Words = {
        a.ROLLUP_CALLS: rollup.calls,
        a.ROLLUP_MODELS: clean(",".join(rollup.models)),
        a.ROLLUP_PROVIDERS: clean(",".join(rollup.providers)),
        a.ROLLUP_INHERITED: rollup.inherited_calls,
        a.ROLLUP_EMPTY: rollup.empty_terminal_calls,
    }
    _put(words, ((a.ROLLUP_TOKENS, rollup.output_tokens),))
    return words


def line_of(dispatch: Dispatch, *, call_id: str, end_ns: int, extra: Words) -> Words:
    """*dispatch* in harn's ``resolved_dispatch`` shape, with *extra* keys of ours beside it.

    A figure that was not reported is null, where harn writes 0.
    """
    thinking, outcome = dispatch.thinking, dispatch.outcome or Outcome()
    seconds, millis = divmod(end_ns // 1_000_000, 1000)
    return {
        "type": TYPE,
        "iteration": 0,
        "call_id": call_id,
        "span_id": None,
        "timestamp": f"{seconds}.{millis:03d}",
        "provider": dispatch.provider,
        "model": dispatch.model,
        "wire_format": dispatch.wire_format,
        "thinking": _harn_thinking(thinking),
        "tool_format": dispatch.tool_format,
        "base_url_host": dispatch.base_url_host,
        "provenance": dispatch.provenance,
        "outcome": _harn_outcome(outcome),
        "outcome_kind": outcome.kind,
        "kind": dispatch.kind,
        "inherited_fields": dispatch.provenance.inherited,
        "mismatch": dispatch.mismatch,
        "requested": dispatch.requested,
        "primary": dispatch.primary,
        "names": dispatch.names,
        "rollup": dispatch.rollup,
        **extra,
    }


def _thinking(thinking: Thinking) -> Words:
    words: Words = {a.THINKING_MODE: str(thinking.mode)}
    _put(
        words,
        (
            (a.THINKING_ENABLED, thinking.enabled),
            (a.THINKING_BUDGET, thinking.budget_tokens),
            (a.THINKING_LEVEL, thinking.level),
        ),
    )
    return words


def _harn_thinking(thinking: Thinking) -> Words:
    told: Words = {"mode": thinking.mode, "enabled": thinking.enabled}
    _put(told, (("budget_tokens", thinking.budget_tokens), ("level", thinking.level)))
    return told


def _harn_outcome(outcome: Outcome) -> Words:
    if outcome.cls is not None:
        return {"kind": outcome.kind, "class": outcome.cls}
    told: Words = {
        "kind": outcome.kind,
        "completion_tokens": outcome.completion_tokens,
        "content_len": outcome.content_len,
    }
    _put(told, (("empty_retries", outcome.empty_retries or None),))
    return told


def _put(words: Words, pairs: tuple[tuple[str, Any], ...]) -> None:
    for name, value in pairs:
        if value is not None:
            words[name] = value
