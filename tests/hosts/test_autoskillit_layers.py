"""AutoSkillit's layers, told as provenance; and what its log will say, and whether it is so."""

import json
from pathlib import Path
from typing import Any

import pytest

import otel_dispatch
from otel_dispatch import autoskillit_layers as layers
from otel_dispatch import autoskillit_words as words
from tests.conftest import Told
from tests.hosts import autoskillit_double as double
from tests.hosts.autoskillit_double import calls
from tests.hosts.autoskillit_double.calls import GLM, MINIMAX, call, facts, loaded, pair, record

fakes = calls.fakes

SERVED = "claude-sonnet-5-5"
PINNED = ("minimax", "MiniMax-M2", "operator_pin", "operator_pin", "operator_pin")
PLAIN = ("anthropic", SERVED, "catalog_default", "catalog_default", "catalog_default")


@pytest.mark.parametrize("line", ["B", "C", "D", "E"])
@pytest.mark.parametrize(
    ("section", "recipe", "expected", "source"),
    [
        ({"step_overrides": {"build": "minimax"}}, "nightly", PINNED, "providers.step_overrides.build"),
        ({"step_overrides": {"*": "minimax"}}, "nightly", PINNED, "providers.step_overrides.*"),
        ({"step_overrides": {"build": "anthropic"}}, "nightly", ("anthropic", SERVED, "operator_pin"), None),
    ],
)
def test_what_the_operator_pins_for_a_step_is_a_pin(
    line: str, section: Any, recipe: str, expected: tuple[Any, ...], source: str | None, told: Told
) -> None:
    server = loaded(line, **section)
    server.ctx.recipe_name = recipe
    call(server, "run_skill", step_name="build")
    for found in pair(told):
        assert record(found)[: len(expected)] == expected
    assert source in (None, pair(told)[0]["autoskillit.provider_source"])


@pytest.mark.parametrize("line", ["C", "D", "E"])
def test_an_override_of_a_recipe_comes_before_that_of_a_step(line: str, told: Told) -> None:
    server = loaded(line, step_overrides={"build": "glm"}, recipe_overrides={"nightly": {"*": "minimax"}})
    server.ctx.recipe_name = "nightly"
    call(server, "run_skill", step_name="build")
    assert record(pair(told)[1]) == PINNED
    assert pair(told)[0]["autoskillit.provider_source"] == "providers.recipe_overrides.nightly.*"


@pytest.mark.parametrize("line", ["C", "D", "E"])
def test_what_a_step_of_a_recipe_declares_comes_from_the_pipeline(line: str, told: Told) -> None:
    call(loaded(line), "run_skill", step_name="build", step_provider="minimax", model="")
    assert record(pair(told)[1])[2:] == ("catalog_default",) * 3  # without the feature nothing is looked up
    told.exporter.clear()
    call(loaded(line, default_provider="glm"), "run_skill", step_name="build", step_provider="minimax")
    assert record(pair(told)[1])[2:] == ("pipeline_input",) * 3


def test_the_default_profile_is_the_catalogs(told: Told) -> None:
    call(loaded("E", default_provider="minimax"), "run_skill")
    assert record(pair(told)[0]) == ("minimax", "MiniMax-M2", *["catalog_default"] * 3)


