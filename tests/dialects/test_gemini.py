"""Gemini's generateContent and embedContent: requests, whole answers, chunks of a stream, errors."""

import json
from typing import Any

import pytest

from otel_dispatch.dialects import dialect_at
from otel_dispatch.dialects.gemini import CONTENT
from otel_dispatch.dialects.gemini_embeddings import EMBEDDINGS
from otel_dispatch.models import is_same_model
from otel_dispatch.record import UNKNOWN_THINKING, Request, Thinking
from otel_dispatch.vocabulary import ThinkingMode, ToolFormat, WireFormat
from tests.dialects.heard import end_of, hear, heard, heard_body, heard_events, said
from tests.wires import gemini as wire

SERVED, EMPTY = ("served", None), ("empty_completion_terminal", None)
MALFORMED, FILTERED = ("provider_error", "malformed_response"), ("provider_error", "content_filter")
PATH = "/v1beta/models/m:generateContent"
DEFAULT = Request(WireFormat.GEMINI, "generate_content", "m")
VERTEX = "/v1/projects/p/locations/us-central1"

PATHS = [
    (PATH, CONTENT, "m"),
    ("/v1/models/gemini-2.5-flash:streamGenerateContent", CONTENT, "gemini-2.5-flash"),
    ("/v1beta/tunedModels/mine-123:generateContent", CONTENT, "tunedModels/mine-123"),
    (f"{VERTEX}/publishers/google/models/gemini-3-pro:generateContent", CONTENT, "gemini-3-pro"),
    (f"{VERTEX}/endpoints/42:streamGenerateContent", CONTENT, "endpoints/42"),
    ("/v1/publishers/google/models/m:generateContent", CONTENT, "m"),
    ("/gemini/v1beta/models/ollama/llama3%3A8b:generateContent", CONTENT, "ollama/llama3:8b"),
    ("/v1beta/models/llama3:8b:generateContent", CONTENT, "llama3:8b"),
    ("/v1beta/models/m:embedContent", EMBEDDINGS, "m"),
    ("/v1beta/models/m:batchEmbedContents", EMBEDDINGS, "m"),
]


@pytest.mark.parametrize(("path", "dialect", "model"), PATHS)
def test_it_answers_at_the_methods_of_a_model_whose_name_the_path_tells(path: str, dialect: Any, model: str) -> None:
    assert dialect_at(path) is dialect
    request = dialect.request(b"{}", path)
    assert (request.model, request.stream) == (model, ":stream" in path)


@pytest.mark.parametrize(
    "path",
    [
        *(
            f"/v1beta/models/m:{method}"
            for method in ("countTokens", "batchGenerateContent", "predictLongRunning", "computeTokens")
        ),
        *("/v1beta/models/m", "/v1beta/cachedContents", "/v1beta/files", "/v1beta/generateContent"),
    ],
)
def test_it_answers_at_no_other_method(path: str) -> None:
    assert dialect_at(path) not in (CONTENT, EMBEDDINGS)


@pytest.mark.parametrize(
    ("model", "body", "embeds"),
    [
        ("text-embedding-005", {"instances": [{"content": "hi"}]}, True),
        ("multimodalembedding@001", {"instances": [{"text": "hi"}]}, True),
        ("text-embedding-005", {"instances": []}, False),
        ("text-embedding-005", [], False),
        ("imagen-4", {"instances": [{"prompt": "a cat"}]}, False),
    ],
)
def test_of_vertexs_predictions_those_of_a_model_that_embeds_are_embeddings(
    model: str, body: Any, embeds: bool
) -> None:
    path, sent = f"{VERTEX}/publishers/google/models/{model}:predict", json.dumps(body).encode()
    assert dialect_at(path) is EMBEDDINGS
    assert EMBEDDINGS.request(sent, path) == (Request(WireFormat.UNKNOWN, "embeddings", model) if embeds else None)
    assert EMBEDDINGS.request(sent, f"{VERTEX}/endpoints/{model}:predict") is None


@pytest.mark.parametrize("path", ["/v1internal:generateContent", "/v1/notes/n:generateContent", "/models/:x", ""])
def test_where_no_model_is_named_there_is_no_model_call(path: str) -> None:
    assert CONTENT.request(b"{}", path) is None
    assert EMBEDDINGS.request(b"{}", path) is None


