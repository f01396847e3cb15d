"""Which layer of AutoSkillit's configuration decided a session's provider and model: it tells nobody, so we look."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from .providers import host_of
from .vocabulary import Field, Origin

ANTHROPIC: Final = "anthropic"
"""The profile that stands for no profile: the agent program's own default."""

# The variables that decide whom the agent program talks to, and how hard it thinks.
_ROUTES: Final = (
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
    "ANTHROPIC_BASE_URL",
    "OPENAI_BASE_URL",
)
_THINKING: Final = ("MAX_THINKING_TOKENS", "CLAUDE_CODE_EFFORT_LEVEL")
_PROFILED: Final = ("ANTHROPIC_", "CLAUDE_CODE_", "OPENAI_")
_MODEL_FLAGS: Final = ("--model", "-m")


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that a layer holds, the place of that layer in the configuration, and what the layer is to us."""

    value: str
    origin: Origin
    place: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the executor was called with; ``argument`` and ``declared`` are the tool's own model and provider.

    ``extras`` are the variables of the profile, ``fallback`` those of the profile to fall back to; ``report`` says
    that it is a bug report, which looks up neither recipe nor step; ``resumed`` that an earlier session's launch is
    taken up again.
    """

    model: str = ""
    step: str = ""
    recipe: str = ""
    profile: str = ""
    argument: str = ""
    declared: str = ""
    extras: Mapping[str, str] = field(default_factory=dict)
    fallback: Mapping[str, str] = field(default_factory=dict)
    report: bool = False
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """One session: what it was asked for, and which layers decided; a field is None where none of them did."""

    asked: Asked
    model: Choice | None
    provider: Choice | None
    profiles: Mapping[str, Any]

    @property
    def is_profile_lost(self) -> bool:
        """Whether a profile was named that is not configured, so that the agent program's default applies."""
        return _is_lost(self.asked, self.profiles)

    def host_meant(self, profile: str) -> str:
        """The host that *profile* stands for, "" where it names none."""
        asked = self.asked
        held = asked.extras if profile == asked.profile else self.profiles.get(profile) or asked.fallback
        url = _at(held, "ANTHROPIC_BASE_URL") or _at(held, "base_url")
        return host_of(url) if isinstance(url, str) else ""

    def origins(self, argv: list[str], env: Mapping[str, str]) -> dict[str, str]:
        """The origins of one launch's fields, as far as AutoSkillit decided them; the rest is for the launch to say."""
        found = {
            Field.PROVIDER: self._provider_origin(env),
            Field.MODEL: self._model_origin(argv, env),
            Field.THINKING: self._supplier(_THINKING, env),
        }
        return {str(name): str(origin) for name, origin in found.items() if origin is not None}

    def _provider_origin(self, env: Mapping[str, str]) -> Origin | None:
        if any(env.get(name) for name in _ROUTES):
            return self._supplier(_ROUTES, env)
        # A nudge is started without the profile of its session.
        is_unrouted = not any(self.asked.extras.get(name) for name in _ROUTES)
        chosen = self.provider is not None and (self.is_profile_lost or self.provider.value == ANTHROPIC)
        return self.provider.origin if is_unrouted and chosen and self.provider is not None else None

    def _model_origin(self, argv: list[str], env: Mapping[str, str]) -> Origin | None:
        named = next((value for flag, value in pairwise(argv) if flag in _MODEL_FLAGS), None)
        if named is None:
            return self._supplier(("ANTHROPIC_MODEL",), env)
        remap = f"ANTHROPIC_DEFAULT_{named.upper()}_MODEL"
        if env.get(remap):
            return self._supplier((remap,), env)
        is_ours = self.model is not None and named in (self.model.value, self._model_of(self.model.value))
        return self.model.origin if is_ours and self.model is not None else None

    def _model_of(self, profile: str) -> str | None:
        return _text(_at(self.profiles, profile, "ANTHROPIC_MODEL"))

    def _supplier(self, names: tuple[str, ...], env: Mapping[str, str]) -> Origin | None:
        asked = self.asked
        for name in names:
            if (value := env.get(name)) is None:
                continue
            if asked.extras.get(name) == value:
                return self.provider.origin if self.provider is not None else Origin.UNKNOWN
            return Origin.ESCALATION_OVERRIDE if asked.fallback.get(name) == value else None
        return None


