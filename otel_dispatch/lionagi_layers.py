"""lionagi's layers, read: what was asked for, and which of them decided."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from .record import Requested
from .vocabulary import Field, Origin, text_of

Given = Mapping[str, Any]

_PIN, _CATALOG, _INPUT, _INHERITED = (
    Origin.OPERATOR_PIN,
    Origin.CATALOG_DEFAULT,
    Origin.PIPELINE_INPUT,
    Origin.INHERITED,
)
# Who starts `li` with these wrote its command line, too: what looks typed is what a pipeline gave.
_STARTED_BY_PIPELINE: Final = ("LIONAGI_MCP_JOB_RUN_ID", "LIONAGI_INVOCATION_ID")
_ORCHESTRATOR: Final = "orchestrator"
_CODEX: Final = ("codex", "openai-codex")
# The settings in which an effort travels, of an API and of an agent program; what is in none of them is not sent.
# lionagi hands `reasoning_effort` to codex under a name that codex does not know.
_EFFORTS: Final = {False: ("effort", "reasoning_effort", "reasoning", "thinking"), True: ("effort", "thinking")}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen for a model: the spec as it was written, and the origins of what spec and effort decide."""

    spec: str | None = None
    provider: Origin | None = None
    model: Origin | None = None
    effort: Origin | None = None

    def inherited(self) -> "Chosen":
        """The same, where it fell through to somebody who did not ask for it."""
        return replace(self, provider=_INHERITED, model=_INHERITED, effort=_INHERITED)


@dataclass(frozen=True, slots=True)
class Definition:
    """The file of an agent profile as it was when it was loaded, and what the profile said."""

    path: str | None
    hash: str | None
    model: str | None
    effort: str | None


@dataclass(slots=True)
class Command:
    """A run of the command line: what it was given, what was typed, and the profiles that it has loaded."""

    name: str
    given: Given
    typed: Given | None = None
    profiles: dict[str, Definition] = field(default_factory=dict)
    has_workers: bool = False
    is_cli: bool = True

    def profile(self) -> Definition | None:
        """The profile that the run itself is under."""
        name = self.given.get("agent_name")
        if name is None and not self.given.get("model_spec") and "model_spec" in self.given:
            name = _ORCHESTRATOR
        return self.profiles.get(str(name))

    def origin(self, name: str) -> Origin:
        """Who gave the argument *name*."""
        if self.given.get("_auto_resumed"):
            return _INHERITED
        if self.given.get("resume_checkpoint") is not None or any(map(os.environ.get, _STARTED_BY_PIPELINE)):
            return _INPUT
        return _PIN if self.typed is None or _is_typed(self.typed, name, self.given.get(name)) else _INPUT

    def chosen(self) -> Chosen:
        """What the run itself, or its orchestrator, is to use."""
        name = next((name for name in _SPECS if name in self.given), "")
        profile, spec = self.profile(), text_of(self.given.get(name))
        origin = self.origin(name) if spec is not None else _INHERITED
        if spec is None and profile is not None and profile.model:
            spec, origin = profile.model, _CATALOG
        if self.given.get("effort"):
            return _chosen(spec, origin, self.origin("effort"))
        return _chosen(spec, origin, _CATALOG if profile is not None and profile.effort else None)


_SPECS: Final = ("model_str", "model_spec", "model")
_OPTIONS: Final = {"agent_name": "agent", "workers_str": "workers"}


def _is_typed(typed: Given, name: str, value: Any) -> bool:
    # The command line takes a model as the first of two words, and a playbook fills in what was left out.
    if name in _SPECS:
        return value == typed.get("model") or value in (typed.get("query") or ())
    return typed.get(_OPTIONS.get(name, name)) is not None


def worker_chosen(run: Command, asked: Given, spec: str, env: Any, profile: Definition | None, pack: Any) -> Chosen:
    """What a worker is to use: the pool of ``--workers``, its role's profile, the pack, else what the run uses."""
    from_pack = _INPUT if run.given.get("pack") and run.origin("pack") is _INPUT else _CATALOG
    effort = _worker_effort(run, env, profile, pack, from_pack)
    if asked.get("model_override"):
        return _chosen(spec, run.origin("workers_str"), effort)
    if env.bare:
        return _chosen(spec, _INHERITED, effort)
    if pack is not None and pack.model == spec and not (profile is not None and profile.model == spec):
        return _chosen(spec, from_pack, effort)
    return _chosen(spec, _CATALOG if profile is not None else _INHERITED, effort)