def test_a_name_of_the_users_own_contradicts_no_served_model() -> None:
    assert is_same_model("tunedModels/mine-123", "gemini-2.5-flash")
    assert is_same_model("gemini-2.5-flash", "endpoints/42")
    assert not is_same_model("models/gemini-2.5-pro", "gemini-2.5-flash")


def thinking(mode: str, budget: int | None = None, level: str | None = None) -> dict[str, Any]:
    return {"thinking": Thinking(ThinkingMode(mode), mode != "off", budget, level)}


def thinks(**config: Any) -> dict[str, Any]:
    return {"generationConfig": {"thinkingConfig": config}}


DECLARED = [{"functionDeclarations": [{"name": "f"}]}]

REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"generationConfig": {"maxOutputTokens": 5}}, {"max_tokens": 5}),
    ({"generation_config": {"max_output_tokens": 5}}, {"max_tokens": 5}),
    ({"generationConfig": {"maxOutputTokens": "5"}}, {}),
    ({"generationConfig": {"max_output_tokens": 3}, "generation_config": {"max_output_tokens": 5}}, {"max_tokens": 3}),
    ({"tools": DECLARED}, {"tool_format": ToolFormat.NATIVE}),
    ({"tools": [{"googleSearch": {}}]}, {"tool_format": ToolFormat.NATIVE}),
    ({"tools": [{"codeExecution": {}}], "cachedContent": "c"}, {"tool_format": ToolFormat.NATIVE}),
    ({"tools": []}, {}),
    ({"cachedContent": "cachedContents/c"}, {"tool_format": ToolFormat.UNKNOWN}),
    ({"cached_content": "cachedContents/c"}, {"tool_format": ToolFormat.UNKNOWN}),
    ({"cachedContent": ""}, {}),
    (thinks(thinkingBudget=0), thinking("off")),
    (thinks(thinking_budget=0), thinking("off")),
    (thinks(thinkingBudget=512, thinking_budget=0), thinking("off")),
    (thinks(thinkingBudget=0, thinkingLevel="LOW"), thinking("off", None, "low")),
    (thinks(thinkingBudget=-1), thinking("adaptive")),
    (thinks(thinkingBudget=512), thinking("enabled", 512)),
    (thinks(thinking_budget=512, includeThoughts=True), thinking("enabled", 512)),
    (thinks(thinkingLevel="MINIMAL"), thinking("effort", None, "minimal")),
    (thinks(thinking_level="XHIGH", include_thoughts=True), thinking("effort", None, "xhigh")),
    (thinks(thinking_level="LOW", thinkingBudget=512), thinking("effort", 512, "low")),
    (thinks(thinking_level="LOW", thinkingBudget=-1), thinking("effort", None, "low")),
    (thinks(thinkingLevel="THINKING_LEVEL_UNSPECIFIED"), {}),
    (thinks(includeThoughts=True), {}),
    (thinks(includeThoughts=False), {}),
    (thinks(thinkingBudget="512", thinkingLevel=3), {}),
    (thinks(thinkingBudget=-2), {}),
    ({"generationConfig": {"thinking_config": {"thinking_level": "low"}}}, thinking("effort", None, "low")),
    ({"generation_config": {"thinkingConfig": {"thinkingBudget": 0}}}, thinking("off")),
    ({"generationConfig": {"thinkingConfig": "LOW"}}, {}),
    ({"generationConfig": "x"}, {}),
    ({"contents": [{"parts": [{"text": "half an emoji: \ud83d"}]}]}, {}),
]


@pytest.mark.parametrize(("change", "expected"), REQUESTS)
def test_a_request_is_read(change: dict[str, Any], expected: dict[str, Any]) -> None:
    fields = {name: getattr(DEFAULT, name) for name in Request.__dataclass_fields__}
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], **change}
    assert CONTENT.request(json.dumps(body).encode(), PATH) == Request(**{**fields, **expected})


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"contents":', b"\xff"])
def test_of_a_body_that_cannot_be_read_the_model_is_known_and_no_more(body: bytes) -> None:
    assert CONTENT.request(body, "/models/m:streamGenerateContent") == Request(
        WireFormat.GEMINI, "generate_content", "m", UNKNOWN_THINKING, ToolFormat.UNKNOWN, stream=True
    )


def test_embedding_is_another_operation() -> None:
    assert EMBEDDINGS.request(b"", "/models/m:embedContent") == Request(WireFormat.GEMINI, "embeddings", "m")


