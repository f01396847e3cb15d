"""Print the hash of definition files, as it stands on the spans of the agents that they define."""

from argparse import ArgumentParser, Namespace

from ..definition import hash_of, reason_of
from ..legible import LINE, clean
from ..recordfile import UnreadableError
from . import DONE


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what ``hash`` takes."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a skill, recipe or agent file")


def run(arguments: Namespace) -> int:
    """Print a line for each file: its hash, two spaces, its path as given."""
    for path in arguments.files:
        try:
            print(f"{hash_of(path)}  {clean(path, LINE)}")
        except (OSError, ValueError) as error:
            raise UnreadableError(f"{path} cannot be read: {reason_of(error)}.") from error
    return DONE
