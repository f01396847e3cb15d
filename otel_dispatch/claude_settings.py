"""Claude Code's settings: the variables that they set, which win over those of its environment (2.1.330)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .options import value_of
from .program_files import home_in, text_in
from .session import Settings
from .thinking import as_map

_MODEL: Final = "ANTHROPIC_MODEL"
# Each wins over those before it, and those of the command line over all.
_SOURCES: Final = {
    "user": "settings.json",
    "project": ".claude/settings.json",
    "local": ".claude/settings.local.json",
}


def settings_of(arguments: Sequence[str], env: Mapping[str, str], cwd: str, wanted: frozenset[str]) -> Settings:
    """What settings say for the variables *wanted*, where the program starts in *cwd* with *arguments* and *env*."""
    option = _option((value_of(arguments, "--settings") or "").strip(), cwd)
    of_files, of_line = dict[str, str](), _variables(option or {}, wanted)
    files = list(_files(arguments, env, cwd))
    model: str | None = None
    for told in filter(None, files):
        of_files.update(_variables(told, wanted))
        model = _model(told) or model
    # A model that is no variable yields to the variable.
    if not {**env, **of_files, **of_line}.get(_MODEL, "").strip():
        if named := _model(option or {}):
            of_line[_MODEL] = named
        elif model:
            of_files[_MODEL] = model
    return Settings(of_files, of_line, is_whole=option is not None and None not in files)


def _files(arguments: Sequence[str], env: Mapping[str, str], cwd: str) -> Iterator[Mapping[str, Any] | None]:
    # None for one that is there and cannot be read.
    named = value_of(arguments, "--setting-sources")
    sources = set(_SOURCES) if named is None else {name.strip() for name in named.split(",")}
    for name, place in _SOURCES.items():
        folder = home_in(env, "CLAUDE_CONFIG_DIR", ".claude") if name == "user" else Path(cwd)
        if name in sources and folder is not None:
            text = text_in(folder / place)
            yield {} if text is not None and not text.strip() else _decoded(text)


def _option(value: str, cwd: str) -> Mapping[str, Any] | None:
    # The settings themselves, or a file's path.
    if not value:
        return {}
    return _decoded(value if value.startswith("{") else text_in(Path(cwd, value)))


def _decoded(text: str | None) -> Mapping[str, Any] | None:
    try:
        return None if text is None else as_map(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _variables(told: Mapping[str, Any], wanted: frozenset[str]) -> dict[str, str]:
    values = {name: value for name, value in as_map(told.get("env")).items() if name in wanted}
    return {name: str(value) for name, value in values.items() if isinstance(value, str | int | float)}


def _model(told: Mapping[str, Any]) -> str | None:
    word = told.get("model")
    return word.strip() or None if isinstance(word, str) else None