USAGE = {"input": 9, "output": 12}
TEXT = {"model": "m", "finish": ["STOP"], "content_len": 5, "blank": False, **USAGE}
QUIET = {"model": "m", "finish": ["STOP"], **USAGE}
THOUGHT = {"output": 12 + 4, "reasoning": 4}
CONFUSED = {"failed": True, "code": "MALFORMED_FUNCTION_CALL", "finish": ["MALFORMED_FUNCTION_CALL"]}

ANSWERS: list[tuple[dict[str, Any], str, dict[str, Any], tuple[str, str | None]]] = [
    ({}, "Done.", TEXT, SERVED),
    ({"usage": None}, "Done.", {k: v for k, v in TEXT.items() if k not in USAGE}, SERVED),
    ({"cached": 3, "tool_tokens": 4}, "Done.", {**TEXT, "input": 9 + 4, "cache_read": 3}, SERVED),
    ({"thought": "hm", "thought_tokens": 4}, "Done.", {**TEXT, **THOUGHT, "committed": True}, SERVED),
    ({"finish": "MAX_TOKENS"}, "Done.", {**TEXT, "finish": ["MAX_TOKENS"]}, SERVED),
    ({"finish": "CONTINUATION"}, "Done.", {**TEXT, "finish": ["CONTINUATION"]}, SERVED),
    ({"tool_calls": 2}, "", {**QUIET, "committed": True}, SERVED),
    ({"signature": "Eq"}, "", {**QUIET, "committed": True}, SERVED),
    ({"thought": "hm"}, "", {**QUIET, "committed": True}, SERVED),
    *(
        ({"finish": reason}, "", {**QUIET, "finish": [reason]}, SERVED)
        for reason in ("SAFETY", "RECITATION", "PROHIBITED_CONTENT", "MAX_TOKENS", "OTHER", "NO_IMAGE", "A_NEW_ONE")
    ),
    ({"finish": "MALFORMED_FUNCTION_CALL"}, "", {**QUIET, **CONFUSED}, MALFORMED),
    ({}, "", QUIET, EMPTY),
    ({}, " \n", {**QUIET, "content_len": 2}, EMPTY),
    ({"usage": (9, 0)}, "", {"model": "m", "finish": ["STOP"], "input": 9}, EMPTY),
    ({"usage": (9, 0), "thought_tokens": 4}, "", {**QUIET, "output": 4, "reasoning": 4}, EMPTY),
    ({"usage": None}, "", {"model": "m", "finish": ["STOP"]}, EMPTY),
]


@pytest.mark.parametrize(("told", "text", "expected", "end"), ANSWERS)
def test_an_answer_says_the_same_whole_as_events_and_as_an_array(
    told: dict[str, Any], text: str, expected: dict[str, Any], end: tuple[str, str | None]
) -> None:
    chunks = wire.contents(list(text), model="m", **told)
    whole = heard(CONTENT, wire.whole(wire.content(text, model="m", **told)))
    for landing in (whole, heard(CONTENT, wire.streamed(*chunks)), heard(CONTENT, wire.whole(chunks))):
        assert (said(landing), end_of(landing)) == (expected, end)
        assert str(landing.reply.id).startswith("r")


PARTS: list[tuple[Any, dict[str, Any]]] = [
    ({"text": "é"}, {"content_len": 2, "blank": False}),
    ({"text": "\ud83d"}, {"content_len": 1, "blank": False}),
    ({"text": ""}, {}),
    ({"text": None}, {}),
    ({"text": 3}, {}),
    ({"text": "hm", "thought": True}, {"committed": True}),
    ({"text": "", "thought": True}, {}),
    ({"text": "x", "thought": False}, {"content_len": 1, "blank": False}),
    ({"text": "x", "thoughtSignature": "Eq"}, {"content_len": 1, "blank": False, "committed": True}),
    ({"thoughtSignature": "Eq"}, {"committed": True}),
    ({"text": "", "thoughtSignature": ""}, {}),
    ({"functionCall": {"name": "f", "args": {}}}, {"committed": True}),
    ({"executableCode": {"language": "PYTHON", "code": "1"}}, {"committed": True}),
    ({"codeExecutionResult": {"outcome": "OUTCOME_OK"}}, {"committed": True}),
    ({"inlineData": {"mimeType": "image/png", "data": "x"}}, {"committed": True}),
    ({"fileData": {"fileUri": "x"}}, {"committed": True}),
    ({"aNewOne": {"x": 1}}, {"committed": True}),
    ({"videoMetadata": {"fps": 1}}, {}),
    ({"functionCall": None}, {}),
    ({}, {}),
    ("text", {}),
    (None, {}),
]


