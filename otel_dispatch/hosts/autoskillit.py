"""AutoSkillit: its three tools as entries, its sessions' layers as provenance, its runner's `claude` and `codex`."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from opentelemetry import context as otel
from opentelemetry.context import Context

from .. import autoskillit_words as said
from .. import baton, context, launch
from ..argv import program_in
from ..autoskillit_layers import Session, session_of
from ..autoskillit_visits import Visit
from ..drive import drive_coroutine
from ..entry import EntryPoint, open_run
from ..guard import succeeds, swallow
from ..record import Requested
from ..seam import Seam
from ..vocabulary import Kind, OutcomeClass

Call = Callable[..., Any]
Given = dict[str, Any]

_TOOLS: Final = {
    "run_skill": Kind.RUN_SKILL,
    "report_bug": Kind.REPORT_BUG,
    "dispatch_food_truck": Kind.FLEET_DISPATCH,
}
# AutoSkillit ends a session itself for these reasons, each of them a kind of waiting too long.
_OVERDUE: Final = frozenset({"timed_out", "idle_stall", "stale", "health_inspector"})
_UNKNOWN_CODE: Final = -1

_VISIT: Final = otel.create_key("otel_dispatch.autoskillit.visit")
_SESSION: Final = otel.create_key("otel_dispatch.autoskillit.session")


def seams() -> list[Seam]:
    """Where FastMCP's middleware begins on AutoSkillit's own server, the executor's two ways, and the runner."""
    return [
        Seam("autoskillit.server", "mcp.call_tool", tool_called),
        Seam("autoskillit.execution.headless", "DefaultHeadlessExecutor.run", skill_run),
        Seam("autoskillit.execution.headless", "DefaultHeadlessExecutor.dispatch_food_truck", truck_sent),
        Seam("autoskillit.execution.process", "DefaultSubprocessRunner.__call__", program_run),
    ]


def tool_called(wrapped: Call, _: Any, args: tuple[Any, ...], kwargs: Given) -> Any:
    """Call a tool; one of the three that start sessions is an entry."""
    kind = _TOOLS.get(kwargs.get("name", args[0] if args else ""))
    # FastMCP calls itself once more behind its middleware.
    if kind is None or kwargs.get("run_middleware") is False:
        return wrapped(*args, **kwargs)
    return _visited(kind, wrapped, args, kwargs)


def skill_run(wrapped: Call, executor: Any, args: tuple[Any, ...], kwargs: Given) -> Any:
    """Run a session of a skill."""
    return _sessioned(Kind.RUN_SKILL, executor, wrapped, args, kwargs)


def truck_sent(wrapped: Call, executor: Any, args: tuple[Any, ...], kwargs: Given) -> Any:
    """Run a session of a fleet."""
    return _sessioned(Kind.FLEET_DISPATCH, executor, wrapped, args, kwargs)


def program_run(wrapped: Call, _: Any, args: tuple[Any, ...], kwargs: Given) -> Any:
    """Run a program; the launch of an agent program is a span, and its child learns where it belongs."""
    argv = kwargs.get("cmd", args[0] if args else ())
    if swallow("autoskillit.program", program_in, argv) is None:
        return wrapped(*args, **kwargs)
    return _launched(argv, wrapped, args, kwargs)


async def _visited(kind: Kind, wrapped: Call, args: tuple[Any, ...], kwargs: Given) -> Any:
    given = kwargs.get("arguments", args[1] if len(args) > 1 else None)
    visit = swallow("autoskillit.tool", _visit, kind, given if isinstance(given, Mapping) else {})
    if visit is None:
        return await wrapped(*args, **kwargs)
    return await _drive(visit, partial(_answered, visit, wrapped), args, kwargs)


async def _answered(visit: Visit, wrapped: Call, *args: Any, **kwargs: Any) -> Any:
    try:
        result = await wrapped(*args, **kwargs)
    except BaseException as error:
        swallow("autoskillit.denial", visit.note_denial, error)
        raise
    swallow("autoskillit.answer", visit.note_answer, result)
    return result


async def _sessioned(kind: Kind, executor: Any, wrapped: Call, args: tuple[Any, ...], kwargs: Given) -> Any:
    above = otel.get_value(_VISIT)
    above = above if isinstance(above, Visit) else None
    visit = above if above is not None and not above.is_left else None
    visit = visit or swallow("autoskillit.session", _visit_of_session, kind, above, args, kwargs)
    if visit is None:
        return await wrapped(*args, **kwargs)
    session = swallow("autoskillit.layers", _session, visit, executor, kwargs)
    inside = partial(_in_session, visit, session, wrapped)
    return await (inside(*args, **kwargs) if visit is above else _drive(visit, inside, args, kwargs))


