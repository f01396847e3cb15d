"""Lines as harn writes them, for the tests of its importer."""

from typing import Any

BEGIN = 1_789_000_000
SECRET = "xyzzy-secret"
UNKNOWN = dict.fromkeys(("provider", "model", "wire_format", "thinking", "tool_format"), "unknown")
CHOSEN = {**UNKNOWN, "provider": "catalog_default", "model": "pipeline_input"}
ASTRAY = {**UNKNOWN, "provider": "inherited_from_primary", "model": "escalation_override"}

Line = dict[str, Any]


def line(entry: str, at: float, call: str | None, turn: int, route: tuple[str, str], /, **told: Any) -> Line:
    """A line of the type *entry*, written *at* seconds after the beginning."""
    provider, model = route
    named = {} if call is None else {"call_id": call}
    common = {"type": entry, "timestamp": f"{BEGIN + at:.3f}", "span_id": None, "iteration": turn}
    return {**common, **named, "provider": provider, "model": model, **told}


def request(at: float, call: str | None, turn: int, route: tuple[str, str], **told: Any) -> Line:
    """A request line, with what a verbose transcript has in it."""
    thinking = {"mode": "disabled", "enabled": False, "budget_tokens": None}
    snapshot = {"system": SECRET, "messages": [{"content": SECRET}]}
    given = {"max_tokens": 8192, "thinking": thinking, "tool_format": "native", "native_tool_count": 3}
    return line("provider_call_request", at, call, turn, route, **{**given, "request_snapshot": snapshot, **told})


def response(at: float, call: str | None, turn: int, route: tuple[str, str], text: str = SECRET, **told: Any) -> Line:
    """A response line with 100 and 20 tokens."""
    usage = {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 0, "cache_write_tokens": 0}
    given = {"text": text, "tool_calls": [], "thinking": None, "stop_reason": "stop", "response_ms": 900}
    return line("provider_call_response", at, call, turn, route, **{**usage, **given, **told})


def failure(at: float, call: str | None, turn: int, route: tuple[str, str], **told: Any) -> Line:
    """An error line: by default of a surfaced error of no known reason."""
    given = {"attempt": 1, "status": "error", "category": "generic", "kind": "terminal", "reason": "unknown"}
    return line("provider_call_error", at, call, turn, route, **{**given, "message": f"429 {SECRET}", **told})


def retry(at: float, turn: int, route: tuple[str, str], **told: Any) -> Line:
    """A line about an empty answer that is tried again after a second."""
    given = {"attempt": 1, "reason": "empty_generation", "duration_ms": 1000, "error": SECRET}
    return line("empty_completion_retry", at, None, turn, route, **{**given, **told})


def record(at: float, call: str | None, turn: int, route: tuple[str, str], outcome: Line, **told: Any) -> Line:
    """A record, as the latest version of harn writes it."""
    given = {
        "wire_format": "openai_compat",
        "thinking": {"mode": "off", "enabled": False},
        "tool_format": "native",
        "stop": None,
        "base_url_host": "api.minimax.io",
        "provenance": CHOSEN,
        "outcome_kind": outcome["kind"],
    }
    return line("resolved_dispatch", at, call, turn, route, outcome=outcome, **{**given, **told})


def served(length: int = 12, tokens: int = 20) -> Line:
    """The outcome of an answer."""
    return {"kind": "served", "completion_tokens": tokens, "content_len": length}


def in_event_log(told: Line) -> Line:
    """*told* as a line of an event log's topic file."""
    event = {"kind": told["type"], "payload": told, "headers": {"tenant_id": SECRET}, "occurred_at_ms": 1}
    return {"id": 7, "event": event}


def in_run_json(told: Line) -> Line:
    """*told* as a line that ``harn run --json`` prints."""
    data = {"event_type": "transcript", "seq": 3, "agent_id": "a", "kind": told["type"], "payload": told}
    return {"schemaVersion": 1, "ok": True, "data": data, "error": None, "warnings": []}
