"""What the version lines are made of: results, configuration, a server with tools, and how a session is run."""

import asyncio
import contextvars
import dataclasses
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType, SimpleNamespace
from typing import Any

# What a skill's session never gets from the server's own environment.
EXCLUSIVE = ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "AUTOSKILLIT_PROVIDER_PROFILE", "AUTOSKILLIT_SESSION_TYPE")


class TerminationReason(StrEnum):
    NATURAL_EXIT = "natural_exit"
    COMPLETED = "completed"
    TIMED_OUT = "timed_out"


@dataclass
class SubprocessResult:
    returncode: int
    stdout: str
    stderr: str
    termination: TerminationReason


@dataclass(frozen=True)
class ProviderOutcome:
    provider_used: str
    fallback_activated: bool


@dataclass
class PlainResult:
    """Line A's: no word of a provider."""

    success: bool
    result: str
    session_id: str
    subtype: str
    retry_reason: str = "none"

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))


@dataclass
class FlatResult(PlainResult):
    """Line B's."""

    provider_used: str = ""
    provider_fallback: bool = False


@dataclass
class NestedResult(PlainResult):
    """That of the lines from C on."""

    provider: ProviderOutcome = field(default_factory=lambda: ProviderOutcome("", False))


@dataclass
class Text:
    text: str


@dataclass
class ToolResult:
    content: list[Text]


class NotFoundError(Exception):
    pass


class Server:
    """FastMCP as far as a call of a tool goes: the middleware first, then itself again, then the tool."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tools: dict[str, Callable[..., Any]] = {}

    def tool(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.tools[function.__name__] = function
        return function

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        *,
        version: Any = None,
        run_middleware: bool = True,
        task_meta: Any = None,
    ) -> ToolResult:
        if run_middleware:
            return await self.call_tool(name, arguments, version=version, run_middleware=False, task_meta=task_meta)
        if name not in self.tools:
            raise NotFoundError(name)
        return ToolResult([Text(await self.tools[name](**(arguments or {})))])


def server_of(name: str) -> Any:
    """The real FastMCP where it is installed (see the matrix), else what is needed of it."""
    if find_spec("fastmcp") is None:
        return Server(name)
    return import_module("fastmcp").FastMCP(name)


def config_of(**names: Any) -> SimpleNamespace:
    """A configuration; *names* are the model section's own names of a line."""
    return SimpleNamespace(
        features={},
        experimental_enabled=False,
        model=SimpleNamespace(recipe_overrides={}, step_overrides={}, **names),
        providers=SimpleNamespace(
            default_provider=None, profiles={}, step_overrides={}, recipe_overrides={}, model_overrides={}
        ),
        report_bug=SimpleNamespace(model=None),
        run_skill=SimpleNamespace(timeout=30.0),
        nudge=False,
    )


def context_of(config: Any) -> SimpleNamespace:
    """The context of the server's tools."""
    return SimpleNamespace(
        config=config,
        runner=None,
        executor=None,
        background=set(),
        kitchen_id="kitchen-1",
        recipe_name="",
        is_open=True,
        on_retry=lambda result: False,
    )


async def run_managed_async(cmd: list[str], *, timeout: float, env: Any = None, pty_mode: bool = False) -> Any:
    """Run a program, its output in a file that is read when it has ended; a terminal ends lines in its own way."""
    with tempfile.TemporaryFile() as file:
        process = await asyncio.create_subprocess_exec(*cmd, env=env and dict(env), stdout=file, stderr=file)
        termination = TerminationReason.NATURAL_EXIT
        try:
            await asyncio.wait_for(process.wait(), timeout)
        except TimeoutError:
            termination = TerminationReason.TIMED_OUT
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        file.seek(0)
        stdout = file.read().decode()
    # script(1) turns a signal into 128 and its number, and nobody waits for what was killed.
    code = 128 - process.returncode if pty_mode and process.returncode < 0 else process.returncode
    code = -1 if termination is TerminationReason.TIMED_OUT else code
    return SubprocessResult(code, stdout.replace("\n", "\r\n") if pty_mode else stdout, "", termination)


