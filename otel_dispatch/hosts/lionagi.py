"""lionagi: the commands of `li` as entries, a branch's operations as steps, and whence each call has its model."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from opentelemetry import context as otel
from opentelemetry.context import Context

from .. import context
from ..drive import along
from ..entry import EntryPoint, Run
from ..guard import swallow
from ..instruments import instruments
from ..lionagi_layers import Command, requested_of
from ..lionagi_notes import (
    Place,
    about,
    at,
    chosen_for,
    defined,
    given_to,
    is_synthesis,
    note_branch,
    note_clone,
    note_model,
    note_path,
    note_profile,
    note_stage,
    note_synthesis,
    note_worker,
    place,
    spec_of,
)
from ..lionagi_visits import Asking, Noting, Passage, Visit, asked_from, hear, note_event
from ..seam import Seam, Wrapper
from ..vocabulary import Kind, text_of

Call = Callable[..., Any]
Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_CLI: Final = "lionagi.cli"
_ORCHESTRATE, _FLOW, _FANOUT = (f"{_CLI}.orchestrate{part}" for part in ("", ".flow", ".fanout"))
_BRANCH, _MODEL = "lionagi.session.branch", "lionagi.service.imodel"

# The name in the span's name where nothing else names the run, and what is read of a run's arguments.
_LABELS: Final = {"agent": "li agent", "flow": "li o flow", "fanout": "li o fanout", "engine": "li engine"}
_SPECS: Final = frozenset({"model", "model_spec", "model_str", "synthesis_model", "workers_str"})
_READ: Final = _SPECS | {"_auto_resumed", "agent_name", "effort", "kind", "pack", "playbook_name", "resume_checkpoint"}
_TYPED: Final = ("query", "model", "agent", "effort", "pack", "workers")
_STEPS: Final = ("operate", "communicate", "parse", "ReAct", "ReActStream", "interpret", "run")
_typed_key: Final = otel.create_key("otel_dispatch.lionagi.typed")


def seams() -> list[Seam]:
    """The commands, what they build and load, the methods of a branch, and the two ways to ask a model."""
    found = [
        Seam(f"{_CLI}.agent", "_run_agent", _commanded("agent")),
        Seam(_FLOW, "_run_flow", _commanded("flow"), copied_to=(_ORCHESTRATE,)),
        Seam(_FANOUT, "_run_fanout", _commanded("fanout"), copied_to=(_ORCHESTRATE,)),
        Seam(f"{_CLI}.engine", "_do_engine_run", _commanded("engine")),
        Seam(_ORCHESTRATE, "run_orchestrate", orchestrated),
        Seam(_FLOW, "_synthesize", synthesized),
        Seam(_FANOUT, "_fresh_synthesis_branch", _then(note_synthesis)),
        Seam(f"{_ORCHESTRATE}._orchestration", "build_worker_branch", _then(note_worker), copied_to=(_FLOW, _FANOUT)),
        Seam("lionagi.engines.engine", "EngineRun.make_agent", _then(note_stage)),
        Seam(_BRANCH, "Branch.__init__", _then(note_branch)),
        Seam(_BRANCH, "Branch.clone", _then(note_clone)),
        Seam(_BRANCH, "Branch.chat", chatted),
        Seam(_MODEL, "iModel.__init__", _then(note_model)),
        Seam(_MODEL, "iModel.create_event", _then(note_event)),
        Seam(_MODEL, "iModel.invoke", invoked),
        Seam(_MODEL, "iModel.stream", streamed),
        Seam("lionagi.service.connections.api_calling", "APICalling._core_invoke", sent),
        Seam("lionagi.operations.node", "Operation._invoke", operated),
    ]
    # Before 0.28 the profiles were read in a module of their own.
    for module in (f"{_CLI}._agents", f"{_CLI}._providers"):
        found.append(Seam(module, "_resolve_profile_path", _then(note_path)))
        found.append(Seam(module, "_parse_profile", _then(note_profile)))
    found.append(Seam(f"{_CLI}._providers", "_resolve_plugin_profile_path", _then(note_path)))
    return found + [Seam(_BRANCH, f"Branch.{name}", stepped) for name in _STEPS]


def _commanded(name: str) -> Wrapper:
    def wrapper(wrapped: Call, _: Any, args: Args, kwargs: Kwargs) -> Any:
        # The command line awaits it in a thread of its own, which has none of this context.
        here = otel.get_current()
        if instruments() is None or context.is_suppressed(here):
            return wrapped(*args, **kwargs)
        command = swallow("lionagi.command", _command, name, wrapped, args, kwargs, here)
        if command is None:
            return wrapped(*args, **kwargs)
        return hear(Visit(partial(_open_command, here, command), command), wrapped, args, kwargs)

    return wrapper


def orchestrated(wrapped: Call, _: Any, args: Args, kwargs: Kwargs) -> Any:
    """Run `li o` or `li play`; what is typed is what is there before a playbook fills in the rest."""
    here = swallow("lionagi.typed", _typed, *args, **kwargs)
    before, token = otel.get_current(), None
    try:
        token = context.attach(here or before)
        return wrapped(*args, **kwargs)
    finally:
        context.leave(token, before)


def stepped(wrapped: Call, branch: Any, args: Args, kwargs: Kwargs) -> Any:
    """Run an operation of a branch; one that another operation of the branch makes is part of that."""
    here = place()
    if instruments() is None or context.is_suppressed() or _is_inside(here, branch):
        return wrapped(*args, **kwargs)
    run = here.run.command if here.run is not None else None
    return along(Visit(partial(_open_step, wrapped, branch, here), run, branch), wrapped, args, kwargs)


def chatted(wrapped: Call, branch: Any, args: Args, kwargs: Kwargs) -> Any:
    """Chat with a branch; that is how a branch has its parse model repair what another operation got."""
    here = place()
    if not swallow("lionagi.chat", _is_repair, here, branch, kwargs):
        return stepped(wrapped, branch, args, kwargs)
    return along(Passage(partial(at, replace(here, is_parsing=True))), wrapped, args, kwargs)


def invoked(wrapped: Call, model: Any, args: Args, kwargs: Kwargs) -> Any:
    """Ask a model; the origins of what it is to use are known to the call below."""
    return hear(_asking(model, args, kwargs), wrapped, args, kwargs)


def streamed(wrapped: Call, model: Any, args: Args, kwargs: Kwargs) -> Any:
    """Ask a model for a stream; each of its steps is made where it was asked for."""
    return along(_asking(model, args, kwargs), wrapped, args, kwargs)


def sent(wrapped: Call, call: Any, args: Args, kwargs: Kwargs) -> Any:
    """Send a call; one that had to wait is sent by whoever finds time, and belongs where it was asked for."""
    asked = swallow("lionagi.sent", asked_from, call)
    return wrapped(*args, **kwargs) if asked is None else along(Passage(lambda: asked), wrapped, args, kwargs)


def operated(wrapped: Call, node: Any, args: Args, kwargs: Kwargs) -> Any:
    """Run a node of a graph; one that a step has set off goes on beside that step, and not inside."""
    return along(Passage(partial(_beside, node)), wrapped, args, kwargs)


def synthesized(wrapped: Call, _: Any, args: Args, kwargs: Kwargs) -> Any:
    """Have the orchestrator's branch sum up."""
    return along(Passage(lambda: at(replace(place(), is_synthesis=True))), wrapped, args, kwargs)