async def _in_session(visit: Visit, session: Session | None, wrapped: Call, *args: Any, **kwargs: Any) -> Any:
    visit.sessions += 1
    before, token = context.here(), None
    try:
        token = context.attach(swallow("autoskillit.context", _inner, session) or before)
        result = await wrapped(*args, **kwargs)
    except BaseException as error:
        visit.error = error
        raise
    finally:
        context.leave(token, before)
    swallow("autoskillit.result", visit.note_result, session, result)
    return result


async def _launched(argv: Any, wrapped: Call, args: tuple[Any, ...], kwargs: Given) -> Any:
    cwd = kwargs.get("cwd", args[1] if len(args) > 1 else None)
    started = swallow("autoskillit.launch", _launch, argv, kwargs.get("env"), cwd)
    if started is None:
        return await wrapped(*args, **kwargs)
    token = None
    try:
        token = started.enter()
        result = await wrapped(*args, **{**kwargs, "env": started.env})
    except BaseException as error:
        started.fail(error)
        raise
    finally:
        started.leave(token)
    if not succeeds(_land, started, result):
        started.lose()
    return result


async def _drive(visit: Visit, function: Call, args: tuple[Any, ...], kwargs: Given) -> Any:
    return await drive_coroutine(visit.run, EntryPoint(visit.kind), function, args, kwargs)


def _visit(kind: Kind, arguments: Mapping[str, Any]) -> Visit | None:
    words = said.words_of_tool(kind, arguments)
    run = open_run(EntryPoint(kind), said.names_of_tool(kind, arguments), words, _caller())
    # A bug report that blocks nobody goes on in a task of its own, after its tool has answered.
    is_left = kind is Kind.REPORT_BUG and arguments.get("severity") != "blocking"
    return None if run is None else _placed(Visit(run, kind, arguments, is_left))


def _visit_of_session(kind: Kind, above: Visit | None, args: tuple[Any, ...], kwargs: Given) -> Visit | None:
    arguments = {"model": kwargs.get("model"), "step_name": kwargs.get("step_name")}
    if kind is Kind.RUN_SKILL:
        arguments["skill_command"] = kwargs.get("skill_command", args[0] if args else None)
        is_report = above is not None or said.skill_in(arguments["skill_command"]) == said.REPORT
        kind = Kind.REPORT_BUG if is_report else kind
    run = open_run(EntryPoint(kind), said.names_of_tool(kind, arguments))
    return None if run is None else _placed(Visit(run, kind, {} if above is None else above.arguments))


def _placed(visit: Visit) -> Visit:
    visit.run.context = otel.set_value(_VISIT, visit, visit.run.context)
    return visit


def _caller() -> Context | None:
    module = sys.modules.get("mcp.server.lowlevel.server")
    request = getattr(module, "request_ctx", None)
    return None if request is None else baton.caller_in(getattr(request.get(None), "meta", None))


def _session(visit: Visit, executor: Any, kwargs: Given) -> Session:
    ctx = getattr(executor, "_ctx", None)
    session = session_of(getattr(ctx, "config", None), said.asked_of(visit.kind, visit.arguments, kwargs))
    visit.run.tell(
        partial(said.with_request, session), said.words_of_session(session, getattr(ctx, "kitchen_id", None), kwargs)
    )
    return session


def _inner(session: Session | None) -> Context:
    if session is None:
        return context.here()
    frame = context.current()
    inside = context.with_frame(replace(frame, requested=said.requested_in(session, frame.requested)))
    return otel.set_value(_SESSION, session, inside)


def _launch(argv: Any, env: Mapping[str, str] | None, cwd: Any) -> launch.Launch | None:
    session = otel.get_value(_SESSION)
    origins = session.origins(list(argv), env or {}) if isinstance(session, Session) else {}
    with context.provenance(origins):
        started = launch.begin(argv, env, cwd)
    if started is not None:
        started.env = swallow("autoskillit.env", _handed_on, started) or started.env
    return started


def _handed_on(started: launch.Launch) -> dict[str, str]:
    # What this session was asked for, and which layers decided, says nothing of the sessions that its child starts.
    with context.Scope(lambda frame: replace(frame, requested=Requested())):
        return baton.hand_on(started.env, started.span)


def _land(started: launch.Launch, result: Any) -> None:
    started.hear(result.stdout)
    if str(result.termination) in _OVERDUE:
        started.stop(OutcomeClass.TIMEOUT)
    # AutoSkillit writes -1 where it does not know the code.
    started.exited(None if result.returncode == _UNKNOWN_CODE else result.returncode)
