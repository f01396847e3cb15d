"""Calls of the double's tools, against a fake ``claude``, and what was told of them."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

import otel_dispatch as od
from tests.conftest import Told
from tests.fakes import install
from tests.hosts import autoskillit_double as double

LINES = ["A", "B", "C", "D", "E"]
SECRET = "a secret prompt"
SKILL = {"skill_command": f"/autoskillit:investigate {SECRET}", "cwd": "/"}
BUG = {"error_context": SECRET, "cwd": "/", "severity": "blocking"}
TRUCK = {"recipe": "nightly", "task": SECRET}
TOOLS: dict[str, dict[str, Any]] = {"run_skill": SKILL, "report_bug": BUG, "dispatch_food_truck": TRUCK}
CALLS = [(line, tool) for line in LINES for tool in TOOLS if (line, tool) != ("A", "dispatch_food_truck")]
MINIMAX = {
    "ANTHROPIC_BASE_URL": "https://api.minimax.io/anthropic",
    "ANTHROPIC_AUTH_TOKEN": "sk-secret",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "MiniMax-M2",
    "MAX_THINKING_TOKENS": "4000",
}
GLM = {"ANTHROPIC_BASE_URL": "https://api.z.ai/api/anthropic", "ANTHROPIC_MODEL": "glm-5"}


@pytest.fixture(autouse=True)
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, value in install(tmp_path).items():
        monkeypatch.setenv(name, value)
    for name in [name for name in os.environ if name.startswith("AUTOSKILLIT_")]:
        monkeypatch.delenv(name)
    dump = tmp_path / "dump"
    monkeypatch.setenv("FAKE_DUMP", str(dump))
    yield dump
    od.uninstrument()
    double.unload()


def loaded(line: str, **profiles: Any) -> Any:
    """The server of *line*, its feature of profiles on where *profiles* names some."""
    double.load(line)
    server = double.server()
    providers = server.ctx.config.providers
    server.ctx.config.features = {"providers": bool(profiles)}
    providers.profiles = {"minimax": MINIMAX, "glm": GLM}
    for name, value in profiles.items():
        setattr(providers, name, value)
    return server


def call(server: Any, tool: str, **arguments: Any) -> dict[str, Any]:
    """What *tool* answers, when all it began has ended."""

    async def main() -> Any:
        result = await server.mcp.call_tool(tool, {**TOOLS[tool], **arguments})
        await asyncio.gather(*server.ctx.background)
        return json.loads(result.content[0].text)

    return dict(asyncio.run(main()))


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def pair(told: Told) -> tuple[dict[str, Any], dict[str, Any]]:
    """The attributes of the entry and of the one launch below it."""
    launched, entered = told.spans()
    assert launched.parent is not None
    assert entered.context is not None
    assert launched.parent.span_id == entered.context.span_id
    return facts(entered), facts(launched)


def record(found: dict[str, Any]) -> tuple[Any, ...]:
    names = ("provider", "model", "provenance.provider", "provenance.model", "provenance.thinking")
    return tuple(found[f"dispatch.{name}"] for name in names)


def raising(owner: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """A fault: what *owner* has under *name* raises."""

    def boom(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError(name)

    return lambda patcher: patcher.setattr(owner, name, boom)
