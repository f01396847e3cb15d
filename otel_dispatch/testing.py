"""For your own tests: the dispatches that a program makes, as records to assert on; nothing has to be set up.

``with recorded() as records`` observes the block; `assert_none_inherited` fails where nobody chose what was used.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from . import activate, context, publish
from .keeper import keeper
from .record import Names, Primary, Provenance, Requested, Rollup, Thinking, Usage
from .records import Record, Records
from .unexported import providers

__all__ = [
    "Names",
    "Primary",
    "Provenance",
    "Record",
    "Records",
    "Requested",
    "Rollup",
    "Thinking",
    "Usage",
    "assert_none_inherited",
    "dispatch_records",
    "recorded",
]

SECONDS: Final = 2.0
"""How long the end of a block waits for what is still being told on a thread of ours."""


@contextmanager
def recorded() -> Iterator[Records]:
    """A block whose dispatches are recorded, on every thread of this process.

    Where nothing is switched on, it is for the block, and the originals are put back at its end, where what is still
    under way ends as ``cancelled``. Nothing is exported, except to a tracer provider that the test itself has set.
    Where it is switched on already, all goes on as it was, and the block listens only.
    """
    records = Records()
    with ExitStack() as stack:
        publish.listeners.append(records.hear)
        stack.callback(publish.listeners.remove, records.hear)
        _enter()
        stack.callback(_leave)
        # What `resolve` notes in the block is forgotten with it.
        stack.callback(context.detach, context.attach(context.with_frame(context.current())))
        yield records


def dispatch_records() -> Iterator[Records]:
    """The body of a fixture: ``dispatch_records = pytest.fixture(testing.dispatch_records)`` in a ``conftest.py``."""
    with recorded() as records:
        yield records


def assert_none_inherited(records: Iterable[Record]) -> None:
    """Raise `AssertionError`, which names each field that nobody chose, and where there is no record at all.

    A run is named only where no call below it is.
    """
    told = list(records)
    if not told:
        raise AssertionError("no dispatch was recorded, so nothing can be said of what was inherited")
    found = [record for record in told if record.inherited_fields]
    explained = {record.entry_id for record in found}
    lines = [f"  {_complaint(record, told)}" for record in found if record.span_id not in explained]
    if lines:
        raise AssertionError("nobody chose what was used here:\n" + "\n".join(lines))


class _Switch:
    """Switched on by the first block that finds it off, and off by the last that ends."""

    lock = threading.Lock()
    blocks = 0
    is_ours = False


def _enter() -> None:
    with _Switch.lock:
        if not activate.is_on():
            _Switch.is_ours = True
            activate.instrument(**providers())
        _Switch.blocks += 1


def _leave() -> None:
    with _Switch.lock:
        _Switch.blocks -= 1
        if _Switch.is_ours and not _Switch.blocks:
            _Switch.is_ours = False
            activate.uninstrument()
    # What a garbage collection has ended is told on a thread of ours.
    keeper.finish(_nothing, SECONDS)


def _nothing() -> None:
    """Do nothing: that it was done says that all before it was."""


def _complaint(record: Record, told: Sequence[Record]) -> str:
    values = {"thinking": record.thinking.label}
    fields = ", ".join(f"{name} {values.get(name) or getattr(record, name)}" for name in record.inherited_fields)
    above = next((entry.name for entry in told if entry.span_id == record.entry_id), None)
    return f"{record.name}: {fields} is inherited_from_primary" + (f" (below {above})" if above else "")
