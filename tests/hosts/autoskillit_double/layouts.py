"""The modules of each version line, and what each of them holds."""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from . import parts
from .sessions import (
    ROOT,
    Fill,
    core,
    executor,
    executor_base,
    executor_of_e,
    flat_result,
    nested_result,
    plain_result,
    runner,
)
from .tools import fleet_tool, plain, report_tool, shielded, skill_tool


def empty(module: ModuleType) -> None:
    """A package that only holds others."""


def exporting(**names: str) -> Fill:
    """A module that takes over *names* from other modules."""

    def fill(module: ModuleType) -> None:
        for name, where in names.items():
            setattr(module, name, getattr(import_module(f"{ROOT}.{where}"), name))

    return fill


def state(names: tuple[str, str]) -> Fill:
    """The module that holds the server's own state."""

    def fill(module: ModuleType) -> None:
        ctx = parts.context_of(parts.config_of(**dict(zip(names, (None, "sonnet"), strict=True))))
        module.mcp, module.ctx = parts.server_of(ROOT), ctx  # type: ignore[attr-defined]

    return fill


def server(*tools: str) -> Fill:
    """The server's own module: it has its tools register themselves."""

    def fill(module: ModuleType) -> None:
        state = import_module(f"{ROOT}.server._state")
        for name in tools:
            import_module(f"{ROOT}.server.{name}")
        state.ctx.runner = import_module(f"{ROOT}.execution.process").DefaultSubprocessRunner()
        state.ctx.executor = import_module(f"{ROOT}.execution.headless").DefaultHeadlessExecutor(state.ctx)
        module.mcp, module.ctx = state.mcp, state.ctx  # type: ignore[attr-defined]

    return fill


def line(names: tuple[str, str], **modules: Fill) -> dict[str, Fill]:
    """All modules of a line: *modules*, where two underscores stand for a dot, and the packages above them."""
    found = {f"{ROOT}.{name.replace('__', '.')}": fill for name, fill in modules.items()}
    found[f"{ROOT}.server._state"] = state(names)
    packages = {name[:place] for name in found for place, letter in enumerate(name) if letter == "."}
    return {**dict.fromkeys(packages, empty), **found}


OLD, NEW = ("override", "default"), ("model_override", "default_model")
HEADLESS = "execution.headless"


def line_a() -> dict[str, Fill]:
    return line(
        OLD,
        server=server("tools_execution", "tools_github"),
        server__tools_execution=skill_tool(plain, declares=False, names_provider=False),
        server__tools_github=report_tool(plain, names_provider=False),
        execution__headless=executor(HEADLESS, has_fleet=False, fill_core=core(plain_result, OLD, uses_profile=False)),
        execution__process=runner,
    )


def line_b() -> dict[str, Fill]:
    return line(
        OLD,
        server=server("tools.tools_execution", "tools.tools_github", "tools.tools_fleet"),
        server__tools__tools_execution=skill_tool(plain, declares=False, names_provider=False),
        server__tools__tools_github=report_tool(plain, names_provider=False),
        server__tools__tools_fleet=fleet_tool(plain),
        execution__headless=executor(HEADLESS, has_fleet=True, fill_core=core(flat_result, OLD, uses_profile=False)),
        execution__process=runner,
    )


def line_c() -> dict[str, Fill]:
    return line(
        OLD,
        server=server("tools.tools_execution", "tools.tools_github", "tools.tools_fleet_dispatch"),
        server__tools__tools_execution=skill_tool(plain, declares=True, names_provider=False),
        server__tools__tools_github=report_tool(plain, names_provider=False),
        server__tools__tools_fleet_dispatch=fleet_tool(plain),
        execution__headless=executor("execution.headless._headless_execute", has_fleet=True),
        execution__headless___headless_execute=core(nested_result, OLD, uses_profile=False),
        execution__process=runner,
    )


def line_d() -> dict[str, Fill]:
    return line(
        OLD,
        server=server("tools.tools_execution", "tools.tools_github", "tools.tools_fleet_dispatch"),
        server__tools__tools_execution=skill_tool(shielded, declares=True, names_provider=True),
        server__tools__tools_github=report_tool(shielded, names_provider=True),
        server__tools__tools_fleet_dispatch=fleet_tool(shielded),
        execution__headless=executor("execution.headless._headless_execute", has_fleet=True),
        execution__headless___headless_execute=core(nested_result, OLD, uses_profile=True),
        execution__process=runner,
    )


def line_e() -> dict[str, Fill]:
    return line(
        NEW,
        server=server(
            "tools.tools_execution._run_skill_dispatch",
            "tools.tools_github",
            "tools.tools_fleet_dispatch._handlers",
        ),
        server__tools__tools_execution___run_skill_dispatch=skill_tool(shielded, declares=True, names_provider=True),
        server__tools__tools_github=report_tool(shielded, names_provider=True),
        server__tools__tools_fleet_dispatch___handlers=fleet_tool(shielded),
        execution__headless=exporting(
            DefaultHeadlessExecutor="execution.headless._managed._food_truck_executor",
            run_headless_core="execution.headless._headless_execute",
            send_truck="execution.headless._headless_execute",
        ),
        execution__headless___headless_execute=core(nested_result, NEW, uses_profile=True),
        execution__headless___managed___executor=executor_base,
        execution__headless___managed___food_truck_executor=executor_of_e,
        execution__process=exporting(DefaultSubprocessRunner="execution.process._runner"),
        execution__process___runner=runner,
    )


LINES: dict[str, Callable[[], dict[str, Fill]]] = {
    "A": line_a,
    "B": line_b,
    "C": line_c,
    "D": line_d,
    "E": line_e,
}
