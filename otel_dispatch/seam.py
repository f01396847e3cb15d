"""The declaration of a seam: which attribute of which module is wrapped, and with what. Data only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""wrapt's form: (wrapped, instance, args, kwargs) → result."""


@dataclass(frozen=True, slots=True)
class Seam:
    """A place where we listen: ``Client.send`` of the module ``httpx``, say.

    ``told_by`` names, in the words of the user, what asked for the seam; a seam that the user asked for and that is
    not there is worth a warning, one of ours is not. ``copied_to`` names the modules that have a name of their own for
    what lies at the seam (``from httpx import send``): those that are loaded already are given ours, too.
    """

    module: str
    path: str
    wrapper: Wrapper
    told_by: str | None = None
    copied_to: tuple[str, ...] = ()
