"""What came back: from statuses, machine codes and the answer itself, as a kind and a class."""

import json

import pytest

from otel_dispatch.outcome import error_type_of, failure, is_empty, outcome_of_reply, outcome_of_status
from otel_dispatch.record import Outcome, Reply, Usage
from otel_dispatch.vocabulary import OutcomeClass, OutcomeKind

STATUSES = [
    (300, None, "provider_error", "unknown"),
    (302, "rate_limit_exceeded", "usage_limit", "rate_limit"),
    (400, None, "provider_error", "bad_request"),
    (400, "invalid_request_error", "provider_error", "bad_request"),
    (400, "context_length_exceeded", "provider_error", "context_overflow"),
    (400, "model_context_window_exceeded", "provider_error", "context_overflow"),
    (400, "content_filter", "provider_error", "content_filter"),
    (400, "ResponsibleAIPolicyViolation", "provider_error", "content_filter"),
    (400, "billing_hard_limit_reached", "usage_limit", "billing"),
    (400, "rate_limit_exceeded", "provider_error", "bad_request"),
    (400, "never_heard_of", "provider_error", "bad_request"),
    (401, None, "provider_error", "auth"),
    (401, "invalid_api_key", "provider_error", "auth"),
    (401, "insufficient_quota", "provider_error", "auth"),
    (402, None, "usage_limit", "billing"),
    (402, "billing_error", "usage_limit", "billing"),
    (403, None, "provider_error", "permission"),
    (403, "content_policy_violation", "provider_error", "content_filter"),
    (403, "insufficient_quota", "usage_limit", "quota"),
    (404, "model_not_found", "provider_error", "not_found"),
    (408, None, "provider_error", "timeout"),
    (409, "conflict_error", "provider_error", "bad_request"),
    (410, None, "provider_error", "not_found"),
    (413, "request_too_large", "provider_error", "bad_request"),
    (413, "context_length_exceeded", "provider_error", "context_overflow"),
    (422, None, "provider_error", "bad_request"),
    (429, None, "usage_limit", "rate_limit"),
    (429, "rate_limit_error", "usage_limit", "rate_limit"),
    (429, "RESOURCE_EXHAUSTED", "usage_limit", "rate_limit"),
    (429, "insufficient_quota", "usage_limit", "quota"),
    (429, "exceeded_current_quota_error", "usage_limit", "quota"),
    (429, "billing_not_active", "usage_limit", "billing"),
    (429, "contract_spend_limit_reached", "usage_limit", "billing"),
    (429, "invalid_request_error", "usage_limit", "rate_limit"),
    (498, None, "provider_error", "overloaded"),
    (499, None, "provider_error", "connection"),
    (500, None, "provider_error", "server_error"),
    (500, "api_error", "provider_error", "server_error"),
    (500, "overloaded_error", "provider_error", "overloaded"),
    (500, "timeout_error", "provider_error", "timeout"),
    (500, "insufficient_quota", "provider_error", "server_error"),
    (502, None, "provider_error", "server_error"),
    (503, None, "provider_error", "overloaded"),
    (504, None, "provider_error", "timeout"),
    (522, None, "provider_error", "timeout"),
    (523, None, "provider_error", "connection"),
    (524, None, "provider_error", "timeout"),
    (529, "overloaded_error", "provider_error", "overloaded"),
    (599, None, "provider_error", "server_error"),
    (600, None, "provider_error", "unknown"),
]


@pytest.mark.parametrize(("status", "code", "kind", "cls"), STATUSES)
def test_a_status_and_a_machine_code_make_the_class(status: int, code: str | None, kind: str, cls: str) -> None:
    assert outcome_of_status(status, code) == Outcome(OutcomeKind(kind), OutcomeClass(cls))


REPORTED = [
    (None, None, "provider_error", "unknown"),
    (None, "never_heard_of", "provider_error", "unknown"),
    (None, "overloaded_error", "provider_error", "overloaded"),
    (None, "api_error", "provider_error", "server_error"),
    (None, "rate_limit_exceeded", "usage_limit", "rate_limit"),
    (None, "usage_limit_reached", "usage_limit", "quota"),
    (None, "insufficient_balance", "usage_limit", "billing"),
    (None, "invalid_prompt", "provider_error", "bad_request"),
    (None, "vector_store_timeout", "provider_error", "timeout"),
    (None, "misalignment_policy_violation", "provider_error", "content_filter"),
    (None, "malformed_model_output", "provider_error", "malformed_response"),
    (None, "429", "usage_limit", "rate_limit"),
    (None, "503", "provider_error", "overloaded"),
    (None, "1429", "provider_error", "unknown"),
    (None, "cancelled", "cancelled", "cancelled"),
    (429, None, "usage_limit", "rate_limit"),
    (429, "insufficient_quota", "usage_limit", "quota"),
    (502, "never_heard_of", "provider_error", "server_error"),
    (200, "overloaded_error", "provider_error", "overloaded"),
    (-1, "overloaded_error", "provider_error", "overloaded"),
]