def session_of(config: Any, asked: Asked) -> Session:
    """The session that *asked* and AutoSkillit's *config* make."""
    profiles = _at(config, "providers", "profiles")
    profiles = profiles if isinstance(profiles, Mapping) else {}
    return Session(asked, _first(_model_layers(config, asked)), _provider(config, asked, profiles), profiles)


def _first(layers: Iterator[tuple[Any, Origin, str]]) -> Choice | None:
    return next((Choice(text, origin, place) for value, origin, place in layers if (text := _text(value))), None)


def _provider(config: Any, asked: Asked, profiles: Mapping[str, Any]) -> Choice | None:
    if not asked.profile and not _has_profiles(config):
        return None
    wanted = asked.profile or ANTHROPIC
    layers = _provider_layers(config, asked)
    found = next((Choice(wanted, origin, place) for value, origin, place in layers if value == wanted), None)
    if _is_lost(asked, profiles):
        return Choice(wanted, Origin.UNKNOWN, found.place if found is not None else "")
    return found or (Choice(wanted, Origin.UNKNOWN, "") if asked.profile else None)


def _is_lost(asked: Asked, profiles: Mapping[str, Any]) -> bool:
    # Later versions add variables of their own to those of a profile.
    is_empty = not any(name.startswith(_PROFILED) for name in asked.extras)
    return bool(asked.profile) and is_empty and asked.profile not in profiles


def _has_profiles(config: Any) -> bool:
    told = _at(config, "features", "providers")
    return bool(_at(config, "experimental_enabled") if told is None else told)


def _provider_layers(config: Any, asked: Asked) -> Iterator[tuple[Any, Origin, str]]:
    step = "" if asked.report else asked.step
    if asked.recipe and not asked.report:
        for key in filter(None, (step, "*")):
            yield _layer(config, Origin.OPERATOR_PIN, "providers", "recipe_overrides", asked.recipe, key)
        for key in filter(None, (step, "*")):
            yield _layer(config, Origin.OPERATOR_PIN, "providers", "step_overrides", key)
    yield asked.declared, Origin.PIPELINE_INPUT, "argument.step_provider"
    # Up to 0.9.492 and a little later the name of the step is taken for the name of a profile.
    yield step, Origin.PIPELINE_INPUT, "argument.step_name"
    yield _layer(config, _origin_of_default(asked.profile), "providers", "default_provider")
    yield asked.argument, Origin.PIPELINE_INPUT, "argument.model"


def _origin_of_default(profile: str) -> Origin:
    if not profile or os.environ.get("AUTOSKILLIT_PROVIDER_PROFILE") != profile:
        return Origin.CATALOG_DEFAULT
    # The server puts the variable in the place of the default: a parent session left it, or the operator set it.
    return Origin.INHERITED if os.environ.get("AUTOSKILLIT_HEADLESS") == "1" else Origin.OPERATOR_PIN


def _model_layers(config: Any, asked: Asked) -> Iterator[tuple[Any, Origin, str]]:
    yield _layer(config, Origin.OPERATOR_PIN, "model", "override")
    yield _layer(config, Origin.OPERATOR_PIN, "model", "model_override")
    if asked.recipe and asked.step:
        yield _layer(config, Origin.OPERATOR_PIN, "model", "recipe_overrides", asked.recipe, asked.step)
    if asked.step:
        yield _layer(config, Origin.OPERATOR_PIN, "model", "step_overrides", asked.step)
    if asked.recipe:
        for key in filter(None, (asked.step, "*")):
            yield _layer(config, Origin.OPERATOR_PIN, "providers", "model_overrides", asked.recipe, key)
    yield _asked_model(config, asked)
    yield _layer(config, Origin.CATALOG_DEFAULT, "model", "default")
    yield _layer(config, Origin.CATALOG_DEFAULT, "model", "default_model")


def _asked_model(config: Any, asked: Asked) -> tuple[str, Origin, str]:
    if asked.report and not asked.argument and asked.model == _at(config, "report_bug", "model"):
        return asked.model, Origin.OPERATOR_PIN, "report_bug.model"
    if asked.resumed and not asked.argument:
        return asked.model, Origin.INHERITED, "resume"
    return asked.model, Origin.PIPELINE_INPUT, "argument.model"


def _layer(config: Any, origin: Origin, *path: str) -> tuple[Any, Origin, str]:
    return _at(config, *path), origin, ".".join(path)


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
