"""What ``doctor`` finds of transports, hosts and dialects: what is listened to here, and whether it is there."""

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec
from typing import Final

from .. import _registry, dialects, hosts, transports
from ..guard import log
from ..hosts import program
from ..seam import Seam
from ..vocabulary import ENTRY_KINDS
from .finding import Finding, State
from .probe import ABSENT, missing_in, missing_in_each

_HOSTS: Final = "hosts"
_ENTRIES: Final = "entry points"


def libraries() -> list[str]:
    """The top-level modules that a transport listens to."""
    return sorted({_top(seam.module) for seam in transports.seams()})


def of_transports() -> list[Finding]:
    """A finding for each module that a transport listens to."""
    return _of_modules("transports", transports.seams())


def of_hosts() -> list[Finding]:
    """A finding for each module that a host listens to, and for each entry that the user names."""
    with _quietly():
        seams = hosts.seams()
        # What waits for the main script's functions would wait for ours.
        hosts.stop()
    mine = [seam for seam in seams if seam.told_by is None]
    names = ", ".join(host.__name__.rpartition(".")[2] for host in hosts.hosts())
    return [Finding(_HOSTS, "found", State.OK, names), *_of_modules(_HOSTS, mine), *_of_entries(seams)]


def of_guests() -> list[Finding]:
    """A finding for each host that another distribution registers."""
    return [_of_guest(library, host) for library, found in _registry.registered().items() for host in found]


def of_dialects() -> list[Finding]:
    """A finding for each wire format that is read."""
    return [
        Finding("dialects", dialect.name, State.OK, f"{dialect.wire_format} at {', '.join(dialect.endings)}")
        for dialect in dialects.dialects()
    ]


def _of_modules(part: str, seams: Iterable[Seam]) -> list[Finding]:
    paths: dict[str, list[str]] = {}
    for seam in seams:
        paths.setdefault(seam.module, []).append(seam.path)
    versions = metadata.packages_distributions()
    packages: dict[str, dict[str, list[str]]] = {}
    for module in sorted(paths):
        packages.setdefault(_top(module), {})[module] = paths[module]
    with ThreadPoolExecutor(4) as pool:
        probed = pool.map(lambda top: missing_in_each(packages[top]) if find_spec(top) else {}, packages)
        missing = {module: told for each in probed for module, told in each.items()}
    return [_of_module(part, module, paths[module], missing.get(module, ()), versions) for module in sorted(paths)]


def _of_guest(library: str, host: str) -> Finding:
    # Not imported: a host comes after its library, which this process has no need of.
    if not _is_there(host):
        return Finding(_HOSTS, library, State.WRONG, f"its host {host} cannot be found")
    if not _is_there(library):
        return Finding(_HOSTS, library, State.NOTE, f"not installed; its host would be {host}")
    return Finding(_HOSTS, library, State.OK, f"its host is {host}, of another distribution")


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _of_module(
    part: str, module: str, paths: list[str], missing: tuple[str, ...] | str, distributions: Mapping[str, list[str]]
) -> Finding:
    top = _top(module)
    if find_spec(top) is None:
        return Finding(part, module, State.NOTE, "not installed")
    version = " ".join(f"{name} {metadata.version(name)}:" for name in distributions.get(top, ())[:1])
    if isinstance(missing, str):
        # Another version of an agent host has its modules elsewhere.
        state = State.NOTE if part == _HOSTS and missing.startswith(ABSENT) else State.WRONG
        return Finding(part, module, state, f"{version} {missing}".strip())
    there = [path for path in paths if path not in missing]
    told = f"has no {', '.join(missing)}" if missing else ", ".join(there)
    return Finding(part, module, _state(there, missing), f"{version} {told}".strip())


def _state(there: list[str], missing: tuple[str, ...]) -> State:
    # Another version's name for the same place may be the one that is there.
    if missing:
        return State.NOTE if there else State.WRONG
    return State.OK


def _of_entries(seams: list[Seam]) -> list[Finding]:
    entries = [entry.strip() for entry in os.environ.get(program.VARIABLE, "").split(",") if entry.strip()]
    if not entries:
        told = f"{program.VARIABLE} names none; those marked with entry_point() need no naming"
        return [Finding(_ENTRIES, "named", State.NOTE, told)]
    by_entry = {seam.told_by: seam for seam in seams}
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda entry: _of_entry(entry, by_entry.get(f"{program.VARIABLE}: {entry!r}")), entries))


def _of_entry(entry: str, seam: Seam | None) -> Finding:
    if seam is None:
        if entry.partition("=")[2].strip().startswith("__main__:"):
            return Finding(_ENTRIES, entry, State.NOTE, "in the main script: seen when that runs")
        kinds = ", ".join(sorted(ENTRY_KINDS))
        return Finding(_ENTRIES, entry, State.WRONG, f"not of the form {program.FORM} (kinds: {kinds})")
    missing = missing_in(seam.module, [seam.path])
    if isinstance(missing, str):
        return Finding(_ENTRIES, entry, State.WRONG, missing)
    if missing:
        return Finding(_ENTRIES, entry, State.WRONG, f"the module {seam.module} has no callable {seam.path}")
    return Finding(_ENTRIES, entry, State.OK, "found")


def _top(module: str) -> str:
    return module.partition(".")[0]


@contextmanager
def _quietly() -> Iterator[None]:
    # What a host would warn of is among the findings.
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
