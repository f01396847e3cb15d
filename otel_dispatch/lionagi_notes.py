"""What is noted beside lionagi's own objects as they are made: whence a model was chosen, and what defines a branch."""

import inspect
import sys
import weakref
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from opentelemetry import context as otel
from opentelemetry.context import Context

from . import definition
from .lionagi_layers import Chosen, Command, Definition, default_chosen, requested_of, stage_chosen, worker_chosen
from .record import Dispatch
from .vocabulary import text_of

T = TypeVar("T")
Given = Mapping[str, Any]

_key: Final = otel.create_key("otel_dispatch.lionagi")


class Beside(Generic[T]):
    """What we know beside objects of lionagi's, by their identity, for as long as they live."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[weakref.ref[Any], T]] = {}

    def put(self, one: Any, value: T) -> None:
        """Remember *value* beside *one*."""
        key = id(one)
        self._held[key] = (weakref.ref(one, lambda _: self._held.pop(key, None)), value)

    def get(self, one: Any) -> T | None:
        """What is known beside *one*."""
        found = self._held.get(id(one))
        return found[1] if found is not None and found[0]() is one else None


@dataclass(slots=True)
class About:
    """What we know of a branch: its role and the file that defines it, and how it came to its model."""

    role: str | None = None
    profile: str | None = None
    definition: Definition | None = None
    is_orchestrator: bool = False
    inherited: weakref.ref[Any] | None = None
    is_synthesis: bool = False
    parses_with_chat: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where in lionagi we are: in which run, in which step, and what for."""

    run: Any = None
    step: Any = None
    is_parsing: bool = False
    is_synthesis: bool = False
    escalated_from: str | None = None

    @property
    def command(self) -> Command | None:
        """The command whose run we are in."""
        return None if self.run is None else self.run.command


branches: Final[Beside[About]] = Beside()
models: Final[Beside[Chosen]] = Beside()
profiles: Final[Beside[Definition]] = Beside()
_path: Final[ContextVar[Any]] = ContextVar("otel_dispatch.lionagi.path", default=None)


def place(now: Context | None = None) -> Place:
    """The innermost place of *now*, or of the current context."""
    found = otel.get_value(_key, now)
    return found if isinstance(found, Place) else Place()


def at(where: Place, base: Context | None = None) -> Context:
    """*base*, or the current context, with *where* in it."""
    return otel.set_value(_key, where, base)


def about(branch: Any) -> About:
    """What is known of *branch*."""
    found = branches.get(branch)
    if found is None:
        branches.put(branch, found := About())
    return found