def _worker_effort(run: Command, env: Any, profile: Definition | None, pack: Any, from_pack: Origin) -> Origin | None:
    if env.effort:
        # Without the option it is the orchestrator's own, which reaches every worker.
        return run.origin("effort") if run.given.get("effort") else _INHERITED
    if env.bare:
        return None
    if profile is not None and profile.effort:
        return _CATALOG
    return from_pack if pack is not None and pack.effort else None


def stage_chosen(run: Command | None, asked: Given, engine: Any, route: tuple[Any, Any]) -> Chosen:
    """What a stage of an engine is to use: its own, the engine's, its role's profile, else lionagi's default."""
    ours = {"model": getattr(engine, "model", None), "effort": getattr(engine, "effort", None)}
    # An engine may hand what it was given itself to its stages.
    own = {name: asked.get(name) if asked.get(name) != value else None for name, value in ours.items()}
    layers = (
        (own["model"], own["effort"], _INPUT),
        (ours["model"], ours["effort"], _INPUT if run is None else _PIN),
    )
    model = next(((text_of(model), origin) for model, _, origin in layers if model), None)
    if model is None and route[0]:
        model = text_of(route[0]), _CATALOG
    effort = next((origin for _, effort, origin in layers if effort), None)
    if model is None:
        return replace(default_chosen(), effort=effort)
    # In an engine the suffix beats the profile; elsewhere it is the other way round.
    is_profiles = effort is None and bool(route[1]) and not _has_suffix(model[0])
    return _chosen(*model, _CATALOG if is_profiles else effort)


def default_chosen() -> Chosen:
    """What a model is to use that names nothing: lionagi's settings, which variables of the same name may set."""
    provider, model = (_PIN if os.environ.get(f"LIONAGI_CHAT_{name}") else _CATALOG for name in ("PROVIDER", "MODEL"))
    return Chosen(None, provider, model)


def _chosen(spec: str | None, origin: Origin, effort: Origin | None) -> Chosen:
    provider: Origin | None = origin
    model = origin
    if spec is not None and "/" not in spec and origin is not _INHERITED:
        # Of an alias lionagi's own table makes the model; of another bare word, its settings the provider.
        provider, model = (origin, _CATALOG) if spec in _table("BACKENDS") else (default_chosen().provider, origin)
    if effort is None and (spec is None or _has_suffix(spec)):
        effort = origin
    return Chosen(spec, provider, model, effort)


def _has_suffix(spec: str | None) -> bool:
    model = (spec or "").partition("/")[2] or spec or ""
    return "/" not in model and any(model.lower().endswith(f"-{level}") for level in _table("EFFORT_LEVELS"))


def _table(name: str) -> Any:
    loaded = (sys.modules.get(module) for module in ("lionagi.service.providers", "lionagi.cli._providers"))
    return next((table for module in loaded if (table := getattr(module, name, None)) is not None), ())


def requested_of(spec: str | None, is_cli: bool) -> Requested:
    """What *spec* asks for; the word for an agent program names no provider."""
    if not spec:
        return Requested()
    provider, slash, model = spec.partition("/")
    return Requested(None if is_cli or not slash else text_of(provider), text_of(model if slash else spec))


def declared_of(chosen: Chosen, model: Any) -> dict[Field, Origin]:
    """The origins to declare for a call of *model*; of an effort only where it is sent."""
    config = model.endpoint.config
    settings = config.kwargs if isinstance(config.kwargs, Mapping) else {}
    by_profile = _INHERITED if chosen.model is _INHERITED else _CATALOG
    found = {Field.MODEL: by_profile if _is_codex_profile(chosen.spec, config, settings) else chosen.model}
    if not model.is_cli:
        # Where an agent program goes is decided by its environment, which nobody named by naming the program.
        found[Field.PROVIDER] = chosen.provider
    if _has_override(settings):
        found[Field.THINKING] = by_profile
    elif any(settings.get(name) is not None for name in _EFFORTS[bool(model.is_cli)]):
        found[Field.THINKING] = chosen.effort
    return {name: origin for name, origin in found.items() if origin is not None}


def _is_codex_profile(spec: str | None, config: Any, settings: Given) -> bool:
    # lionagi puts what a profile of codex's own configuration says where that profile was named.
    named, model = (spec or "").partition("/")[2], str(settings.get("model") or "")
    return str(config.provider) in _CODEX and bool(named and model) and not named.startswith(model)


def _has_override(settings: Given) -> bool:
    overrides = settings.get("config_overrides")
    return isinstance(overrides, Mapping) and overrides.get("model_reasoning_effort") is not None
