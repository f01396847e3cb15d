"""Files that agent programs are set up with: as the real Claude Code 2.1.330 and Codex 0.169.0 take them."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from otel_dispatch import program_files
from otel_dispatch.dialects import clis
from otel_dispatch.session import Asked, Settings
from otel_dispatch.vocabulary import Field
from tests.conftest import Faults, Told
from tests.fakes import install
from tests.faulty import boom
from tests.launches import STREAM, facts, told_of

CLIS = {cli.name: cli for cli in clis()}
F = Field
URL = "ANTHROPIC_BASE_URL"
CLAUDE = {
    "user": "home/.claude/settings.json",
    "project": "work/.claude/settings.json",
    "local": "work/.claude/settings.local.json",
}


def place(root: Path, files: dict[str, Any]) -> dict[str, str]:
    """Write *files* below *root*; give the environment of a program there."""
    for name, told in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(told if isinstance(told, str) else json.dumps(told))
    (root / "work").mkdir(exist_ok=True)
    return {"HOME": str(root / "home")}


def asked(name: str, root: Path, arguments: list[str], env: dict[str, str], cwd: str = "work") -> Asked:
    cli = CLIS[name]
    found = cli.request(arguments, env, cli.settings(arguments, env, str(root / cwd)))
    assert found is not None
    return found


def url_of(name: str) -> dict[str, Any]:
    return {"env": {URL: f"https://{name}.example"}}


INLINE = json.dumps(url_of("inline"))
LAYERS: list[tuple[list[str], list[str], str]] = [
    ([], [], "process.example"),
    (["user"], [], "user.example"),
    (["user", "project"], [], "project.example"),
    (["user", "project", "local"], [], "local.example"),
    (["user", "project", "local"], ["--settings", INLINE], "inline.example"),
    (["user", "project", "local"], ["--setting-sources", "user"], "user.example"),
    (["user", "project", "local"], ["--setting-sources", "user, project"], "project.example"),
    (["user", "project", "local"], ["--setting-sources", ""], "process.example"),
    (["user"], ["--setting-sources=", "--settings", INLINE], "inline.example"),
]


@pytest.mark.parametrize(("layers", "arguments", "host"), LAYERS)
def test_claudes_settings_win_over_its_environment_in_its_own_order(
    layers: list[str], arguments: list[str], host: str, tmp_path: Path
) -> None:
    env = place(tmp_path, {CLAUDE[name]: url_of(name) for name in layers})
    found = asked("claude", tmp_path, arguments, {**env, URL: "https://process.example"})
    assert found.host == host
    is_of_file = host.partition(".")[0] in CLAUDE
    assert (F.PROVIDER in found.pinned) == is_of_file
    assert (F.PROVIDER in found.variables) == (host == "process.example")
    assert F.PROVIDER not in found.defaults


MODELS: list[tuple[dict[str, Any], list[str], dict[str, str], tuple[str | None, bool]]] = [
    ({"user": {"model": "m"}}, [], {}, ("m", True)),
    ({"user": {"model": "m"}, "project": {"model": "n"}}, [], {}, ("n", True)),
    ({"user": {"model": "m"}}, [], {"ANTHROPIC_MODEL": "v"}, ("v", False)),
    ({"user": {"env": {"ANTHROPIC_MODEL": "m"}}}, [], {"ANTHROPIC_MODEL": "v"}, ("m", True)),
    ({"user": {"model": "m"}}, ["--model", "o"], {}, ("o", False)),
    ({"user": {"model": "m"}}, ["--settings", '{"model": "s"}'], {}, ("s", False)),
    ({}, ["--settings", '{"model": "s"}'], {"ANTHROPIC_MODEL": "v"}, ("v", False)),
    ({"user": {"model": "opus", "env": {"ANTHROPIC_DEFAULT_OPUS_MODEL": "glm"}}}, [], {}, ("glm", True)),
    ({"user": {"env": {"ANTHROPIC_DEFAULT_OPUS_MODEL": "glm"}}}, ["--model", "opus"], {}, ("glm", True)),
    ({"user": {"model": 3}, "project": {"model": " "}, "local": []}, [], {}, (None, False)),
]


@pytest.mark.parametrize(("files", "arguments", "env", "expected"), MODELS)
def test_claudes_model_of_the_settings_yields_to_the_variable_and_the_option(
    files: dict[str, Any],
    arguments: list[str],
    env: dict[str, str],
    expected: tuple[str | None, bool],
    tmp_path: Path,
) -> None:
    env |= place(tmp_path, {CLAUDE[name]: told for name, told in files.items()})
    found = asked("claude", tmp_path, arguments, env)
    assert (found.request.model, F.MODEL in found.pinned) == expected
    assert (F.MODEL in found.defaults) == (expected[0] is None)


def test_a_settings_file_of_claudes_may_be_named_and_be_anywhere(tmp_path: Path) -> None:
    env = place(tmp_path, {"conf/settings.json": url_of("user"), "work/mine.json": url_of("mine")})
    env["CLAUDE_CONFIG_DIR"] = str(tmp_path / "conf")
    assert asked("claude", tmp_path, [], env).host == "user.example"
    found = asked("claude", tmp_path, ["--settings", "mine.json"], env)
    assert (found.host, found.pinned) == ("mine.example", frozenset())


def test_numbers_count_and_nothing_but_what_decides_is_kept(tmp_path: Path) -> None:
    told = {"env": {"MAX_THINKING_TOKENS": 2048, "ANTHROPIC_AUTH_TOKEN": "secret", "X": "secret", URL: None}}
    env = place(tmp_path, {CLAUDE["user"]: told})
    settings = CLIS["claude"].settings([], env, str(tmp_path))
    assert settings == Settings({"MAX_THINKING_TOKENS": "2048"})
    found = asked("claude", tmp_path, [], env)
    assert (found.request.thinking.budget_tokens, found.pinned) == (2048, {F.THINKING})


def test_without_a_home_nothing_of_the_users_is_looked_for(tmp_path: Path) -> None:
    for cli in CLIS.values():
        assert cli.settings([], {}, str(tmp_path)) == Settings()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_file_that_is_none_or_too_large_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert program_files.text_in(tmp_path / "pipe") is None
    (tmp_path / "large").write_text("x" * 11)
    monkeypatch.setattr(program_files, "_LARGEST", 10)
    assert program_files.text_in(tmp_path / "large") is None
    assert program_files.text_in(Path("\0")) is None
    assert program_files.text_in(tmp_path / "absent") == program_files.text_in(tmp_path / "large" / "in") == ""


def corp(name: str) -> str:
    return f'\n[model_providers.{name}]\nbase_url = "https://{name}.example/v1"\n'


BASE = f'model = "cfg"\nmodel_provider = "a"\nmodel_reasoning_effort = "low"\n{corp("a")}{corp("b")}'
CONFIG = "home/.codex/config.toml"
CODEX: list[tuple[dict[str, Any], str, tuple[Any, ...], set[Field]]] = [
    ({CONFIG: BASE}, "exec x", ("cfg", "a.example", "low"), {F.MODEL, F.PROVIDER, F.THINKING}),
    ({CONFIG: BASE}, "exec -m arg x", ("arg", "a.example", "low"), {F.PROVIDER, F.THINKING}),
    ({CONFIG: BASE}, "exec -c model_provider=b x", ("cfg", "b.example", "low"), {F.MODEL, F.THINKING}),
    ({CONFIG: BASE}, 'exec -c model="o" x', ("o", "a.example", "low"), {F.PROVIDER, F.THINKING}),
    ({CONFIG: BASE}, "exec -c model_reasoning_effort=high x", ("cfg", "a.example", "high"), {F.MODEL, F.PROVIDER}),
    (
        {CONFIG: BASE, "home/.codex/fast.config.toml": 'model = "fast"\nmodel_provider = "b"\n'},
        "exec -p fast x",
        ("fast", "b.example", "low"),
        {F.MODEL, F.PROVIDER, F.THINKING},
    ),
    (
        {CONFIG: f'{BASE}\n[profiles.fast]\nmodel = "fast"\n'},
        "exec --profile fast x",
        ("fast", "a.example", "low"),
        {F.MODEL, F.PROVIDER, F.THINKING},
    ),
    (
        {CONFIG: f'profile = "fast"\n{BASE}\n[profiles.fast]\nmodel = "fast"\n'},
        "exec x",
        ("fast", "a.example", "low"),
        {F.MODEL, F.PROVIDER, F.THINKING},
    ),
    ({CONFIG: 'openai_base_url = "https://o.example/v1"'}, "exec x", (None, "o.example", None), {F.PROVIDER}),
    ({CONFIG: "not [toml"}, "exec x", (None, "", None), set()),
    ({CONFIG: "model = 3"}, "exec x", (None, "", None), set()),
]


@pytest.mark.parametrize(("files", "line", "expected", "pinned"), CODEX)
def test_codex_takes_its_configuration_then_a_profile_then_the_command_line(
    files: dict[str, Any], line: str, expected: tuple[Any, ...], pinned: set[Field], tmp_path: Path
) -> None:
    found = asked("codex", tmp_path, line.split(), place(tmp_path, files))
    assert (found.request.model, found.host, found.request.thinking.level) == expected
    assert found.pinned == pinned
    assert not found.pinned & found.defaults


def test_a_profile_of_codexs_is_what_was_asked_for_by_name(tmp_path: Path) -> None:
    env = place(tmp_path, {CONFIG: BASE, "home/.codex/fast.config.toml": 'model = "m"'})
    assert asked("codex", tmp_path, ["exec", "-p", "fast", "x"], env).requested.model == "fast"
    assert asked("codex", tmp_path, ["exec", "-p", "fast", "-m", "n", "x"], env).requested.model is None
    absent = asked("codex", tmp_path, ["exec", "-p", "absent", "x"], env)
    assert absent.defaults == {F.WIRE_FORMAT, F.TOOL_FORMAT}
    assert absent.requested.model == "absent"


PROJECT = 'model = "proj"\nmodel_provider = "b"\nmodel_reasoning_effort = "high"\n'
TRUST = '\n[projects."{root}/{folder}"]\ntrust_level = "{level}"\n'
PROJECTS: list[tuple[str, str, str, tuple[str, str]]] = [
    ("work", "trusted", "work", ("proj", "high")),
    ("work", "untrusted", "work", ("cfg", "low")),
    ("other", "trusted", "work", ("cfg", "low")),
    ("work", "trusted", "work/in", ("inner", "high")),
    ("work/in", "trusted", "work/in", ("inner", "low")),
]


@pytest.mark.parametrize(("folder", "level", "cwd", "expected"), PROJECTS)
def test_a_project_that_is_trusted_chooses_codexs_model_and_not_its_provider(
    folder: str, level: str, cwd: str, expected: tuple[str, str], tmp_path: Path
) -> None:
    root = tmp_path.resolve()
    files = {
        CONFIG: BASE + TRUST.format(root=root.as_posix(), folder=folder, level=level),
        "work/.git/HEAD": "",
        "work/.codex/config.toml": PROJECT,
        "work/in/.codex/config.toml": 'model = "inner"\n',
    }
    env = place(root, files)
    found = asked("codex", root, ["exec", "x"], env, cwd)
    assert (found.request.model, found.request.thinking.level, found.host) == (*expected, "a.example")
    elsewhere = asked("codex", root, ["exec", "-C", str(root / cwd), "x"], env, ".")
    assert elsewhere.request.model == expected[0]


def test_the_working_folder_that_a_launcher_names_is_the_one_that_counts(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path, {CLAUDE["project"]: {"env": {URL: "https://api.z.ai/api/anthropic"}}})
    env = {**os.environ, **install(tmp_path), URL: "https://api.minimax.io/anthropic"}
    monkeypatch.setenv("PATH", env["PATH"])
    monkeypatch.setenv(URL, env[URL])
    for cwd in (tmp_path / "work", None):
        subprocess.run(STREAM, env=env, cwd=cwd, capture_output=True, check=True)
    inside, outside = map(facts, told.spans())
    assert (inside["dispatch.provider"], inside["dispatch.provenance.provider"]) == ("zai", "operator_pin")
    assert inside["dispatch.inherited"] is False
    assert (outside["dispatch.provider"], outside["dispatch.inherited_fields"]) == ("minimax", "provider")


def test_a_fault_in_looking_settings_up_costs_them_alone(
    told: Told, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.expect()
    monkeypatch.setattr("otel_dispatch.claude_settings.value_of", boom)
    assert told_of(told)["dispatch.outcome.kind"] == "served"
    assert [place for place, _ in faults.seen] == ["launch.settings"]
