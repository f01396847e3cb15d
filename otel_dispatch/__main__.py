"""The command line: ``otel-dispatch COMMAND``, each command a file of the folder ``command``."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from .command import MISUSED, UsageError
from .legible import LINE, clean
from .recordfile import UnreadableError
from .version import __version__

_COMMANDS = {
    "demo": "run a small agent host against a local provider, and see what is recorded",
    "audit": "tell what was inherited or failed, for a CI job: by entry, field, provider and model",
    "runs": "show the runs that a record file, a Jaeger or a Tempo holds",
    "show": "show one run as a tree of its steps",
    "explain": "tell what a call would dispatch, without sending it",
    "import-harn": "tell the model calls of harn's transcripts as spans or records",
    "hash": "print the hash of an agent's definition file",
    "doctor": "tell what is observed in this environment, and whether spans arrive",
}


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(MISUSED, f"otel-dispatch: {clean(message, LINE)} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that *argv* (the process's own where None) names; give its exit code."""
    # A model's name need not fit the terminal's encoding.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except (UsageError, UnreadableError) as error:
        sys.stderr.write(f"otel-dispatch: {clean(str(error), LINE)}\n")
        return MISUSED
    except BrokenPipeError:
        # `| head` has what it wanted; what the interpreter still flushes at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="otel-dispatch",
        description="Which provider and model did this agent step really use, where from, and what came back?",
    )
    parser.add_argument("--version", action="version", version=f"otel-dispatch {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in _COMMANDS.items():
        command = import_module(f".command.{name.replace('-', '_')}", __package__)
        mine = commands.add_parser(name, help=summary, description=command.__doc__)
        command.add_arguments(mine)
        mine.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
