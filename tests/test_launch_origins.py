"""Where each value of a launch came from, and what of it does not agree."""

import json
import os
from pathlib import Path

import pytest

import otel_dispatch as od
from otel_dispatch.launch import begin
from tests.conftest import Told
from tests.launches import DONE, INIT, STREAM, Attributes, facts, line, served, told_of


def origins(attributes: Attributes) -> dict[str, str]:
    return {
        name.rpartition(".")[2]: origin
        for name, origin in attributes.items()
        if name.startswith("dispatch.provenance.") and origin not in ("unknown", "catalog_default")
    }


VARIABLES = {
    "ANTHROPIC_MODEL": ("model", "MiniMax-M2"),
    "ANTHROPIC_BASE_URL": ("provider", "https://api.minimax.io/anthropic"),
    "CLAUDE_CODE_USE_BEDROCK": ("provider", "1"),
    "MAX_THINKING_TOKENS": ("thinking", "0"),
    "CLAUDE_CODE_EFFORT_LEVEL": ("thinking", "low"),
}


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_variable_that_nobody_set_for_the_child_is_inherited(
    variable: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    field, value = VARIABLES[variable]
    set_for_it = told_of(told, STREAM, {variable: value}, b"")
    assert origins(set_for_it) == {}
    assert set_for_it["dispatch.inherited"] is False
    monkeypatch.setenv(variable, value)
    fell_through = told_of(told, STREAM, dict(os.environ), b"")
    assert origins(fell_through) == {field: "inherited_from_primary"}
    assert (fell_through["dispatch.inherited"], fell_through["dispatch.inherited_fields"]) == (True, field)
    monkeypatch.setenv(variable, f"https://{value[-3:]}.example")
    assert origins(told_of(told, STREAM, {variable: value}, b"")) == {}


def test_a_launch_without_an_environment_of_its_own_inherits_ours(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_DEFAULT_SONNET_MODEL", "glm-5")
    launch = begin([*STREAM, "--model", "sonnet"])
    assert launch is not None
    launch.exited(0)
    attributes = facts(told.only())
    assert attributes["dispatch.provenance.model"] == "inherited_from_primary"
    assert (attributes["dispatch.model"], attributes["dispatch.requested.model"]) == ("glm-5", "sonnet")
    assert launch.env["ANTHROPIC_DEFAULT_SONNET_MODEL"] == "glm-5"


def test_what_a_line_sets_itself_is_not_inherited(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_MODEL", "m")
    for argv in (["env", "ANTHROPIC_MODEL=m", *STREAM], ["sh", "-c", "ANTHROPIC_MODEL=m " + " ".join(STREAM)]):
        assert told_of(told, argv, dict(os.environ), b"")["dispatch.provenance.model"] == "operator_pin"


def test_what_the_user_lists_as_a_pin_was_chosen_for_everything(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_MODEL", "m")
    monkeypatch.setenv("DISPATCH_OTEL_PINS", "ANTHROPIC_MODEL")
    assert told_of(told, STREAM, dict(os.environ), b"")["dispatch.provenance.model"] == "operator_pin"


def test_what_a_host_declares_comes_before_all(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_MODEL", "m")
    with od.provenance(model="pipeline_input", wire_format="operator_pin"):
        attributes = told_of(told, STREAM, dict(os.environ), b"")
    assert origins(attributes) == {"model": "pipeline_input", "wire_format": "operator_pin"}
    with od.scope("escalation"):
        od.resolve("model", operator_pin=None, pipeline_input="m")
        attributes = told_of(told, STREAM, {"ANTHROPIC_MODEL": "m"}, b"")
    assert origins(attributes) == {"model": "pipeline_input"}


def test_inside_an_escalation_equality_is_inheritance(told: Told) -> None:
    with od.scope("primary", provider="anthropic", model="m"), od.scope("escalation"):
        same = told_of(told, [*STREAM, "--model", "m"], {}, b"")
        other = told_of(told, [*STREAM, "--model", "x"], {}, b"")
    assert origins(same) == {"model": "inherited_from_primary", "provider": "inherited_from_primary"}
    assert origins(other) == {"model": "escalation_override", "provider": "inherited_from_primary"}
    assert same["dispatch.primary.model"] == "m"


def test_the_provider_is_who_lives_at_the_base_url(told: Told) -> None:
    env = {"ANTHROPIC_BASE_URL": "https://u:p@api.minimax.io:8443/anthropic?k=s"}
    attributes = told_of(told, STREAM, env, b"")
    assert (attributes["dispatch.provider"], attributes["dispatch.base_url_host"]) == ("minimax", "api.minimax.io")
    assert "dispatch.mismatch" not in attributes
    env = {"ANTHROPIC_BASE_URL": "https://api.openai.com"}
    assert told_of(told, STREAM, env, b"")["dispatch.mismatch"] == "wire_format.expected"
    env = {"CLAUDE_CODE_USE_BEDROCK": "1", "ANTHROPIC_BEDROCK_BASE_URL": "https://gateway.example"}
    attributes = told_of(told, STREAM, env, b"")
    assert (attributes["dispatch.provider"], attributes["gen_ai.provider.name"]) == ("bedrock", "aws.bedrock")


MISMATCHES = [
    (["--model", "sonnet"], "claude-sonnet-5-5", None),
    (["--model", "sonnet"], "claude-haiku-5-5", "model.served"),
    (["--model", "claude-opus-5-5"], "claude-opus-5-5-20260801", None),
    (["--model", "claude-opus-5-5"], "MiniMax-M2", "model.served"),
    (["--model", "best"], "claude-sonnet-5-5-20260801", None),
    ([], "claude-sonnet-5-5", None),
    ([], "MiniMax-M2", "model.served"),
]


@pytest.mark.parametrize(("options", "model", "mismatch"), MISMATCHES)
def test_another_model_than_asked_for_is_a_mismatch(
    options: list[str], model: str, mismatch: str | None, told: Told
) -> None:
    attributes = told_of(told, [*STREAM, *options], {}, INIT, served(model), DONE)
    assert attributes.get("dispatch.mismatch") == mismatch
    assert attributes["gen_ai.response.model"] == model


def test_a_fallback_that_was_named_is_an_override(told: Told) -> None:
    argv = [*STREAM, "--model", "claude-opus-5-5", "--fallback-model", "claude-haiku-5-5"]
    attributes = told_of(told, argv, {}, INIT, served("claude-haiku-5-5"), DONE)
    assert attributes["dispatch.provenance.model"] == "escalation_override"
    assert attributes["dispatch.mismatch"] == "model.served"


ELSEWHERE = json.dumps({"env": {"ANTHROPIC_BASE_URL": "https://api.z.ai/api/anthropic", "ANTHROPIC_MODEL": "glm-5"}})


@pytest.fixture
def settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a parent whose settings file says another provider and model than its variables."""
    (tmp_path / "settings.json").write_text(ELSEWHERE)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://api.minimax.io/anthropic")
    monkeypatch.setenv("ANTHROPIC_MODEL", "MiniMax-M2")
    return dict(os.environ)


def test_what_a_settings_file_decides_is_a_pin_and_wins_over_what_would_be_inherited(
    settled: dict[str, str], told: Told
) -> None:
    attributes = told_of(
        told, STREAM, settled, line(type="system", subtype="init", model="glm-5"), served("glm-5"), DONE
    )
    assert (attributes["dispatch.provider"], attributes["dispatch.model"]) == ("zai", "glm-5")
    assert origins(attributes) == {"provider": "operator_pin", "model": "operator_pin"}
    assert attributes["dispatch.inherited"] is False


def test_what_settings_on_the_command_line_decide_is_not_inherited(settled: dict[str, str], told: Told) -> None:
    argv = [*STREAM, "--setting-sources", "", "--settings", ELSEWHERE]
    attributes = told_of(told, argv, settled, b"")
    assert (attributes["dispatch.provider"], attributes["dispatch.model"]) == ("zai", "glm-5")
    assert origins(attributes) == {}
    without = told_of(told, argv[:-2], settled, b"")
    assert without["dispatch.inherited_fields"] == "model,provider"


def test_a_model_that_something_unseen_decided_is_told_and_its_origin_is_not_guessed(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_MODEL", "MiniMax-M2")
    init = line(type="system", subtype="init", model="glm-5")
    attributes = told_of(told, STREAM, dict(os.environ), init, served("glm-5"), DONE)
    assert (attributes["dispatch.model"], attributes["dispatch.requested.model"]) == ("glm-5", "MiniMax-M2")
    assert attributes["dispatch.provenance.model"] == "unknown"
    assert attributes["dispatch.inherited"] is False
    assert attributes["dispatch.mismatch"] == "model.served"


ALIASES = [
    (["--model", "opus"], {}, "claude-opus-5-5", ("claude-opus-5-5", "opus")),
    (["--model", "Opus[1m]"], {}, "claude-opus-5-5[1m]", ("claude-opus-5-5", "Opus[1m]")),
    ([], {"ANTHROPIC_MODEL": "opus"}, "claude-opus-5-5", ("claude-opus-5-5", "opus")),
    (["--model", "opusplan"], {}, "claude-sonnet-5-5", ("claude-sonnet-5-5", "opusplan")),
    (["--model", "opus"], {"ANTHROPIC_DEFAULT_OPUS_MODEL": "glm-5"}, "glm-5", ("glm-5", "opus")),
    ([], {}, "claude-opus-5-5", ("claude-opus-5-5", None)),
]


@pytest.mark.parametrize(("options", "env", "init", "expected"), ALIASES)
def test_an_alias_is_what_was_asked_for_and_what_the_program_made_of_it_the_model(
    options: list[str], env: dict[str, str], init: str, expected: tuple[str, str | None], told: Told
) -> None:
    first = line(type="system", subtype="init", model=init)
    attributes = told_of(told, [*STREAM, *options], env, first, served(init.removesuffix("[1m]")), DONE)
    assert (attributes["dispatch.model"], attributes.get("dispatch.requested.model")) == expected
    assert "dispatch.mismatch" not in attributes
    silent = told_of(told, ["claude", "-p", "hi", *options], env, b"Hello.\n")
    assert silent["dispatch.model"] == (env.get("ANTHROPIC_DEFAULT_OPUS_MODEL") or expected[1] or "unknown")


def test_codex_has_its_model_and_provider_from_its_configuration(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corp = '[model_providers.corp]\nbase_url = "https://api.z.ai/v1"\n'
    (tmp_path / "config.toml").write_text(f'model = "glm-5"\nmodel_provider = "corp"\n{corp}')
    (tmp_path / "fast.config.toml").write_text('model = "glm-5-air"\nmodel_reasoning_effort = "low"\n')
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))
    plain = told_of(told, ["codex", "exec", "--json", "hi"], dict(os.environ), b"")
    assert (plain["dispatch.provider"], plain["dispatch.requested.provider"]) == ("zai", "corp")
    assert plain["dispatch.model"] == plain["gen_ai.request.model"] == "glm-5"
    assert origins(plain) == {"provider": "operator_pin", "model": "operator_pin"}
    fast = told_of(told, ["codex", "exec", "--json", "-p", "fast", "hi"], dict(os.environ), b"")
    assert (fast["dispatch.model"], fast["dispatch.requested.model"]) == ("glm-5-air", "fast")
    assert fast["dispatch.thinking.level"] == "low"
    named = told_of(told, ["codex", "exec", "--json", "-m", "gpt-6", "hi"], dict(os.environ), b"")
    assert (named["dispatch.model"], named["dispatch.provenance.model"]) == ("gpt-6", "unknown")
    assert "dispatch.requested.model" not in named
