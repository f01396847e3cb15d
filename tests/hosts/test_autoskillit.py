"""AutoSkillit, by a double of each of its version lines: entries and launches, and what came back."""

import asyncio
import json
import sys
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from otel_dispatch import aloft
from tests.conftest import Told
from tests.hosts.autoskillit_double import calls
from tests.hosts.autoskillit_double.calls import CALLS, SECRET, TOOLS, call, facts, loaded, pair, record

fakes = calls.fakes

OUTCOMES: dict[str, tuple[Any, ...]] = {
    "success": ("served", None, StatusCode.UNSET),
    "empty": ("empty_completion_terminal", None, StatusCode.ERROR),
    "429": ("usage_limit", "rate_limit", StatusCode.ERROR),
    "529": ("provider_error", "overloaded", StatusCode.ERROR),
    "killed": ("provider_error", "unknown", StatusCode.ERROR),
    "slow": ("provider_error", "timeout", StatusCode.ERROR),
}


@pytest.mark.parametrize("mode", OUTCOMES)
@pytest.mark.parametrize(("line", "tool"), CALLS)
def test_an_entry_tells_what_came_back_whatever_the_host_makes_of_it(
    line: str, tool: str, mode: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODE", mode)
    server = loaded(line)
    server.ctx.config.run_skill.timeout = 0.5 if mode == "slow" else 30.0
    assert call(server, tool)["success"] is (mode == "success")
    for span in told.spans():
        found = facts(span)
        kind, cls, status = OUTCOMES[mode]
        assert (found["dispatch.outcome.kind"], found.get("dispatch.outcome.class")) == (kind, cls)
        assert span.status.status_code is status
        assert record(found)[0] == "anthropic"
    entered, launched = pair(told)
    assert entered["dispatch.kind"] == {"dispatch_food_truck": "fleet_dispatch"}.get(tool, tool)
    assert entered["autoskillit.kitchen_id"] == "kitchen-1"
    assert launched.get("process.exit.code") == {"killed": 137, "slow": None, "429": 1, "529": 1}.get(mode, 0)
    assert aloft.count() == 0


@pytest.mark.parametrize(("line", "tool"), CALLS)
def test_a_cancelled_tool_is_cancelled_also_where_its_shield_answers(
    line: str, tool: str, told: Told, fakes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODE", "slow")
    server = loaded(line)

    async def main() -> Any:
        task = asyncio.ensure_future(server.mcp.call_tool(tool, TOOLS[tool]))
        while not fakes.exists():
            await asyncio.sleep(0.01)
        task.cancel()
        return await task

    if line in ("D", "E"):
        assert json.loads(asyncio.run(main()).content[0].text)["subtype"] == "cancelled"
    else:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(main())
    for found in pair(told):
        assert found["dispatch.outcome.kind"] == found["dispatch.outcome.class"] == "cancelled"


def test_an_entry_carries_the_whole_record_of_its_session(told: Told) -> None:
    server = loaded("D", step_overrides={"implement": "minimax"})
    server.ctx.recipe_name = "nightly"
    call(server, "run_skill", step_name="implement", order_id="o-1")
    span = told.spans()[-1]
    assert (span.name, span.kind, span.parent) == ("invoke_agent investigate", SpanKind.INTERNAL, None)
    assert facts(span) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "implement",
        "gen_ai.skill.name": "investigate",
        "gen_ai.workflow.name": "nightly",
        "gen_ai.conversation.id": "0d6ee0c4-55cd-4b5e-9c12-4c4f1d9a5c11",
        "dispatch.kind": "run_skill",
        "dispatch.provider": "minimax",
        "dispatch.model": "MiniMax-M2",
        "dispatch.wire_format": "claude_cli",
        "dispatch.tool_format": "native",
        "dispatch.base_url_host": "api.minimax.io",
        "dispatch.thinking.mode": "enabled",
        "dispatch.thinking.enabled": True,
        "dispatch.thinking.budget_tokens": 4000,
        "dispatch.provenance.provider": "operator_pin",
        "dispatch.provenance.model": "operator_pin",
        "dispatch.provenance.wire_format": "catalog_default",
        "dispatch.provenance.thinking": "operator_pin",
        "dispatch.provenance.tool_format": "catalog_default",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.requested.model": "sonnet",
        "dispatch.reported.provider": "minimax",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.completion_tokens": 12,
        "dispatch.rollup.calls": 1,
        "dispatch.rollup.models": "MiniMax-M2",
        "dispatch.rollup.providers": "minimax",
        "dispatch.rollup.inherited_calls": 0,
        "dispatch.rollup.empty_terminal_calls": 0,
        "dispatch.rollup.output_tokens": 12,
        "autoskillit.kitchen_id": "kitchen-1",
        "autoskillit.order_id": "o-1",
        "autoskillit.step_name": "implement",
        "autoskillit.model_source": "model.default",
        "autoskillit.provider_source": "providers.step_overrides.implement",
        "autoskillit.success": True,
        "autoskillit.subtype": "success",
        "autoskillit.retry_reason": "none",
    }


def test_a_bug_report_that_blocks_nobody_goes_on_after_its_tool(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_MODE", "429")
    assert call(loaded("D"), "report_bug", severity="non_blocking", step_name="triage")["status"] == "dispatched"
    tool, launched, session = told.spans()
    for below, above in ((launched, session), (session, tool)):
        assert below.parent is not None
        assert above.context is not None
        assert below.parent.span_id == above.context.span_id
    assert (tool.end_time or 0) < (launched.start_time or 0)
    assert [facts(span)["dispatch.kind"] for span in (tool, session)] == ["report_bug", "report_bug"]
    assert tool.name == session.name == "invoke_agent report-bug"
    assert [facts(span)["dispatch.outcome.kind"] for span in (tool, session)] == ["served", "usage_limit"]
    assert facts(tool)["autoskillit.severity"] == "non_blocking"
    assert facts(session)["autoskillit.kitchen_id"] == "kitchen-1"


@pytest.mark.parametrize("line", ["A", "E"])
def test_a_tool_that_is_denied_before_any_session_is_refused(line: str, told: Told) -> None:
    server = loaded(line)
    server.ctx.is_open = False
    assert call(server, "run_skill")["subtype"] == "gate_error"
    span = told.only()
    assert (facts(span)["dispatch.outcome.kind"], facts(span)["autoskillit.subtype"]) == ("refused", "gate_error")
    assert span.status.status_code is StatusCode.UNSET
    assert facts(span)["dispatch.provider"] == "unknown"


def test_a_fleet_that_cannot_leave_is_refused_by_its_code_and_without_its_text(told: Told) -> None:
    call(loaded("C"), "dispatch_food_truck", recipe="nowhere")
    found = facts(told.only())
    assert found["dispatch.outcome.kind"] == "refused"
    assert found["autoskillit.subtype"] == "fleet_recipe_not_found"
    assert found["gen_ai.workflow.name"] == "nowhere"


def test_arguments_that_do_not_fit_are_a_refusal_and_raise_as_they_would(told: Told) -> None:
    server = loaded("B")
    # FastMCP's own error, or Python's.
    with pytest.raises(Exception, match="skill_command"):
        asyncio.run(server.mcp.call_tool("run_skill", {"cwd": "/"}))
    assert facts(told.only())["dispatch.outcome.kind"] == "refused"
    assert told.only().name == "invoke_agent run_skill"


def test_a_program_that_is_not_there_is_a_launch_that_never_ran(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert call(loaded("E"), "run_skill")["subtype"] == "crashed"
    entered, launched = pair(told)
    assert launched["dispatch.outcome.kind"] == "refused"
    assert launched["error.type"] == "FileNotFoundError"
    assert entered["dispatch.outcome.kind"] == "refused"


def test_other_tools_and_other_programs_are_no_business_of_ours(told: Told) -> None:
    server = loaded("B")

    async def main() -> Any:
        result = await server.ctx.runner(["true"], timeout=5.0)
        server.mcp.tool(run_cmd)
        return result.returncode, (await server.mcp.call_tool("run_cmd", {})).content[0].text

    async def run_cmd() -> str:
        return "done"

    assert asyncio.run(main()) == (0, "done")
    assert told.spans() == []


@pytest.mark.parametrize("line", ["A", "E"])
def test_a_session_without_a_tool_of_ours_is_an_entry_of_its_own(line: str, told: Told) -> None:
    server = loaded(line)
    asyncio.run(server.ctx.executor.run("/prepare-issue 7", "/", step_name="prepare"))
    entered, launched = pair(told)
    assert (entered["dispatch.kind"], entered["gen_ai.skill.name"]) == ("run_skill", "prepare-issue")
    assert launched["dispatch.kind"] == "cli_launch"


def test_a_bug_report_without_its_tool_is_known_by_its_skill(told: Told) -> None:
    server = loaded("B")
    asyncio.run(server.ctx.executor.run("/report-bug\n\nError context:\nx", "/"))
    assert pair(told)[0]["dispatch.kind"] == "report_bug"


def test_the_caller_that_mcp_names_is_the_parent(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    meta = SimpleNamespace(traceparent="00-0123456789abcdef0123456789abcdef-00f067aa0ba902b7-01")
    request_ctx: ContextVar[Any] = ContextVar("request_ctx")
    request_ctx.set(SimpleNamespace(meta=meta))
    monkeypatch.setitem(sys.modules, "mcp.server.lowlevel.server", SimpleNamespace(request_ctx=request_ctx))
    server = loaded("E")
    with trace.get_tracer("the host's", tracer_provider=told.tracer_provider).start_as_current_span("around"):
        call(server, "run_skill")
    entered = told.spans("invoke_agent investigate")[0]
    assert entered.parent is not None
    assert f"{entered.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert {span.context.trace_id for span in told.spans() if span.context and span.name != "around"} == {
        0x0123456789ABCDEF0123456789ABCDEF
    }


@pytest.mark.parametrize(("line", "tool"), CALLS)
def test_nothing_that_was_said_is_on_any_span(
    line: str, tool: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODE", "429")
    call(loaded(line, default_provider="minimax"), tool, **({"severity": "x"} if tool == "report_bug" else {}))
    for span in told.spans():
        shown = f"{span.name} {facts(span)} {span.events} {span.status.description}"
        assert not any(word in shown for word in (SECRET, "secret", "sk-", "API Error"))
    assert all("secret" not in str(event.attributes) for event in told.events())
    assert TOOLS[tool]


@pytest.mark.parametrize("tool", ["run_skill", "report_bug"])
def test_a_session_that_comes_to_grief_before_any_launch_never_began(tool: str, told: Told) -> None:
    server = loaded("B")

    async def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(SECRET)

    server.ctx.runner = broken
    assert call(server, tool)["subtype"] == "crashed"
    assert facts(told.only())["dispatch.outcome.kind"] == "refused"
