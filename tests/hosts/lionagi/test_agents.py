"""The real `li agent`: which model ran, which layer decided that, and what came back."""

import hashlib
import importlib.util
import sys
from typing import Any

import pytest

from tests.hosts.lionagi.runs import PROFILE, Home, origins
from tests.sinks import HttpSink, SinkSpan

REWRITE = "open('.lionagi/agents/reviewer.md', 'a').write('And more.')"
AGENTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "typed": (["claude/sonnet", "hi", "--effort", "high"], {}),
    "alias": (["claude", "hi"], {}),
    "profile": (["-a", "reviewer", "hi"], {}),
    "suffix": (["-a", "reviewer", "claude/opus-high", "hi"], {}),
    "job": (["claude/sonnet", "hi"], {"LIONAGI_MCP_JOB_RUN_ID": "job"}),
    "resumed": (["-c", "more"], {}),
    "resumed on another": (["-c", "claude/opus", "more"], {}),
    "codex": (["codex/gpt-5.4", "hi", "--effort", "low"], {}),
    "codex profile": (["codex/deep", "hi", "--effort", "low"], {}),
    "other provider": (["claude/sonnet", "hi"], {"ANTHROPIC_BASE_URL": "https://api.minimax.io/anthropic"}),
    "limited": (["claude/opus", "hi"], {"FAKE_MODE": "429"}),
    "overloaded": (["claude/opus", "hi"], {"FAKE_MODE": "529"}),
    "empty": (["claude/opus", "hi"], {"FAKE_MODE": "empty"}),
    "served": (["claude/opus", "hi"], {"FAKE_MODE": "served"}),
    "overdue": (["claude/opus", "hi", "--timeout", "2"], {"FAKE_MODE": "slow"}),
    "refused": (["-a", "nobody", "hi"], {}),
    "rewritten": (["-a", "reviewer", "hi"], {"FAKE_NESTED": REWRITE, "FAKE_PYTHON": sys.executable}),
}


# Before, the name of a profile was sent as that of a model.
HAS_CODEX_PROFILES = importlib.util.find_spec("lionagi.providers.openai._codex_profile") is not None
MODEL_AND_ORIGINS = {
    "typed": ("sonnet", "claude-sonnet-5", "operator_pin", "operator_pin"),
    "alias": ("claude", "claude-sonnet-5", "catalog_default", "catalog_default"),
    "profile": ("haiku", "claude-haiku-5-5", "catalog_default", "catalog_default"),
    "suffix": ("opus-high", "claude-opus-5-5", "operator_pin", "catalog_default"),
    "job": ("sonnet", "claude-sonnet-5", "pipeline_input", "catalog_default"),
    "resumed": (None, "claude-sonnet-5", "inherited_from_primary", "catalog_default"),
    "resumed on another": ("opus", "claude-opus-5", "operator_pin", "catalog_default"),
    "codex": (None, "gpt-5.4", "operator_pin", "catalog_default"),
    "codex profile": ("deep", "gpt-5.6-sol", "catalog_default", "catalog_default")
    if HAS_CODEX_PROFILES
    else (None, "deep", "operator_pin", "catalog_default"),
}


OUTCOMES = {
    "limited": ("usage_limit", "rate_limit", "ERROR"),
    "overloaded": ("provider_error", "overloaded", "ERROR"),
    "empty": ("empty_completion_terminal", None, "ERROR"),
    "served": ("served", None, "UNSET"),
    "overdue": ("provider_error", "timeout", "ERROR"),
    "refused": ("refused", None, "UNSET"),
}


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, dict[str, list[SinkSpan]]]:
    """Runs of `li agent`, all in one process, and the spans of each."""
    home = Home.made_in(tmp_path_factory.mktemp("lionagi"))
    with HttpSink() as sink:
        found = home.batch(sink, [(["agent", *argv], env) for argv, env in AGENTS.values()])
    return home, dict(zip(AGENTS, found, strict=True))


@pytest.mark.parametrize("run", MODEL_AND_ORIGINS)
def test_an_agents_model_is_the_one_that_ran_with_the_layer_that_decided(agents: Any, run: str) -> None:
    requested, model, by_model, by_effort = MODEL_AND_ORIGINS[run]
    for span in agents[1][run]:
        told = span.attributes
        assert origins(told) == (by_model, by_effort), span.name
        # Each version has a table of its own of what an alias stands for.
        assert told["dispatch.model"].startswith(model), span.name
    for span in agents[1][run][:2]:
        assert span.attributes.get("dispatch.requested.model") == requested, span.name


@pytest.mark.parametrize("run", OUTCOMES)
def test_an_agents_outcome_is_what_came_back_and_not_what_lionagi_says(agents: Any, run: str) -> None:
    kind, cls, status = OUTCOMES[run]
    root = agents[1][run][0]
    told = root.attributes
    assert (told["dispatch.outcome.kind"], told.get("dispatch.outcome.class"), root.status) == (kind, cls, status)


def test_a_billed_empty_keeps_its_tokens(agents: Any) -> None:
    root, step, launch = (span.attributes for span in agents[1]["empty"])
    assert launch["gen_ai.usage.output_tokens"] == root["dispatch.rollup.output_tokens"] == 812
    assert root["dispatch.rollup.empty_terminal_calls"] == step["dispatch.rollup.empty_terminal_calls"] == 1


def test_a_model_that_another_served_is_a_mismatch_on_the_run(agents: Any) -> None:
    root, _, launch = (span.attributes for span in agents[1]["served"])
    assert (launch["gen_ai.response.model"], root["dispatch.mismatch"]) == ("MiniMax-M2", "model.served")


def test_naming_the_program_chooses_no_provider(agents: Any) -> None:
    told = agents[1]["other provider"][0].attributes
    assert (told["dispatch.provider"], told["dispatch.base_url_host"]) == ("minimax", "api.minimax.io")
    assert told["dispatch.provenance.provider"] == "inherited_from_primary"


@pytest.mark.parametrize("run", ["profile", "rewritten"])
def test_a_profiles_hash_is_that_of_its_file_when_it_was_read(agents: Any, run: str) -> None:
    home, found = agents
    assert home.profile.read_text() == PROFILE + "And more."
    for span in found[run][:2]:
        assert span.attributes["dispatch.agent.definition_hash"] == hashlib.sha256(PROFILE.encode()).hexdigest()[:16]
        assert span.attributes["gen_ai.agent.name"] == "reviewer"
    assert "dispatch.agent.definition_hash" not in found["typed"][0].attributes


def test_an_effort_that_codex_does_not_know_is_not_told_as_sent(agents: Any) -> None:
    launch = agents[1]["codex"][2].attributes
    assert launch["dispatch.thinking.mode"] == "provider_default"
    profile = agents[1]["codex profile"][2].attributes
    assert profile.get("dispatch.thinking.level") == ("high" if HAS_CODEX_PROFILES else None)


def test_a_resumed_agent_is_the_same_conversation(agents: Any) -> None:
    runs = ("job", "resumed", "resumed on another")
    assert len({agents[1][run][1].attributes["gen_ai.conversation.id"] for run in runs}) == 1


def test_a_run_that_is_refused_dispatches_nothing(agents: Any) -> None:
    (root,) = agents[1]["refused"]
    assert (root.attributes["gen_ai.agent.name"], root.attributes["dispatch.rollup.calls"]) == ("nobody", 0)
