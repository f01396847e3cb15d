"""The modules that run sessions: the runner, the way that all of them take, and the executor before it."""

import os
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from . import parts

Fill = Callable[[ModuleType], None]
ROOT = "autoskillit"


def runner(module: ModuleType) -> None:
    """The runner's module."""

    class DefaultSubprocessRunner:
        async def __call__(
            self, cmd: list[str], *, timeout: float, env: Any = None, pty_mode: bool = False
        ) -> parts.SubprocessResult:
            return await parts.run_managed_async(cmd, timeout=timeout, env=env, pty_mode=pty_mode)

    module.DefaultSubprocessRunner = DefaultSubprocessRunner  # type: ignore[attr-defined]


def core(make: Callable[..., Any], names: tuple[str, str], *, uses_profile: bool) -> Fill:
    """The module of the way that every session takes; *names* are those of the model's section."""

    def resolve(config: Any, model: str, step: str, recipe: str) -> str | None:
        override, default = (getattr(config.model, name) for name in names)
        by_recipe = config.model.recipe_overrides.get(recipe, {}).get(step)
        return override or by_recipe or config.model.step_overrides.get(step) or model or default

    async def run_headless_core(
        skill_command: str,
        cwd: str,
        ctx: Any,
        *,
        model: str = "",
        step_name: str = "",
        recipe_name: str = "",
        provider_extras: Any = None,
        profile_name: str = "",
        provider_name: str = "",
        provider_fallback_env: Any = None,
        provider_fallback_name: str = "",
        **rest: Any,
    ) -> Any:
        resolved = resolve(ctx.config, model, step_name, recipe_name)
        env = parts.environment_of(parts.skill_base(), provider_extras, profile_name)
        return await parts.execute(
            ctx,
            parts.command_of(skill_command, resolved),
            env,
            make,
            provider_name=provider_name or (profile_name if uses_profile else ""),
            fallback=provider_fallback_env,
            fallback_name=provider_fallback_name,
        )

    async def send_truck(prompt: str, ctx: Any, model: str, env_extras: Any, provider_name: str) -> Any:
        cmd = parts.command_of(prompt, resolve(ctx.config, model, "", ""))
        env = parts.environment_of(dict(os.environ), env_extras, "")
        return await parts.execute(ctx, cmd, env, make, provider_name=provider_name, fallback=None, fallback_name="")

    def fill(module: ModuleType) -> None:
        module.run_headless_core = run_headless_core  # type: ignore[attr-defined]
        module.send_truck = send_truck  # type: ignore[attr-defined]

    return fill


def _runs_skills(core_module: str) -> type:
    class Base:
        def __init__(self, ctx: Any) -> None:
            self._ctx = ctx

        async def run(self, skill_command: str, cwd: str, *, model: str = "", **keywords: Any) -> Any:
            core = import_module(f"{ROOT}.{core_module}")
            return await core.run_headless_core(skill_command, cwd, self._ctx, model=model, **keywords)

    return Base


def _sends_trucks(base: type, core_module: str) -> type:
    class DefaultHeadlessExecutor(base):  # type: ignore[misc]
        async def dispatch_food_truck(
            self,
            orchestrator_prompt: str,
            cwd: str,
            *,
            completion_marker: str,
            model: str = "",
            kitchen_id: str = "",
            campaign_id: str = "",
            dispatch_id: str = "",
            env_extras: Any = None,
            provider_name: str = "",
        ) -> Any:
            core = import_module(f"{ROOT}.{core_module}")
            return await core.send_truck(orchestrator_prompt, self._ctx, model, env_extras, provider_name)

    return DefaultHeadlessExecutor


def executor(core_module: str, *, has_fleet: bool, fill_core: Fill | None = None) -> Fill:
    """The executor's module; where it holds the common way, too, *fill_core* fills that in."""

    def fill(module: ModuleType) -> None:
        if fill_core is not None:
            fill_core(module)
        base = _runs_skills(core_module)
        base.__name__ = "DefaultHeadlessExecutor"
        module.DefaultHeadlessExecutor = (  # type: ignore[attr-defined]
            _sends_trucks(base, core_module) if has_fleet else base
        )

    return fill


def executor_base(module: ModuleType) -> None:
    """Line E's base of the executor."""
    module._DefaultHeadlessExecutorBase = _runs_skills("execution.headless")  # type: ignore[attr-defined]


def executor_of_e(module: ModuleType) -> None:
    """Line E's executor, in a module of its own."""
    base = import_module(f"{ROOT}.execution.headless._managed._executor")._DefaultHeadlessExecutorBase
    module.DefaultHeadlessExecutor = _sends_trucks(base, "execution.headless")  # type: ignore[attr-defined]


def plain_result(success: bool, text: str, session: str, subtype: str, name: str, is_fallen: bool) -> Any:
    return parts.PlainResult(success, text, session, subtype)


def flat_result(success: bool, text: str, session: str, subtype: str, name: str, is_fallen: bool) -> Any:
    return parts.FlatResult(success, text, session, subtype, "none", name, is_fallen)


def nested_result(success: bool, text: str, session: str, subtype: str, name: str, is_fallen: bool) -> Any:
    outcome = parts.ProviderOutcome(name, is_fallen)
    return parts.NestedResult(success, text, session, subtype, "none", outcome)
