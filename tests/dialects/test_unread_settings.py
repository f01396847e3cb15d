"""Files that agent programs are set up with and that cannot be read: what they may decide is unknown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.test_cli_settings import BASE, CLAUDE, CLIS, CONFIG, TRUST, F, asked, place

SPOILT = pytest.mark.parametrize("how", ["broken", "large", "folder", "loop", "nowhere"])
LARGE = " " * (2**20 + 1)


@pytest.mark.parametrize("value", ["nowhere.json", "{broken", "broken.json", "."])
def test_settings_of_claudes_that_cannot_be_read_may_decide_anything(value: str, tmp_path: Path) -> None:
    env = place(tmp_path, {"work/broken.json": "{"})
    found = asked("claude", tmp_path, ["--settings", value], env)
    assert found.defaults == {F.WIRE_FORMAT, F.TOOL_FORMAT}


def spoil(path: Path, how: str) -> None:
    """Put what cannot be read in the place of *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if how == "folder":
        path.mkdir()
    elif how in ("loop", "nowhere"):
        path.symlink_to(path if how == "loop" else path.parent / "absent")
    else:
        path.write_text({"broken": "{= [", "large": LARGE}[how])


@SPOILT
@pytest.mark.parametrize("name", CLAUDE)
def test_a_settings_file_of_claudes_that_cannot_be_read_may_decide_anything(
    name: str, how: str, tmp_path: Path
) -> None:
    env = place(tmp_path, {})
    spoil(tmp_path / CLAUDE[name], how)
    assert asked("claude", tmp_path, [], env).defaults == {F.WIRE_FORMAT, F.TOOL_FORMAT}
    ignored = asked("claude", tmp_path, ["--setting-sources", ""], env)
    assert ignored.defaults == frozenset(F)


@pytest.mark.parametrize("text", ["", " \n", "{}"])
def test_a_settings_file_that_says_nothing_decides_nothing(text: str, tmp_path: Path) -> None:
    env = place(tmp_path, {CLAUDE["user"]: text, CLAUDE["local"]: text})
    assert asked("claude", tmp_path, [], env).defaults == frozenset(F)
    env = place(tmp_path, {CONFIG: text.replace("{}", "")})
    assert asked("codex", tmp_path, ["exec", "x"], env).defaults == frozenset(F)


@SPOILT
def test_a_configuration_of_codexs_that_cannot_be_read_may_decide_anything(how: str, tmp_path: Path) -> None:
    env = place(tmp_path, {})
    spoil(tmp_path / CONFIG, how)
    assert asked("codex", tmp_path, ["exec", "x"], env).defaults == {F.WIRE_FORMAT, F.TOOL_FORMAT}


@SPOILT
def test_a_trusted_projects_file_that_cannot_be_read_leaves_the_model_unknown(how: str, tmp_path: Path) -> None:
    root = tmp_path.resolve()
    trust = TRUST.format(root=root.as_posix(), folder="work", level="trusted")
    env = place(root, {CONFIG: BASE + trust, "work/.git/HEAD": ""})
    spoil(root / "work/.codex/config.toml", how)
    found = asked("codex", root, ["exec", "x"], env)
    assert (found.request.model, found.request.thinking.level, found.host) == (None, None, "a.example")
    assert not {F.MODEL, F.THINKING} & (found.pinned | found.defaults)
    place(root, {"work/in/.codex/config.toml": 'model = "inner"'})
    assert asked("codex", root, ["exec", "x"], env, "work/in").request.model == "inner"


@pytest.mark.parametrize("name", CLIS)
@given(text=st.text() | st.sampled_from(["[]", "{}", "null", '{"env": []}', "model = []", "[projects]\nx = 1"]))
def test_any_file_is_read_without_raising(name: str, text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("any")
    env = place(root, {CLAUDE["user"]: text, CONFIG: text.replace("\r", "")})
    asked(name, root, [], env)


def test_what_a_file_that_cannot_be_read_may_overrule_has_no_certain_origin(tmp_path: Path) -> None:
    env = place(tmp_path, {CLAUDE["user"]: {"env": {"MAX_THINKING_TOKENS": 1}}, CONFIG: BASE})
    spoil(tmp_path / CLAUDE["local"], "broken")
    spoil(tmp_path / "home/.codex/fast.config.toml", "broken")
    of_claude = asked("claude", tmp_path, [], {**env, "ANTHROPIC_MODEL": "m"})
    of_codex = asked("codex", tmp_path, ["exec", "-p", "fast", "x"], env)
    for found in (of_claude, of_codex):
        assert (found.variables, found.pinned, found.defaults) == ({}, frozenset(), {F.WIRE_FORMAT, F.TOOL_FORMAT})
