"""The modules of the tools, as the server registers them."""

import asyncio
import functools
import json
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from . import parts
from .sessions import ROOT, Fill


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """No shield: a cancelled tool raises."""
    return function


def shielded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The shield of the later lines: a cancelled tool answers."""

    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> str:
        try:
            return str(await function(*args, **kwargs))
        except asyncio.CancelledError:
            return json.dumps({"success": False, "error": "cancelled", "subtype": "cancelled"})

    return call


def skill_tool(shield: Callable[..., Any], *, declares: bool, names_provider: bool) -> Fill:
    """The module of ``run_skill``."""

    def fill(module: ModuleType) -> None:
        state = import_module(f"{ROOT}.server._state")

        @state.mcp.tool
        @shield
        async def run_skill(
            skill_command: str,
            cwd: str,
            model: str = "",
            step_name: str = "",
            order_id: str = "",
            step_provider: str = "",
            fallback: Any = None,
        ) -> str:
            ctx = state.ctx
            if not ctx.is_open:
                return parts.gate_error()
            declared = step_provider if declares else None
            route = parts.routed(ctx, model, step_name, ctx.recipe_name, declared)
            named = {"provider_name": route["profile_name"]} if names_provider else {}
            later = {"provider_fallback_env": fallback[1], "provider_fallback_name": fallback[0]} if fallback else {}
            result = await ctx.executor.run(
                skill_command,
                cwd,
                step_name=step_name,
                kitchen_id=ctx.kitchen_id,
                order_id=order_id,
                recipe_name=ctx.recipe_name,
                **route,
                **named,
                **later,
            )
            return str(result.to_json())

        module.run_skill = run_skill  # type: ignore[attr-defined]

    return fill


def report_tool(shield: Callable[..., Any], *, names_provider: bool) -> Fill:
    """The module of ``report_bug``."""

    async def _run_report_session(ctx: Any, command: str, cwd: str, step_name: str, route: dict[str, Any]) -> str:
        named = {"provider_name": route["profile_name"]} if names_provider else {}
        result = await ctx.executor.run(command, cwd, step_name=step_name, **route, **named)
        return json.dumps({"success": result.success, "status": "complete", "subtype": result.subtype})

    def fill(module: ModuleType) -> None:
        state = import_module(f"{ROOT}.server._state")

        @state.mcp.tool
        @shield
        async def report_bug(
            error_context: str, cwd: str, severity: str = "non_blocking", model: str = "", step_name: str = ""
        ) -> str:
            ctx = state.ctx
            if not ctx.is_open:
                return parts.gate_error()
            route = parts.routed(ctx, model or ctx.config.report_bug.model or "", "", "", "")
            command = f"/report-bug\n\nError context:\n{error_context}"
            session = _run_report_session(ctx, command, cwd, step_name, route)
            if severity == "blocking":
                return await session
            parts.in_background(ctx, session)
            return json.dumps({"success": True, "status": "dispatched"})

        module.report_bug = report_bug  # type: ignore[attr-defined]

    return fill


def fleet_tool(shield: Callable[..., Any]) -> Fill:
    """The module of ``dispatch_food_truck``, where there are fleets."""

    def fill(module: ModuleType) -> None:
        state = import_module(f"{ROOT}.server._state")

        @state.mcp.tool
        @shield
        async def dispatch_food_truck(recipe: str, task: str) -> str:
            ctx = state.ctx
            if recipe == "nowhere":
                return parts.fleet_error("fleet_recipe_not_found")
            result = await ctx.executor.dispatch_food_truck(
                f"secret orders: {task}",
                "/",
                completion_marker="%%DONE%%",
                kitchen_id=ctx.kitchen_id,
                campaign_id="campaign-1",
                dispatch_id="dispatch-1",
            )
            return json.dumps({"success": result.success, "dispatch_status": "completed", "dispatch_id": "dispatch-1"})

        module.dispatch_food_truck = dispatch_food_truck  # type: ignore[attr-defined]

    return fill