@pytest.mark.parametrize(("headless", "origin"), [("1", "inherited_from_primary"), ("0", "operator_pin")])
def test_a_profile_that_a_parent_session_left_is_inherited(
    headless: str, origin: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOSKILLIT_PROVIDER_PROFILE", "minimax")
    monkeypatch.setenv("AUTOSKILLIT_HEADLESS", headless)
    call(loaded("D", default_provider="minimax"), "run_skill")
    for found in pair(told):
        assert record(found)[2:] == (origin,) * 3
        assert found["dispatch.inherited"] is (headless == "1")


def test_a_step_whose_name_is_taken_for_a_profile_shows_whom_it_really_reached(told: Told) -> None:
    call(loaded("B", default_provider="minimax"), "run_skill", step_name="implement")
    entered, launched = pair(told)
    for found in (entered, launched):
        assert record(found) == ("anthropic", SERVED, "unknown", "catalog_default", "catalog_default")
        assert found["dispatch.requested.provider"] == "implement"
    assert entered["dispatch.mismatch"] == "provider.host,provider.reported"


def test_a_step_whose_name_is_that_of_a_profile_is_the_pipelines(told: Told) -> None:
    call(loaded("B", default_provider="glm"), "run_skill", step_name="minimax")
    assert record(pair(told)[1]) == ("minimax", "MiniMax-M2", *["pipeline_input"] * 3)


def test_a_model_that_is_the_name_of_a_profile_brings_its_provider(told: Told) -> None:
    call(loaded("E", default_provider="anthropic"), "run_skill", model="glm")
    entered, launched = pair(told)
    for found in (entered, launched):
        assert record(found) == ("zai", "glm-5", "pipeline_input", "pipeline_input", "catalog_default")
        assert found["dispatch.requested.model"] == found["dispatch.requested.provider"] == "glm"
    assert "dispatch.mismatch" not in entered


MODELS: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("A", {"override": "opus"}, "haiku", "operator_pin", "model.override"),
    ("E", {"model_override": "opus"}, "haiku", "operator_pin", "model.model_override"),
    ("D", {"recipe_overrides": {"nightly": {"build": "opus"}}}, "haiku", "operator_pin", "model.recipe_overrides"),
    ("E", {"step_overrides": {"build": "opus"}}, "haiku", "operator_pin", "model.step_overrides.build"),
    ("A", {}, "opus", "pipeline_input", "argument.model"),
    ("A", {"default": "opus"}, "", "catalog_default", "model.default"),
    ("E", {"default_model": "opus"}, "", "catalog_default", "model.default_model"),
]


@pytest.mark.parametrize(("line", "section", "argument", "origin", "source"), MODELS)
def test_a_model_comes_from_the_first_layer_that_names_one(
    line: str, section: dict[str, Any], argument: str, origin: str, source: str, told: Told
) -> None:
    server = loaded(line)
    server.ctx.recipe_name = "nightly"
    for name, value in section.items():
        setattr(server.ctx.config.model, name, value)
    call(server, "run_skill", model=argument, step_name="build")
    entered, launched = pair(told)
    for found in (entered, launched):
        assert record(found)[1:4] == ("claude-opus-5-5", "catalog_default", origin)
        assert found["dispatch.requested.model"] == (argument or "opus")
    assert entered["autoskillit.model_source"].startswith(source)


def test_the_model_of_bug_reports_is_a_pin_of_the_operators(told: Told) -> None:
    server = loaded("D")
    server.ctx.config.report_bug.model = "opus"
    call(server, "report_bug")
    assert pair(told)[0]["dispatch.provenance.model"] == "operator_pin"
    told.exporter.clear()
    call(server, "report_bug", model="haiku")
    assert pair(told)[0]["dispatch.provenance.model"] == "pipeline_input"


