"""Imports a module in a process of its own, to see whether it has what a seam names.

What is imported may print, hang or leave: none of that reaches the process that asks.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any, Final

from .. import patch
from ..seam import Seam

_SECONDS: Final = 20
_PARTING: Final = "ModuleNotFoundError: No module named "


def missing_in(module: str, paths: Sequence[str]) -> tuple[str, ...] | str:
    """Those of *paths* that *module* does not have; or why it cannot be imported, in a few words."""
    command = [sys.executable, "-m", __name__, module, *paths]
    env = {name: value for name, value in os.environ.items() if name != "DISPATCH_OTEL"}
    try:
        done = subprocess.run(  # noqa: S603 - our own module, and arguments that no shell reads
            command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"importing it took more than {_SECONDS} s"
    if done.returncode == 0 and done.stdout:
        found: list[str] = json.loads(done.stdout.splitlines()[-1])
        return tuple(found)
    return _reason(module, done.stderr)


def main(arguments: Sequence[str]) -> int:
    """Import the first of *arguments* and print, as JSON, which of the others it does not have."""
    module, *paths = arguments
    with redirect_stdout(sys.stderr):
        loaded = import_module(module)
    print(json.dumps([path for path in paths if not patch.resolves(Seam(module, path, _nothing), loaded)]))
    return 0


def _nothing(wrapped: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return wrapped(*args, **kwargs)


def _reason(module: str, stderr: str) -> str:
    # The message of an error may quote anything, so of the last line only the type is told.
    last = stderr.rstrip().rpartition("\n")[2]
    absent = last.removeprefix(_PARTING).split(";")[0].strip("'\" ")
    if last.startswith(_PARTING) and f"{module}.".startswith(f"{absent}."):
        return f"there is no module {absent}"
    kind = last.partition(":")[0].strip()
    is_raised = "Traceback (most recent call last)" in stderr and kind.replace(".", "").isidentifier()
    return f"importing it raises {kind}" if is_raised else "importing it ends the process"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
