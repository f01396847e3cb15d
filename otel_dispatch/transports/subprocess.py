"""Programs that start ``claude`` or ``codex`` themselves: `subprocess`, and asyncio's and anyio's processes over it.

A process is started by `Popen` whoever asks for it, asyncio, anyio and trio included. What it says is overheard where
`communicate`, the file object of a pipe, or asyncio's transport hands it over; a host that reads the descriptor by
itself, and trio, are not overheard, and then only the exit code tells. uvloop starts processes in C, unseen.
"""

import os
import signal as signals
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

from ..argv import may_be_program
from ..guard import guarded, swallow
from ..instruments import is_armed
from ..launch import Launch, begin
from ..pipes import Watch, overhear
from ..seam import Seam

# The parameters of Popen that matter, and their places among its positional arguments.
_PLACES: Final = {"args": 0, "bufsize": 1, "executable": 2, "shell": 8, "cwd": 9, "env": 10}

_watched: "WeakKeyDictionary[Any, Watch]" = WeakKeyDictionary()


def start(wrapped: Callable[..., None], process: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Watch `Popen.__init__`; only the environment of an agent program is another than without us."""
    launch = _launch(args, kwargs) if is_armed() else None
    if launch is None:
        return wrapped(*args, **kwargs)
    args, kwargs = swallow("subprocess.start", _with_env, args, kwargs, launch.env) or (args, kwargs)
    token = None
    try:
        token = launch.enter()
        wrapped(*args, **kwargs)
    except BaseException as error:
        launch.fail(error)
        raise
    finally:
        launch.leave(token)
    if swallow("subprocess.start", _watch, process, launch, _given(args, kwargs, "bufsize")) is None:
        launch.abandon()
    return None


def communicate(wrapped: Callable[..., Any], process: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Watch `Popen.communicate`, whose result is all of stdout that was not read before."""
    watch = _watched.get(process) if _watched else None
    if watch is None:
        return wrapped(*args, **kwargs)
    heard = watch.handing()
    try:
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        watch.timed_out(error)
        raise
    watch.communicated(result, heard)
    return result


def poll(wrapped: Callable[..., Any], process: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Watch `Popen._wait` and `Popen._internal_poll`, one of which every way to learn the exit code goes through."""
    watch = _watched.get(process) if _watched else None
    if watch is None or watch.is_gone:
        return wrapped(*args, **kwargs)
    is_told = swallow("subprocess.poll", _is_told, process)
    try:
        return wrapped(*args, **kwargs)
    except BaseException as error:
        watch.timed_out(error)
        raise
    finally:
        if is_told or process.returncode != 0:
            watch.exited(process.returncode)
        else:
            watch.gone()


def signal(wrapped: Callable[..., Any], process: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Watch `send_signal` of a process or of asyncio's transport: who ends a program is its launcher."""
    result = wrapped(*args, **kwargs)
    watch = _of(process) if _watched else None
    if watch is not None:
        watch.signalled(args[0] if args else kwargs.get("sig", kwargs.get("signal")))
    return result


def data(wrapped: Callable[..., Any], transport: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Watch what asyncio has read from a pipe, before its reader gets it."""
    watch = _of(transport) if _watched and args[:1] == (1,) else None
    if watch is not None:
        watch.piece(args[1])
    return wrapped(*args, **kwargs)


def lost(wrapped: Callable[..., Any], transport: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Watch the end of a pipe that asyncio reads."""
    watch = _of(transport) if _watched and args[:1] == (1,) else None
    if watch is not None:
        watch.ended()
    return wrapped(*args, **kwargs)


def left(wrapped: Callable[..., Any], transport: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Watch the exit that asyncio was told of."""
    watch = _of(transport) if _watched else None
    if watch is not None and args:
        watch.exited(args[0])
    return wrapped(*args, **kwargs)


def _is_told(process: Any) -> bool:
    """Whether the system will tell the exit code of *process*; where it will not, `Popen` makes up a 0.

    So it is where a program ignores SIGCHLD, and where asyncio has taken the code to a loop that is closed.
    """
    if process.returncode is not None or not hasattr(os, "waitid"):
        return True
    if signals.getsignal(signals.SIGCHLD) is signals.SIG_IGN:
        return False
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


@guarded
def _launch(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Launch | None:
    words = _given(args, kwargs, "args")
    is_line = isinstance(words, str | bytes | os.PathLike)
    if not is_line and not (isinstance(words, list | tuple) and words):
        # An iterator cannot be looked into without taking it from the host.
        return None
    shell, executable = _given(args, kwargs, "shell"), _given(args, kwargs, "executable")
    first = words if is_line else words[0]
    if shell:
        argv: Any = os.fsdecode(first)
    elif is_line:
        argv = os.fsdecode(words) if os.name == "nt" else [os.fsdecode(words)]
    elif not may_be_program(os.fsdecode(executable or first)):
        return None
    else:
        argv = [os.fsdecode(executable or first), *map(os.fsdecode, words[1:])]
    return begin(argv, _given(args, kwargs, "env"), _given(args, kwargs, "cwd"))


def _given(args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> Any:
    place = _PLACES[name]
    return args[place] if len(args) > place else kwargs.get(name)


def _with_env(
    args: tuple[Any, ...], kwargs: dict[str, Any], env: dict[str, str]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    place = _PLACES["env"]
    if len(args) > place:
        return (*args[:place], env, *args[place + 1 :]), kwargs
    return args, {**kwargs, "env": env}


def _watch(process: Any, launch: Launch, bufsize: Any) -> Watch:
    watch = _watched[process] = Watch(launch, process.stdout is not None)
    if watch.is_piped:
        swallow("subprocess.overhear", overhear, process, watch, bufsize)
    return watch


@guarded
def _of(either: Any) -> Watch | None:
    # asyncio's transport holds the process, and lets go of it when all is over.
    process = getattr(either, "_proc", either)
    return None if process is None else _watched.get(process)


SEAMS = (
    Seam("subprocess", "Popen.__init__", start),
    Seam("subprocess", "Popen.communicate", communicate),
    Seam("subprocess", "Popen._wait", poll),
    Seam("subprocess", "Popen._internal_poll", poll),
    Seam("subprocess", "Popen.send_signal", signal),
    Seam("asyncio.base_subprocess", "BaseSubprocessTransport._pipe_data_received", data),
    Seam("asyncio.base_subprocess", "BaseSubprocessTransport._pipe_connection_lost", lost),
    Seam("asyncio.base_subprocess", "BaseSubprocessTransport._process_exited", left),
    Seam("asyncio.base_subprocess", "BaseSubprocessTransport.send_signal", signal),
)
