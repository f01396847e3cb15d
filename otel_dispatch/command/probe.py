"""Imports a module in a process of its own, to see whether it has what a seam names.

What is imported may print, hang or leave: none of that reaches the process that asks.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any, Final

from .. import patch
from ..seam import Seam

_SECONDS: Final = 20
_NEXT: Final = "--"
ABSENT: Final = "there is no module "
"""How the reason begins where a module is not there."""

_PARTING: Final = "ModuleNotFoundError: No module named "


def missing_in_each(wanted: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...] | str]:
    """For each module what `missing_in` says; those of one package are imported in one process, which is quicker."""
    words = [word for module, paths in wanted.items() for word in (_NEXT, module, *paths)]
    done = _probe(words)
    if done is not None and done.returncode == 0 and done.stdout:
        found: dict[str, list[str] | str] = json.loads(done.stdout.splitlines()[-1])
        return {name: told if isinstance(told, str) else tuple(told) for name, told in found.items()}
    return {module: missing_in(module, paths) for module, paths in wanted.items()}


def missing_in(module: str, paths: Sequence[str]) -> tuple[str, ...] | str:
    """Those of *paths* that *module* does not have; or why it cannot be imported, in a few words."""
    done = _probe([_NEXT, module, *paths])
    if done is None:
        return f"importing it took more than {_SECONDS} s"
    if done.returncode == 0 and done.stdout:
        found: list[str] | str = json.loads(done.stdout.splitlines()[-1])[module]
        return found if isinstance(found, str) else tuple(found)
    return _reason(module, done.stderr)


def main(arguments: Sequence[str]) -> int:
    """Import the module that stands first in each group, and print, as JSON, which of the group it does not have."""
    groups = [group.split("\n") for group in "\n".join(arguments).removeprefix(f"{_NEXT}\n").split(f"\n{_NEXT}\n")]
    print(json.dumps({module: _missing(module, paths) for module, *paths in groups}))
    return 0


def _missing(module: str, paths: Sequence[str]) -> list[str] | str:
    try:
        with redirect_stdout(sys.stderr):
            loaded = import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise
        return f"{ABSENT}{error.name}"
    return [path for path in paths if not patch.resolves(Seam(module, path, _nothing), loaded)]


def _probe(words: Sequence[str]) -> "subprocess.CompletedProcess[str] | None":
    command = [sys.executable, "-m", __name__, *words]
    env = {name: value for name, value in os.environ.items() if name != "DISPATCH_OTEL"}
    try:
        return subprocess.run(  # noqa: S603 - our own module, and arguments that no shell reads
            command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None


def _nothing(wrapped: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return wrapped(*args, **kwargs)


def _reason(module: str, stderr: str) -> str:
    # The message of an error may quote anything, so of the last line only the type is told.
    last = stderr.rstrip().rpartition("\n")[2]
    absent = last.removeprefix(_PARTING).split(";")[0].strip("'\" ")
    if last.startswith(_PARTING) and f"{module}.".startswith(f"{absent}."):
        return f"{ABSENT}{absent}"
    kind = last.partition(":")[0].strip()
    is_raised = "Traceback (most recent call last)" in stderr and kind.replace(".", "").isidentifier()
    return f"importing it raises {kind}" if is_raised else "importing it ends the process"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