@pytest.mark.parametrize(("part", "expected"), PARTS)
def test_every_part_counts(part: Any, expected: dict[str, Any]) -> None:
    body = {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}
    for landing in (heard_body(CONTENT, body), heard_events(CONTENT, body)):
        assert said(landing) == {"finish": ["STOP"], **expected}
        assert end_of(landing) == (SERVED if expected else EMPTY)


def test_some_models_finish_with_each_chunk_and_vertex_says_that_it_has_not_finished() -> None:
    every = [wire.content(text, model="m") for text in ("a", "b", "c")]
    landing = heard_events(CONTENT, *every)
    assert (landing.reply.content_len, landing.reply.finish, landing.reply.usage.output) == (3, ["STOP"], 12)
    unfinished = [wire.content("a", model="m", finish="FINISH_REASON_UNSPECIFIED")]
    assert end_of(heard_events(CONTENT, *unfinished)) == MALFORMED
    assert heard_events(CONTENT, *unfinished, *every).reply.finish == ["STOP"]


def test_each_candidate_is_heard() -> None:
    candidates = [{"content": {"parts": [{"text": "ab"}]}, "finishReason": word} for word in ("STOP", "SAFETY")]
    landing = heard_body(CONTENT, {"candidates": [*candidates, None, "x"]})
    assert said(landing) == {"finish": ["STOP", "SAFETY"], "content_len": 4, "blank": False}


COUNTS: list[tuple[list[dict[str, Any]], dict[str, Any]]] = [
    ([{"thoughtsTokenCount": 4}, {"candidatesTokenCount": 3}], {"output": 7, "reasoning": 4}),
    ([{"candidatesTokenCount": 3, "thoughtsTokenCount": 4}, {"thoughtsTokenCount": 5}], {"output": 8, "reasoning": 5}),
    ([{"candidatesTokenCount": 3, "thoughtsTokenCount": 4}] * 2, {"output": 7, "reasoning": 4}),
    ([{"candidatesTokenCount": 3}, {"candidatesTokenCount": 9}], {"output": 9}),
    ([{"candidatesTokenCount": 0}], {"output": 0}),
    ([{"promptTokenCount": 5}, {"toolUsePromptTokenCount": 2}], {"input": 5}),
    ([{"promptTokenCount": 5, "toolUsePromptTokenCount": 2}], {"input": 7}),
    ([{"candidatesTokenCount": -1, "promptTokenCount": 1.5, "thoughtsTokenCount": True}], {}),
    ([{"candidatesTokenCount": 2**63 - 1, "thoughtsTokenCount": 1}], {"reasoning": 1}),
    ([{"totalTokenCount": 9}], {}),
]


@pytest.mark.parametrize(("counted", "expected"), COUNTS)
def test_the_output_is_the_answer_and_the_thoughts_and_the_last_count_stands(
    counted: list[dict[str, Any]], expected: dict[str, Any]
) -> None:
    events = [{"candidates": [{"finishReason": "OTHER"}], "usageMetadata": each} for each in counted]
    assert said(heard_events(CONTENT, *events)) == {"finish": ["OTHER"], **expected}


def test_what_protobuf_leaves_out_is_empty_and_not_malformed() -> None:
    for body in ({"modelVersion": "m"}, {"usageMetadata": {"promptTokenCount": 9}}, {"candidates": [{}]}):
        assert end_of(heard_body(CONTENT, body)) == EMPTY
        assert end_of(heard_body(CONTENT, [body])) == EMPTY
    for body in (
        b"",
        b"{}",
        b"[]",
        b"x",
        b"[{}]",
        b"[1]",
        b'{"candidates":"x"}',
        b'{"candidates":[',
        b'[{"candidates":[]}',
    ):
        assert end_of(heard_body(CONTENT, body)) == MALFORMED


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        *((word, word) for word in ("SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY")),
        *((word, word) for word in ("MODEL_ARMOR", "JAILBREAK")),
        *((word, "content_filter") for word in ("OTHER", "A_NEW_ONE", "a sentence, not a word", ["SAFETY"])),
    ],
)  # fmt: skip
def test_a_prompt_that_is_blocked_is_no_empty_completion(reason: Any, code: str) -> None:
    told = wire.blocked(reason, model="m")
    for landing in (heard_body(CONTENT, told), heard_events(CONTENT, told), heard_body(CONTENT, [told])):
        assert said(landing).items() >= {"model": "m", "input": 9, "failed": True, "code": code}.items()
        assert end_of(landing) == FILTERED