def given_to(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, those that are left out as they stand."""
    bound = inspect.signature(function).bind_partial(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


def chosen_for(model: Any, where: Place) -> Chosen | None:
    """What was chosen for *model* where it is used; what fell through to there is inherited."""
    chosen, branch = models.get(model), where.step.branch if where.step is not None else None
    known = branches.get(branch)
    if branch is None or known is None or model is not branch.chat_model:
        return chosen
    # A branch may be given another model later on.
    is_heir = known.inherited is not None and known.inherited() is model
    fell = is_heir or known.is_synthesis or where.is_synthesis or (where.is_parsing and known.parses_with_chat)
    return (chosen or Chosen()).inherited() if fell else chosen


def spec_of(chosen: Chosen | None, where: Place) -> str | None:
    """The spec that was asked for: the synthesis has one of its own, whatever runs it."""
    command = where.command
    own = text_of(command.given.get("synthesis_model")) if command is not None and where.is_synthesis else None
    return own or (chosen.spec if chosen is not None else None)


def is_synthesis(where: Place, branch: Any) -> bool:
    """Whether a step of *branch* is its run's synthesis."""
    command, known = where.command, about(branch)
    if where.is_synthesis or known.is_synthesis or command is None or not command.has_workers:
        return where.is_synthesis or known.is_synthesis
    # Before these functions were, the orchestrator's branch did nothing else once there were workers.
    module, name = _SYNTHESIS.get(command.name, ("", ""))
    return known.is_orchestrator and bool(name) and not hasattr(sys.modules.get(module), name)


_FLOW: Final = ("lionagi.cli.orchestrate.flow", "_synthesize")
_SYNTHESIS: Final = {
    "flow": _FLOW,
    "play": _FLOW,
    "fanout": ("lionagi.cli.orchestrate.fanout", "_fresh_synthesis_branch"),
}


def described(command: Command, dispatch: Dispatch) -> Dispatch:
    """The record of a run of *command* with what was asked for in it, and the profile that it was under."""
    asked = replace(dispatch, requested=requested_of(command.chosen().spec, command.is_cli))
    return defined(command.profile(), asked)


def defined(by: Definition | None, dispatch: Dispatch) -> Dispatch:
    """*dispatch* with the file *by* that defines what is dispatched."""
    return dispatch if by is None else replace(dispatch, definition=by.path, definition_hash=by.hash)


def run_id() -> str | None:
    """The id that lionagi gave the run that this process records."""
    found = getattr(sys.modules.get("lionagi.cli._runs"), "active_run_id", None)
    return text_of(found()) if callable(found) else None


def note_branch(branch: Any, given: Given, _: Any) -> None:
    """Note what a branch is made with: what its run chose, or lionagi's default where it is given no model."""
    known, command, model = about(branch), place().command, branch.chat_model
    known.parses_with_chat = not given.get("parse_model")
    if command is None:
        if not given.get("chat_model"):
            models.put(model, default_chosen())
        return
    noted = models.get(model)
    if noted is None or noted.spec is None:
        models.put(model, command.chosen())
    if not command.has_workers:
        known.is_orchestrator, command.is_cli = True, model.is_cli
        known.profile = text_of(command.given.get("agent_name"))
    known.definition = command.profile()


def note_clone(branch: Any, _: Given, clone: Any) -> None:
    """Note that a clone has its model from the branch that it was made of."""
    chosen = models.get(branch.chat_model)
    if chosen is not None and models.get(clone.chat_model) is not chosen:
        models.put(clone.chat_model, chosen)
    known = about(branch)
    branches.put(clone, replace(known, inherited=weakref.ref(clone.chat_model), is_orchestrator=False))


def note_model(model: Any, given: Given, _: Any) -> None:
    """Note that a model was given no provider, so that lionagi's settings decide."""
    spec = (given.get("kwargs") or {}).get("model")
    is_made = given.get("endpoint") is not None and not isinstance(given["endpoint"], str)
    if not given.get("provider") and not is_made and not (isinstance(spec, str) and "/" in spec):
        default = default_chosen()
        models.put(model, default if not spec else replace(default, model=None))


def note_worker(_: Any, given: Given, built: Any) -> None:
    """Note which layer decided what a worker uses."""
    command = place().command
    if command is None:
        return
    branch, spec, profile = built[0], built[1], profiles.get(built[2]) if built[2] is not None else None
    command.has_workers = True
    chosen = worker_chosen(command, given, spec, given["env"], profile, _pack_of(given["role"], given["env"]))
    models.put(branch.chat_model, chosen)
    branches.put(branch, replace(about(branch), role=given["role"], definition=profile, is_orchestrator=False))


def _pack_of(role: str, env: Any) -> Any:
    look_up = sys.modules["lionagi.cli.orchestrate._orchestration"].role_config
    # Older versions know the packaged one alone.
    return look_up(*(role, getattr(env, "pack", None))[: len(inspect.signature(look_up).parameters)])


def note_stage(run: Any, given: Given, branch: Any) -> None:
    """Note which layer decided what a stage of an engine uses."""
    command, role = place().command, str(given["role"])
    route = getattr(sys.modules["lionagi.engines.engine"], "role_profile_route", lambda _: (None, None))(role)
    models.put(branch.chat_model, stage_chosen(command, given, run.engine, route))
    defined = command.profiles.get(role) if command is not None else None
    branches.put(branch, replace(about(branch), role=role, definition=defined, is_orchestrator=False))


def note_synthesis(_: Any, __: Given, branch: Any) -> None:
    """Note that a branch is to sum up, with a copy of the orchestrator's model."""
    command = place().command
    if command is not None:
        models.put(branch.chat_model, command.chosen())
    branches.put(branch, replace(about(branch), role="synthesis", is_synthesis=True, is_orchestrator=False))


def note_path(_: Any, __: Given, path: Any) -> None:
    """Note where a profile was found that is about to be read."""
    _path.set(path)


def note_profile(_: Any, given: Given, profile: Any) -> None:
    """Note what a profile said and the hash of its file, as it is read."""
    path, name = _path.get(), given["name"]
    where = None if path is None else str(path)
    known = Definition(where, definition.hash_now(where), text_of(profile.model), text_of(profile.effort))
    profiles.put(profile, known)
    command = place().command
    if command is not None:
        command.profiles[name] = known