def _then(note: Callable[[Any, Kwargs, Any], None]) -> Wrapper:
    def wrapper(wrapped: Call, owner: Any, args: Args, kwargs: Kwargs) -> Any:
        given = swallow("lionagi.given", given_to, wrapped, args, kwargs)
        if given is None:
            return wrapped(*args, **kwargs)
        if inspect.iscoroutinefunction(wrapped):
            return hear(Noting(partial(note, owner, given)), wrapped, args, kwargs)
        made = wrapped(*args, **kwargs)
        swallow("lionagi.note", note, owner, given, made)
        return made

    return wrapper


def _command(name: str, function: Call, args: Args, kwargs: Kwargs, here: Context) -> Command:
    given = given_to(function, args, kwargs)
    typed = otel.get_value(_typed_key, here)
    if name == "engine":
        given = typed = vars(given["args"])
    read = {word: given[word] for word in _READ & given.keys()}
    return Command("play" if read.get("playbook_name") else name, read, typed if isinstance(typed, Mapping) else None)


def _typed(args: Any) -> Context:
    return otel.set_value(_typed_key, {name: getattr(args, name, None) for name in _TYPED})


def _open_command(here: Context, command: Command, visit: Visit) -> Context:
    before, token = otel.get_current(), None
    try:
        token = context.attach(here)
        return _run_of(command, visit)
    finally:
        context.leave(token, before)


def _run_of(command: Command, visit: Visit) -> Context:
    name, given = command.name, command.given
    is_agent = name == "agent"
    subject = given.get("agent_name") if is_agent else given.get("playbook_name") or given.get("kind")
    entry = EntryPoint(Kind.AGENT if is_agent else Kind.FLEET_DISPATCH, text_of(subject))
    visit.run = Run(entry, None, {"label": _LABELS.get(name, name)}, {"lionagi.command": name})
    return _placed(visit.run, visit, Place(run=visit))


def _open_step(function: Call, branch: Any, here: Place, visit: Visit) -> Context:
    known, summing = about(branch), is_synthesis(here, branch)
    where = replace(here, step=visit, is_synthesis=summing)
    requested = requested_of(spec_of(chosen_for(branch.chat_model, where), where), branch.chat_model.is_cli)
    given = {"conversation": str(branch.id), "provider": requested.provider, "model": requested.model}
    words = {
        "lionagi.operation": function.__name__,
        "lionagi.branch_id": str(branch.id),
        "lionagi.session_id": text_of(str(getattr(branch, "_owning_session_id", None) or "")),
        "lionagi.role": text_of("synthesis" if summing else known.role),
        "lionagi.escalated_from": text_of(here.escalated_from),
    }
    visit.run = run = Run(
        EntryPoint(Kind.AGENT, text_of(branch.name or known.profile)),
        function,
        {name: value for name, value in given.items() if value},
        {name: value for name, value in words.items() if value},
    )
    run.tell(partial(defined, known.definition))
    return _placed(run, visit, where)


def _placed(run: Run, visit: Visit, where: Place) -> Context:
    frame = context.current(run.context)
    run.context = at(where, context.with_frame(replace(frame, tallies=(*frame.tallies, visit.tally)), run.context))
    return run.context


def _is_inside(here: Place, branch: Any) -> bool:
    return here.step is not None and not here.step.has_ended and here.step.branch is branch


def _is_repair(here: Place, branch: Any, kwargs: Kwargs) -> bool:
    return _is_inside(here, branch) and kwargs.get("imodel") is branch.parse_model


def _asking(model: Any, args: Args, kwargs: Kwargs) -> Asking:
    asking = Asking(model)
    call = kwargs.get("api_call", args[0] if args else None)
    if call is not None:
        swallow("lionagi.asking", asking.send, call)
    return asking


def _beside(node: Any) -> Context:
    here = place()
    base = here.run.run.context if here.step is not None and here.run is not None and here.run.run is not None else None
    where = replace(here, step=None if base is not None else here.step)
    told = node.metadata.get("escalated_from_name") or node.metadata.get("escalated_from")
    return at(replace(where, escalated_from=None if told is None else str(told)), base)
