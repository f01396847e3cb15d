"""Codex's configuration: its own file, a profile's, and those of a project that is trusted, as 0.169.0 layers them."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .options import value_of, values_of
from .program_files import home_in, text_in
from .session import Settings

_FILE: Final = "config.toml"
# A project may choose a model, but not where it is asked.
_OF_PROJECTS: Final = frozenset({"model", "model_reasoning_effort"})
# Python's reader takes time that grows with the square of a key's parts, and a launch waits for it.
_LARGEST: Final = 2**17
_MOST_DOTS: Final = 64


def settings_of(arguments: Sequence[str], env: Mapping[str, str], cwd: str) -> Settings:
    """What configuration says, each value by its dotted path, where the program is started in *cwd*."""
    home = home_in(env, "CODEX_HOME", ".codex")
    whole = _read(home / _FILE) if home is not None else None
    told = flat(whole or {})
    name = profile_in(arguments, told)
    profile = {} if name is None else _profile(whole or {}, home, name)
    told.update(profile or {})
    there = Path(cwd, value_of(arguments, "-C", "--cd") or "")
    projects = [_read(path / ".codex" / _FILE) for path in _trusted(whole or {}, there)]
    for of_project in projects:
        # One that cannot be read may choose them: then they are not known, unless a later one chooses again.
        chosen = dict.fromkeys(_OF_PROJECTS, "") if of_project is None else flat(of_project)
        told.update({name: value for name, value in chosen.items() if name in _OF_PROJECTS})
    is_read = (whole is not None or home is None) and None not in projects
    return Settings({name: value for name, value in told.items() if value}, is_whole=is_read and profile is not None)


def profile_in(arguments: Sequence[str], told: Mapping[str, str]) -> str | None:
    """The profile that is asked for: by *arguments*, else by what the configuration *told*."""
    return value_of(arguments, "-p", "--profile") or options_in(arguments).get("profile") or told.get("profile")


def options_in(arguments: Sequence[str]) -> dict[str, str]:
    """What the options ``-c path=value`` say; what is no TOML is a plain string, as the program takes it."""
    found: dict[str, str] = {}
    for pair in values_of(arguments, "-c", "--config"):
        name, equals, text = pair.partition("=")
        if equals:
            value: object = (_decoded(f"value = {text}") or {"value": text.strip().strip("\"'")}).get("value")
            found.update(flat({name.strip(): value}))
    return found


def flat(told: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """The strings in *told*, by their dotted paths."""
    return dict(_strings_in(told, path))


def _strings_in(told: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    waiting = [(path, told)]
    while waiting:
        above, table = waiting.pop()
        for name, value in table.items():
            if isinstance(value, dict):
                waiting.append((f"{above}{name}.", value))
            elif isinstance(value, str):
                yield f"{above}{name}", value


def _profile(whole: Mapping[str, Any], home: Path | None, name: str) -> dict[str, str] | None:
    # Versions before have a section for it, today's a file; without either nothing is known of it.
    sections = whole.get("profiles")
    section = sections.get(name) if isinstance(sections, dict) else None
    if isinstance(section, dict):
        return flat(section)
    text = None if home is None else text_in(home / f"{name}.{_FILE}")
    told = _decoded(text) if text else None
    return None if told is None else flat(told)


def _trusted(whole: Mapping[str, Any], there: Path) -> list[Path]:
    # From the root of the repository down; a root that is trusted stands for all in it.
    projects = whole.get("projects")
    marked = flat(projects if isinstance(projects, dict) else {})
    if not marked:
        return []
    try:
        there = there.resolve()
    except (OSError, RuntimeError, ValueError):
        return []
    root = next((path for path in (there, *there.parents) if (path / ".git").exists()), there)
    inside = [path for path in (*reversed(there.parents), there) if path == root or root in path.parents]
    is_whole = marked.get(f"{root}.trust_level") == "trusted"
    return [path for path in inside if is_whole or marked.get(f"{path}.trust_level") == "trusted"]


def _read(path: Path) -> Mapping[str, Any] | None:
    text = text_in(path)
    return None if text is None else _decoded(text)


def _decoded(text: str) -> Mapping[str, Any] | None:
    if len(text) > _LARGEST or any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        return None
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return None
