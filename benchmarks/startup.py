"""What a Python process pays before its first line: without us, with us installed, and switched on."""

import os
import random
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from .race import low

_TELEMETRY: Final = frozenset({"opentelemetry", "wrapt"})
_CLIENTS: Final = frozenset({"anthropic", "httpx", "httpx2", "openai"})
_STEERING: Final = ("DISPATCH_OTEL", "OTEL_", "PYTHON")


@dataclass(frozen=True)
class Start:
    """One way to start Python, what that took, and which of the packages in question it imported."""

    name: str
    median_ms: float
    p10_ms: float
    modules: int
    loaded: tuple[str, ...]


@dataclass(frozen=True)
class _Lane:
    name: str
    python: str
    switch: str | None = None
    code: str = "pass"


def starts(rounds: int) -> list[Start]:
    """Start each lane *rounds* times, in a new order each round."""
    with tempfile.TemporaryDirectory() as folder:
        lanes = _lanes(Path(folder))
        taken: dict[str, list[float]] = {lane.name: [] for lane in lanes}
        for lane in lanes:
            _run(lane, folder)
        order = random.Random(1)
        for _ in range(rounds):
            for lane in order.sample(lanes, len(lanes)):
                began = time.perf_counter()
                _run(lane, folder)
                taken[lane.name].append((time.perf_counter() - began) * 1e3)
        return [_told(lane, taken[lane.name], _modules(lane, folder)) for lane in lanes]


def facts(found: Sequence[Start]) -> dict[str, bool]:
    """What start-up promises, and whether it was so."""
    loaded = {start.name: set(start.loaded) for start in found}
    return {
        "unset imports nothing of ours": not loaded["unset"] & {"otel_dispatch", *_TELEMETRY},
        "set imports us": "otel_dispatch" in loaded["set"],
        "set alone imports no client library and no telemetry": not loaded["set"] & (_CLIENTS | _TELEMETRY),
    }


def _lanes(folder: Path) -> list[_Lane]:
    bare = folder / "bare"
    venv.EnvBuilder(symlinks=os.name != "nt").create(bare)
    python = bare / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return [
        _Lane("not installed", str(python)),
        _Lane("unset", sys.executable),
        _Lane("set", sys.executable, "1"),
        _Lane("unset, import openai", sys.executable, None, "import openai"),
        _Lane("set, import openai", sys.executable, "1", "import openai"),
    ]


def _run(lane: _Lane, folder: str, code: str = "") -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_STEERING)}
    if lane.switch is not None:
        environ["DISPATCH_OTEL"] = lane.switch
    command = [lane.python, "-c", code or lane.code]
    done = subprocess.run(command, cwd=folder, env=environ, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def _modules(lane: _Lane, folder: str) -> list[str]:
    return _run(lane, folder, f"{lane.code}\nimport sys\nprint(*sys.modules)").split()


def _told(lane: _Lane, taken: list[float], modules: list[str]) -> Start:
    roots = {name.partition(".")[0] for name in modules}
    loaded = tuple(sorted(roots & {"otel_dispatch", *_TELEMETRY, *_CLIENTS}))
    return Start(lane.name, median(taken), low(taken), len(modules), loaded)
