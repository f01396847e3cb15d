"""Which of lionagi's layers decided, for each of them."""

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from otel_dispatch.lionagi_layers import (
    Chosen,
    Command,
    Definition,
    default_chosen,
    stage_chosen,
    worker_chosen,
)

REVIEWER = Definition("agents/reviewer.md", "0123456789abcdef", "claude/haiku", "low")
MODELLESS = Definition("agents/reviewer.md", "0123456789abcdef", None, None)
PIN, INPUT, CATALOG, INHERITED = "operator_pin", "pipeline_input", "catalog_default", "inherited_from_primary"
NO_PACK = SimpleNamespace(model=None, effort=None)


@pytest.fixture(autouse=True)
def lionagis_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for the tables of the installed version."""
    module = ModuleType("lionagi.service.providers")
    vars(module).update(BACKENDS={"claude": "claude_code/sonnet"}, EFFORT_LEVELS=frozenset({"low", "high"}))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for name in ("LIONAGI_MCP_JOB_RUN_ID", "LIONAGI_INVOCATION_ID", "LIONAGI_CHAT_PROVIDER", "LIONAGI_CHAT_MODEL"):
        monkeypatch.delenv(name, raising=False)


def told(chosen: Chosen) -> tuple[str | None, str | None, str | None]:
    """The spec and the origins of the model and of the effort."""
    return chosen.spec, chosen.model, chosen.effort


AGENTS = {
    "typed": ({"model_str": "claude/opus"}, {}, ("claude/opus", PIN, None)),
    "typed suffix": ({"model_str": "claude/opus-high"}, {}, ("claude/opus-high", PIN, PIN)),
    "typed effort": ({"model_str": "claude/opus", "effort": "low"}, {}, ("claude/opus", PIN, PIN)),
    "alias": ({"model_str": "claude"}, {}, ("claude", CATALOG, None)),
    "bare model": ({"model_str": "gpt-4.1"}, {}, ("gpt-4.1", PIN, None)),
    "profile": ({"agent_name": "reviewer"}, {"reviewer": REVIEWER}, ("claude/haiku", CATALOG, CATALOG)),
    "profile's effort beats the suffix": (
        {"model_str": "claude/opus-high", "agent_name": "reviewer"},
        {"reviewer": REVIEWER},
        ("claude/opus-high", PIN, CATALOG),
    ),
    "resumed": ({"model_str": None}, {}, (None, INHERITED, INHERITED)),
    "resumed under a profile without a model": (
        {"model_str": None, "agent_name": "reviewer"},
        {"reviewer": MODELLESS},
        (None, INHERITED, INHERITED),
    ),
    "going on after a timeout": (
        {"model_str": "claude/opus", "effort": "low", "_auto_resumed": True},
        {},
        ("claude/opus", INHERITED, INHERITED),
    ),
    "not an effort": ({"model_str": "openrouter/vendor/model-high"}, {}, ("openrouter/vendor/model-high", PIN, None)),
}


@pytest.mark.parametrize("case", AGENTS)
def test_an_agent(case: str) -> None:
    given, profiles, expected = AGENTS[case]
    assert told(Command("agent", {"model_str": None, **given}, None, profiles).chosen()) == expected


@pytest.mark.parametrize("name", ["LIONAGI_MCP_JOB_RUN_ID", "LIONAGI_INVOCATION_ID"])
def test_what_a_pipeline_starts_is_its_input(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    assert told(Command("agent", {"model_str": "claude/opus"}).chosen()) == ("claude/opus", INPUT, None)


FLEETS = {
    "typed": ({"model_spec": "claude/opus"}, {"query": ["claude/opus", "do"]}, {}, ("claude/opus", PIN, None)),
    "typed, before 0.28": ({"model_spec": "claude/opus"}, {"model": "claude/opus"}, {}, ("claude/opus", PIN, None)),
    "playbook": (
        {"model_spec": "claude/opus", "effort": "low"},
        {"query": ["do"], "effort": None},
        {},
        ("claude/opus", INPUT, INPUT),
    ),
    "playbook under a typed effort": (
        {"model_spec": "claude/opus", "effort": "low"},
        {"query": ["do"], "effort": "low"},
        {},
        ("claude/opus", INPUT, PIN),
    ),
    "profile": (
        {"model_spec": "", "agent_name": "reviewer"},
        {"query": ["do"]},
        {"reviewer": REVIEWER},
        ("claude/haiku", CATALOG, CATALOG),
    ),
    "the orchestrator's profile": (
        {"model_spec": ""},
        {"query": ["do"]},
        {"orchestrator": REVIEWER},
        ("claude/haiku", CATALOG, CATALOG),
    ),
    "a profile of a role is not the run's": (
        {"model_spec": "claude/opus"},
        {"query": ["claude/opus", "do"]},
        {"orchestrator": REVIEWER},
        ("claude/opus", PIN, None),
    ),
    "resumed from a checkpoint": (
        {"model_spec": "claude/opus", "resume_checkpoint": {}},
        {"query": ["claude/opus"]},
        {},
        ("claude/opus", INPUT, None),
    ),
}


@pytest.mark.parametrize("case", FLEETS)
def test_a_fleets_orchestrator(case: str) -> None:
    given, typed, profiles, expected = FLEETS[case]
    assert told(Command("flow", given, typed, profiles).chosen()) == expected


def worker(
    spec: str,
    *,
    run: dict[str, Any] | None = None,
    typed: dict[str, Any] | None = None,
    override: str | None = None,
    profile: Definition | None = None,
    pack: Any = NO_PACK,
    **env: Any,
) -> tuple[str | None, str | None, str | None]:
    command = Command("flow", {"model_spec": "claude/opus", **(run or {})}, {"query": ["claude/opus"], **(typed or {})})
    surroundings = SimpleNamespace(**{"bare": False, "effort": None, **env})
    return told(worker_chosen(command, {"model_override": override}, spec, surroundings, profile, pack))


SONNET = SimpleNamespace(model="claude/sonnet", effort="low")
POOL = {"run": {"workers_str": "codex/gpt-5.4"}, "override": "codex/gpt-5.4"}
WORKERS: dict[str, tuple[Callable[[], Any], Any]] = {
    "pool": (lambda: worker("codex/gpt-5.4", typed={"workers": "x"}, **POOL), ("codex/gpt-5.4", PIN, None)),
    "resumed pool": (
        lambda: worker("c/d", run={"workers_str": "c/d", "resume_checkpoint": {}}, override="c/d"),
        ("c/d", INPUT, None),
    ),
    "a playbook's pool": (lambda: worker("codex/gpt-5.4", **POOL), ("codex/gpt-5.4", INPUT, None)),
    "profile": (lambda: worker("claude/haiku", profile=REVIEWER), ("claude/haiku", CATALOG, CATALOG)),
    "packaged pack": (lambda: worker("claude/sonnet", pack=SONNET), ("claude/sonnet", CATALOG, CATALOG)),
    "pack of the command line": (
        lambda: worker("claude/sonnet", pack=SONNET, run={"pack": "p"}, typed={"pack": "p"}),
        ("claude/sonnet", CATALOG, CATALOG),
    ),
    "pack of the playbook": (
        lambda: worker("claude/sonnet", pack=SONNET, run={"pack": "p"}),
        ("claude/sonnet", INPUT, INPUT),
    ),
    "pack beats the profile": (
        lambda: worker("claude/sonnet", pack=SONNET, run={"pack": "p"}, profile=REVIEWER),
        ("claude/sonnet", INPUT, CATALOG),
    ),
    "nothing": (lambda: worker("claude/opus"), ("claude/opus", INHERITED, None)),
    "nothing, with a suffix": (lambda: worker("claude/opus-high"), ("claude/opus-high", INHERITED, INHERITED)),
    "bare": (lambda: worker("claude/opus", bare=True, profile=REVIEWER), ("claude/opus", INHERITED, None)),
    "a profile without a model": (lambda: worker("reviewer", profile=MODELLESS)[1], CATALOG),
    "the run's effort": (
        lambda: worker(
            "claude/haiku", profile=REVIEWER, run={"effort": "high"}, typed={"effort": "high"}, effort="high"
        ),
        ("claude/haiku", CATALOG, PIN),
    ),
    "the orchestrator's effort": (
        lambda: worker("claude/haiku", profile=REVIEWER, effort="high"),
        ("claude/haiku", CATALOG, INHERITED),
    ),
}


@pytest.mark.parametrize("case", WORKERS)
def test_a_worker(case: str) -> None:
    ask, expected = WORKERS[case]
    assert ask() == expected


ENGINE = SimpleNamespace(model="claude/opus", effort=None)
NO_ENGINE = SimpleNamespace(model=None, effort=None)
STAGES: dict[str, tuple[dict[str, Any], Any, tuple[Any, Any], Any]] = {
    "its own": ({"model": "claude/haiku"}, ENGINE, (None, None), ("claude/haiku", INPUT, None)),
    "the engine's": ({"model": None}, ENGINE, (None, None), ("claude/opus", PIN, None)),
    "the engine's, handed on": ({"model": "claude/opus"}, ENGINE, (None, None), ("claude/opus", PIN, None)),
    "profile": ({}, NO_ENGINE, ("claude/haiku", "low"), ("claude/haiku", CATALOG, CATALOG)),
    "the suffix beats the profile": (
        {},
        NO_ENGINE,
        ("claude/opus-high", "low"),
        ("claude/opus-high", CATALOG, CATALOG),
    ),
    "a typed suffix beats the profile": (
        {},
        SimpleNamespace(model="claude/opus-high", effort=None),
        (None, "low"),
        ("claude/opus-high", PIN, PIN),
    ),
    "settings": ({}, NO_ENGINE, (None, None), (None, CATALOG, None)),
}


@pytest.mark.parametrize("case", STAGES)
def test_a_stage_of_an_engine(case: str) -> None:
    asked, engine, route, expected = STAGES[case]
    assert told(stage_chosen(Command("engine", {"model": "claude/opus"}), asked, engine, route)) == expected


def test_an_engine_of_a_program_is_its_input() -> None:
    assert stage_chosen(None, {}, ENGINE, (None, None)).model == INPUT


def test_lionagis_settings_are_a_default_or_a_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (default_chosen().provider, default_chosen().model) == (CATALOG, CATALOG)
    monkeypatch.setenv("LIONAGI_CHAT_PROVIDER", "openai")
    assert (default_chosen().provider, default_chosen().model) == (PIN, CATALOG)
