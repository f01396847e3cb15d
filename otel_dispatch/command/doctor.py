"""Tell what is observed in this environment, where spans go and whether they arrive; exit with 1 if they do not."""

import json
import os
import site
import stat
import sys
import sysconfig
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from .. import _boot, recordfile, sdk
from . import DONE, FOUND_WRONG
from .destination import GRPC, Destination, Word, answer_of, destination
from .finding import Finding, State
from .table import Cell, show

_START_FILE: Final = "zz_otel_dispatch.pth"
_SWITCH: Final = "DISPATCH_OTEL"
_OFF: Final = ("", "0", "false", "no", "off")
_STYLES: Final = {State.OK: "green", State.NOTE: "dim", State.WRONG: "bold red"}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what ``doctor`` takes."""
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(arguments: Namespace) -> int:
    """Look at everything and print what was found."""
    found = findings()
    wrong = sum(finding.state is State.WRONG for finding in found)
    if arguments.json:
        print(json.dumps({"ok": not wrong, "findings": [asdict(finding) for finding in found]}, indent=2))
    else:
        _print(found)
        print("\nAll is well." if not wrong else f"\n{wrong} thing{'s are' if wrong > 1 else ' is'} wrong.")
    return FOUND_WRONG if wrong else DONE


def findings() -> list[Finding]:
    """Everything that is found."""
    early = frozenset(sys.modules)
    # Only now: what `--help` needs not, it does not import.
    from .listeners import libraries, of_dialects, of_guests, of_hosts, of_transports
    from .neighbours import of_neighbours

    checks: tuple[Callable[[], list[Finding]], ...] = (
        lambda: _of_start(early.intersection(libraries())),
        of_transports,
        of_hosts,
        of_guests,
        of_dialects,
        of_neighbours,
        _of_spans,
        _of_record_file,
    )
    return [finding for check in checks for finding in check()]


def is_switched_on() -> bool:
    """Whether the user asked for observation in this environment."""
    return _switch() in _boot.ON


def _print(found: list[Finding]) -> None:
    rows, part = [], None
    for finding in found:
        head = finding.part if finding.part != part else ""
        part = finding.part
        style = _STYLES[finding.state]
        rows.append((Cell(head, "bold"), Cell(finding.what), Cell(finding.state, style), Cell(finding.detail)))
    show(("part", "what", "state", "detail"), rows)


def _switch() -> str:
    return os.environ.get(_SWITCH, "").strip().lower()


def _of_start(early: frozenset[str]) -> list[Finding]:
    where = _start_file()
    absent = State.WRONG if is_switched_on() else State.NOTE
    return [
        Finding("start-up", _START_FILE, State.OK, f"in {where.parent}")
        if where is not None
        else Finding("start-up", _START_FILE, absent, "not in site-packages: only instrument() in code switches on"),
        _of_switch(),
        Finding("start-up", "imported before", State.NOTE, ", ".join(sorted(early)) or "none of what we listen to"),
    ]


def _start_file() -> Path | None:
    # A file in a folder that Python does not look through at its start is not run.
    users = (site.getusersitepackages(),) if site.ENABLE_USER_SITE else ()
    folders = () if sys.flags.no_site else (*site.getsitepackages(), *users, sysconfig.get_path("purelib"))
    return next((file for folder in folders if (file := Path(folder) / _START_FILE).is_file()), None)


def _of_switch() -> Finding:
    if is_switched_on():
        return Finding("start-up", _SWITCH, State.OK, "set: every Python program here is observed")
    if _switch() in _OFF:
        return Finding("start-up", _SWITCH, State.NOTE, f"not set: {_SWITCH}=1 switches on, as instrument() does")
    return Finding("start-up", _SWITCH, State.WRONG, f"set to none of {', '.join(_boot.ON)}: it does nothing")


def _of_spans() -> list[Finding]:
    where = destination()
    found = [_of_exporter(name, where) for name in where.exporters]
    if not found:
        found = [Finding("spans", "exporter", State.NOTE, "none, as OTEL_TRACES_EXPORTER says")]
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        found.append(Finding("spans", "OTEL_SDK_DISABLED", State.NOTE, "true: nothing is made or sent"))
    return [*found, *_of_overrides()]


def _of_exporter(name: str, where: Destination) -> Finding:
    if name == "otlp":
        return _of_otlp(where)
    if name == "console":
        return Finding("spans", name, State.OK, "printed to stderr")
    if next(iter(entry_points(group="opentelemetry_traces_exporter", name=name)), None) is None:
        return Finding("spans", name, State.WRONG, "there is no such exporter")
    return Finding("spans", name, State.OK, "installed")


def _of_otlp(where: Destination) -> Finding:
    answer = answer_of(where)
    protocol = where.protocol if where.protocol != GRPC else "gRPC"
    if where.asked_protocol != where.protocol:
        protocol += f" ({where.asked_protocol} is not supported)"
    told = f"over {protocol} to {where.origin}, which {answer}"
    if answer.word is Word.ANSWERS:
        return Finding("spans", "otlp", State.OK, told)
    return Finding("spans", "otlp", State.WRONG if is_switched_on() else State.NOTE, told)


def _of_overrides() -> list[Finding]:
    # Names only: a value may be a header.
    names = sorted(name for name in os.environ if name.startswith(sdk.PREFIX))
    return [
        Finding("spans", name, State.NOTE, f"set: it stands for OTEL_{name.removeprefix(sdk.PREFIX)}")
        for name in names
        if name.removeprefix(sdk.PREFIX) not in sdk.OURS
    ]


def _of_record_file() -> list[Finding]:
    path = os.environ.get(recordfile.VARIABLE, "")
    if not path:
        return [Finding("records", "file", State.NOTE, f"{recordfile.VARIABLE} names none")]
    why = _unwritable(Path(path))
    told = f"{path} cannot be written: {why}" if why else f"{path} can be written"
    return [Finding("records", "file", State.WRONG if why else State.OK, told)]


def _unwritable(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not path.parent.is_dir():
            return f"there is no folder {path.parent}"
        return None if os.access(path.parent, os.W_OK | os.X_OK) else "its folder may not be written to"
    except OSError as error:
        return error.strerror or type(error).__name__
    if not stat.S_ISREG(mode):
        return "it is not a regular file"
    return None if os.access(path, os.W_OK) else "it may not be written to"