@pytest.mark.parametrize(("status", "code", "kind", "cls"), REPORTED)
def test_an_error_inside_an_answer_decides_whatever_was_said_before(
    status: int | None, code: str | None, kind: str, cls: str
) -> None:
    reply = Reply(failed=True, status=status, code=code, done=True, finish=["stop"], blank=False, content_len=9)
    assert outcome_of_reply(reply, 2) == Outcome(OutcomeKind(kind), OutcomeClass(cls))


def reply_of(text: str = "", **told: object) -> Reply:
    reply = Reply(**{"usage": Usage(output=5), "finish": ["stop"], **told})  # type: ignore[arg-type]
    reply.say(text)
    return reply


EMPTY = [
    ("nothing", reply_of()),
    ("white space of every kind", reply_of(" \t\r\n\u00a0\u2003\u2028\u3000")),
    ("unknown tokens", reply_of(usage=Usage())),
    ("unknown output tokens", reply_of(usage=Usage(input=3))),
    *(
        (f"stopped by {word}", reply_of(finish=[word]))
        for word in ("end_turn", "stop_sequence", "completed", "STOP", "eos_token")
    ),
    ("two choices that both stopped", reply_of(finish=["stop", "eos"])),
    ("no reason given", reply_of(finish=[])),
    ("done", reply_of(done=True)),
]
NOT_EMPTY = [
    ("text", reply_of("hi")),
    ("text after white space", reply_of(" \n x")),
    ("a tool call, thinking or a refusal", reply_of(committed=True)),
    ("white space and a tool call", reply_of(" ", committed=True)),
    ("not billed", reply_of(usage=Usage(output=0))),
    ("cut off", reply_of(finish=["length"])),
    ("cut off by Anthropic", reply_of(finish=["max_tokens"])),
    ("refused", reply_of(finish=["refusal"])),
    ("filtered", reply_of(finish=["content_filter"])),
    ("one of two choices filtered", reply_of(finish=["stop", "content_filter"])),
    ("an unknown reason", reply_of(finish=["because"])),
    ("a body that could not be read", reply_of(unread=True)),
]


@pytest.mark.parametrize("reply", [pytest.param(reply, id=name) for name, reply in EMPTY])
@pytest.mark.parametrize("retries", [0, 3])
def test_nothing_committed_at_a_normal_stop_is_empty(reply: Reply, retries: int) -> None:
    assert is_empty(reply)
    expected = Outcome(OutcomeKind.EMPTY_TERMINAL, None, reply.usage.output, 0, retries)
    assert outcome_of_reply(reply, retries) == expected


@pytest.mark.parametrize("reply", [pytest.param(reply, id=name) for name, reply in NOT_EMPTY])
def test_everything_else_that_arrived_is_served(reply: Reply) -> None:
    assert not is_empty(reply)
    length = None if reply.unread else reply.content_len
    assert outcome_of_reply(reply) == Outcome(OutcomeKind.SERVED, None, reply.usage.output, length, 0)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (reply_of("hi"), "empty_completion_transient_recovered"),
        (reply_of(committed=True), "empty_completion_transient_recovered"),
        (reply_of(), "empty_completion_terminal"),
        (reply_of(usage=Usage(output=0)), "served"),
        (reply_of(finish=["length"]), "served"),
        (reply_of(unread=True), "served"),
    ],
)
def test_only_something_that_came_recovers_from_an_empty_attempt(reply: Reply, kind: str) -> None:
    outcome = outcome_of_reply(reply, 2)
    assert (outcome.kind, outcome.empty_retries) == (kind, 2)


def test_content_is_counted_in_bytes_of_utf_8() -> None:
    reply = Reply()
    for piece in ("", "a", "é", "\N{GRINNING FACE}", "\ud83d", " "):
        reply.say(piece)
    assert (reply.content_len, reply.blank) == (1 + 2 + 4 + 1 + 1, False)


@pytest.mark.parametrize("done", [False, True])
def test_an_answer_that_cannot_be_read_is_malformed_unless_its_end_was_heard(done: bool) -> None:
    outcome = outcome_of_reply(reply_of("x", malformed=True, done=done))
    assert outcome.cls == (None if done else "malformed_response")


@pytest.mark.parametrize("cls", list(OutcomeClass))
def test_every_class_has_one_kind(cls: OutcomeClass) -> None:
    kinds = dict.fromkeys(("rate_limit", "quota", "billing"), "usage_limit")
    kinds |= dict.fromkeys(("cancelled", "abandoned"), "cancelled")
    assert failure(cls) == Outcome(OutcomeKind(kinds.get(cls, "provider_error")), cls)


@pytest.mark.parametrize(
    ("error", "status", "code", "expected"),
    [
        (ValueError("x"), 429, "insufficient_quota", "insufficient_quota"),
        (ValueError("x"), 429, None, "429"),
        (ValueError("x"), 200, None, "ValueError"),
        (KeyError("x"), None, None, "KeyError"),
        (json.JSONDecodeError("x", "", 0), None, None, "json.decoder.JSONDecodeError"),
        (None, None, None, "timeout"),
        (None, 200, None, "timeout"),
    ],
)
def test_the_error_type_is_the_most_precise_name_known(
    error: BaseException | None, status: int | None, code: str | None, expected: str
) -> None:
    assert error_type_of(failure(OutcomeClass.TIMEOUT), error, status, code) == expected