def test_what_a_session_merely_inherits_is_inherited(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_MODEL", "parents-model")
    monkeypatch.setenv("MAX_THINKING_TOKENS", "9000")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://parent.example")
    server = loaded("B")
    server.ctx.config.model.default = None
    call(server, "run_skill")
    inherited = "inherited_from_primary"
    for found in pair(told):
        # A skill's session never gets the base URL of the server's own environment.
        assert record(found) == ("anthropic", "parents-model", "catalog_default", inherited, inherited)
        assert found["dispatch.inherited_fields"] == "model,thinking"


@pytest.mark.parametrize("line", ["B", "C", "D", "E"])
def test_to_a_fleet_no_profile_applies(line: str, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    call(loaded(line, default_provider="minimax"), "dispatch_food_truck")
    entered, launched = pair(told)
    for found in (entered, launched):
        assert record(found) == PLAIN
    assert entered["dispatch.mismatch"] == "provider.reported"
    assert (entered["autoskillit.campaign_id"], entered["autoskillit.dispatch_id"]) == ("campaign-1", "dispatch-1")
    told.exporter.clear()
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://parent.example")
    call(double.server(), "dispatch_food_truck")
    assert pair(told)[1]["dispatch.provenance.provider"] == "inherited_from_primary"


def test_a_profile_to_fall_back_to_is_an_escalation_and_so_is_what_it_brings(told: Told) -> None:
    server = loaded("D", default_provider="minimax")
    server.ctx.on_retry = lambda result: True
    call(server, "run_skill", fallback=("glm", {**GLM, "ANTHROPIC_DEFAULT_SONNET_MODEL": "glm-5"}))
    first, second, entered = (facts(span) for span in told.spans())
    assert record(first) == ("minimax", "MiniMax-M2", *["catalog_default"] * 3)
    assert record(second) == ("zai", "glm-5", "escalation_override", "escalation_override", "catalog_default")
    assert (entered["dispatch.provider"], entered["dispatch.rollup.providers"]) == ("unknown", "minimax,zai")
    assert entered["dispatch.reported.provider"] == "glm"
    assert entered["dispatch.mismatch"] == "provider.host"


def test_a_nudge_runs_without_the_profile_of_its_session_and_says_so(told: Told) -> None:
    server = loaded("D", default_provider="minimax")
    server.ctx.config.nudge = True
    call(server, "run_skill")
    first, nudge, entered = (facts(span) for span in told.spans())
    assert record(first)[0] == "minimax"
    assert record(nudge)[0::2] == ("anthropic", "catalog_default", "catalog_default")
    assert entered["dispatch.rollup.calls"] == 2


REPORTED: list[tuple[str, dict[str, Any], str, str | None, str | None]] = [
    ("A", {}, "", None, None),
    ("B", {"default_provider": "minimax"}, "", "", "provider.reported"),
    ("C", {"default_provider": "minimax"}, "", "", "provider.reported"),
    ("D", {"default_provider": "minimax"}, "", "minimax", None),
    ("D", {"default_provider": "fast", "profiles": {"fast": MINIMAX}}, "", "fast", None),
    ("D", {"default_provider": "typo"}, "", "typo", "provider.host,provider.reported"),
    ("D", {"default_provider": "anthropic"}, "", "", "provider.reported"),
    ("E", {"default_provider": "minimax"}, "", "minimax", None),
]


@pytest.mark.parametrize(("line", "section", "step", "reported", "mismatch"), REPORTED)
def test_what_the_log_will_say_is_told_and_flagged_where_it_is_not_so(
    line: str, section: dict[str, Any], step: str, reported: str | None, mismatch: str | None, told: Told
) -> None:
    call(loaded(line, **section), "run_skill", step_name=step)
    entered = pair(told)[0]
    assert entered.get("dispatch.reported.provider") == reported
    assert entered.get("dispatch.mismatch") == mismatch


def test_the_child_learns_where_it_belongs_and_nothing_else_is_changed(
    told: Told, fakes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", "00-00000000000000000000000000000001-0000000000000001-00")
    call(loaded("E", default_provider="minimax"), "run_skill")
    with_us = json.loads(fakes.read_text())
    launched = told.spans()[0].context
    assert launched is not None
    assert with_us["env"]["TRACEPARENT"] == f"00-{launched.trace_id:032x}-{launched.span_id:016x}-01"
    assert "DISPATCH_OTEL_SCOPE" not in with_us["env"]
    otel_dispatch.uninstrument()
    fakes.unlink()
    call(double.server(), "run_skill")
    without = json.loads(fakes.read_text())
    assert without["argv"] == with_us["argv"]
    assert {**without["env"], "TRACEPARENT": ""} == {**with_us["env"], "TRACEPARENT": ""}


@pytest.mark.parametrize(
    ("command", "skill"),
    [
        ("/autoskillit:make-plan the rest", "make-plan"),
        ("  /investigate\n\nthe rest", "investigate"),
        ("/home/somebody/secret file", None),
        ("go on", None),
        (None, None),
        (f"/{'x' * 200}", None),
    ],
)
def test_a_skill_is_named_by_its_command_alone(command: str | None, skill: str | None) -> None:
    assert words.skill_in(command) == skill


def test_a_session_that_is_resumed_takes_up_the_model_of_the_one_before() -> None:
    asked = layers.Asked(model="opus", resumed=True)
    choice = layers.session_of(None, asked).model
    assert choice is not None
    assert (choice.value, str(choice.origin)) == ("opus", "inherited_from_primary")