def command_of(prompt: str, model: str | None) -> list[str]:
    """The command line of a session."""
    named = ["--model", model] if model else []
    return ["claude", "--print", prompt, *named, "--output-format", "stream-json", "--verbose"]


def environment_of(base: Mapping[str, str], extras: Mapping[str, str] | None, profile: str) -> Mapping[str, str]:
    """The environment of a session."""
    named = {"AUTOSKILLIT_PROVIDER_PROFILE": profile} if profile else {}
    return MappingProxyType({**base, "AUTOSKILLIT_HEADLESS": "1", **(extras or {}), **named})


def skill_base() -> dict[str, str]:
    """The environment that a skill's session starts from."""
    return {name: value for name, value in os.environ.items() if name not in EXCLUSIVE}


async def execute(ctx: Any, cmd: list[str], env: Mapping[str, str], make: Callable[..., Any], **facts: Any) -> Any:
    """Run a session until nobody wants it again; what a runner raises becomes a result."""
    name, fallback = facts["provider_name"], facts["fallback"]
    is_fallen = False
    while True:
        try:
            result = await ctx.runner(cmd, timeout=ctx.config.run_skill.timeout, env=env, pty_mode=True)
        except Exception:
            return make(False, "", "", "crashed", name, is_fallen)
        if fallback is None or is_fallen or not ctx.on_retry(result):
            break
        is_fallen, env = True, MappingProxyType({**env, **fallback})
        name = facts["fallback_name"] or name
    if ctx.config.nudge:
        await ctx.runner(["claude", "--print", "again", "--resume", "s-1", "--output-format", "json"], timeout=30.0)
    records = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    last = records[-1] if records and records[-1]["type"] == "result" else {}
    success = bool(last) and not last["is_error"] and bool(last["result"])
    session = records[0]["session_id"] if records else ""
    return make(success, last.get("result", ""), session, "success" if success else "failed", name, is_fallen)


def profile_of(config: Any, step: str, recipe: str, declared: str | None) -> tuple[str, dict[str, str]]:
    """The profile of a step; without *declared*, as up to line B, the step's own name is taken for one."""
    providers = config.providers
    found = None
    if recipe:
        for_recipe = providers.recipe_overrides.get(recipe, {})
        found = for_recipe.get(step) or for_recipe.get("*")
        found = found or providers.step_overrides.get(step) or providers.step_overrides.get("*")
    found = found or (step if declared is None else declared) or providers.default_provider or "anthropic"
    return found, {} if found == "anthropic" else dict(providers.profiles.get(found, {}))


def model_as_profile(config: Any, model: str) -> tuple[str, str, dict[str, str] | None]:
    """The model that *model* stands for where it is the name of a profile, and that profile."""
    profile = config.providers.profiles.get(model)
    if profile is None or "ANTHROPIC_MODEL" not in profile:
        return model, "", None
    rest = {name: value for name, value in profile.items() if name != "ANTHROPIC_MODEL"}
    return profile["ANTHROPIC_MODEL"], model, rest


def routed(ctx: Any, model: str, step: str, recipe: str, declared: str | None) -> dict[str, Any]:
    """What the executor is told of a session's route."""
    if not ctx.config.features.get("providers"):
        return {"model": model, "profile_name": "", "provider_extras": None}
    profile, extras = profile_of(ctx.config, step, recipe, declared)
    if profile != "anthropic":
        return {"model": model, "profile_name": profile, "provider_extras": extras}
    model, name, found = model_as_profile(ctx.config, model)
    return {"model": model, "profile_name": name, "provider_extras": found}


def gate_error() -> str:
    """What a tool answers that is not open."""
    return json.dumps({"success": False, "result": "not open", "subtype": "gate_error", "session_id": ""})


def fleet_error(code: str) -> str:
    """What a fleet answers that cannot leave."""
    return json.dumps({"success": False, "error": code, "user_visible_message": "secret"})


def in_background(ctx: Any, coroutine: Any) -> None:
    """Let *coroutine* go on by itself, in a copy of this context."""
    task = asyncio.create_task(coroutine, context=contextvars.copy_context())
    ctx.background.add(task)