FAILED = [
    (429, "RESOURCE_EXHAUSTED", None, "RESOURCE_EXHAUSTED", ("usage_limit", "rate_limit")),
    (429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", ("usage_limit", "rate_limit")),
    (400, "INVALID_ARGUMENT", None, "INVALID_ARGUMENT", ("provider_error", "bad_request")),
    (400, "INVALID_ARGUMENT", "API_KEY_INVALID", "API_KEY_INVALID", ("provider_error", "auth")),
    (400, "FAILED_PRECONDITION", None, "FAILED_PRECONDITION", ("provider_error", "bad_request")),
    (401, "UNAUTHENTICATED", None, "UNAUTHENTICATED", ("provider_error", "auth")),
    (403, "PERMISSION_DENIED", "SERVICE_DISABLED", "PERMISSION_DENIED", ("provider_error", "permission")),
    (403, "PERMISSION_DENIED", "BILLING_DISABLED", "BILLING_DISABLED", ("usage_limit", "billing")),
    (404, "NOT_FOUND", None, "NOT_FOUND", ("provider_error", "not_found")),
    (500, "INTERNAL", None, "INTERNAL", ("provider_error", "server_error")),
    (503, "UNAVAILABLE", None, "UNAVAILABLE", ("provider_error", "overloaded")),
    (504, "DEADLINE_EXCEEDED", None, "DEADLINE_EXCEEDED", ("provider_error", "timeout")),
]


@pytest.mark.parametrize(("status", "word", "reason", "code", "end"), FAILED)
@pytest.mark.parametrize("dialect", [CONTENT, EMBEDDINGS], ids=lambda dialect: dialect.name)
def test_an_error_is_classed_by_its_codes_wherever_it_comes(
    dialect: Any, status: int, word: str, reason: str | None, code: str, end: tuple[str, str]
) -> None:
    told = wire.failure(status, word, reason, "429 quota")
    ways = [
        *(heard_body(dialect, body, answered) for body in (told, [told]) for answered in (status, 200)),
        heard_events(dialect, told),
        heard_events(dialect, wire.content("so f", model="m", finish=None), told),
    ]
    for landing in ways:
        assert (landing.reply.code, end_of(landing)) == (code, end)


def test_an_error_that_says_nothing_is_classed_by_its_status() -> None:
    for body in (b"", b"<html>", b"{}", b'{"error":"x"}', b'[{"error":[]}]', b'{"error":{"details":["x"]}}'):
        assert end_of(heard_body(CONTENT, body, 500)) == ("provider_error", "server_error")
    assert end_of(heard_body(CONTENT, {"error": {"details": [{"reason": ["x"]}, 3]}})) == ("provider_error", "unknown")


@pytest.mark.parametrize(
    ("body", "expected", "end"),
    [
        (wire.embeddings(), {"committed": True}, SERVED),
        (wire.embeddings(2), {"committed": True}, SERVED),
        ({**wire.embeddings(), "usageMetadata": {"promptTokenCount": 4}}, {"committed": True, "input": 4}, SERVED),
        (wire.predictions(4, 5), {"committed": True, "input": 9}, SERVED),
        (wire.predictions(4, None), {"committed": True}, SERVED),
        ({"predictions": [{"textEmbedding": [0.5]}]}, {"committed": True}, SERVED),
        ({"predictions": []}, {"malformed": True}, MALFORMED),
        ({}, {"malformed": True}, MALFORMED),
        ({"embedding": {}}, {"malformed": True}, MALFORMED),
        ({"embeddings": "x"}, {"malformed": True}, MALFORMED),
        (b"x", {"malformed": True}, MALFORMED),
    ],
)
def test_embeddings_are_an_answer_without_text(
    body: Any, expected: dict[str, Any], end: tuple[str, str | None]
) -> None:
    landing = heard_body(EMBEDDINGS, body)
    assert (said(landing), end_of(landing)) == (expected, end)


def test_half_an_emoji_in_an_array_of_chunks_loses_nothing() -> None:
    chunks = [wire.content("\ud83d", model="m", finish=None), wire.content("x", model="m")]
    landing = hear(CONTENT, [json.dumps(chunks).encode()], "application/json")
    assert (landing.reply.content_len, landing.reply.model, end_of(landing)) == (2, "m", SERVED)
