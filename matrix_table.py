"""The table of what the rows of the matrix, and the tests on uv.lock beside them, cover: oldest and newest version."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.version import Version

if TYPE_CHECKING:
    from matrix import Row

ROOT = Path(__file__).resolve().parent
HEAD = ("| | | oldest | newest |", "|---|---|---|---|")


@dataclass(frozen=True)
class Thing:
    """A line of the table: packages of an index, in those rows that run a test whose path starts with *tests*."""

    kind: str
    packages: tuple[str, ...]
    name: str = ""
    tests: str = "tests/"

    @property
    def label(self) -> str:
        """What the table calls it."""
        return self.name or ", ".join(f"`{package}`" for package in self.packages)


def _each(kind: str, *packages: str) -> Iterator[Thing]:
    return (Thing(kind, (package,)) for package in packages)


def _of(prefix: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}-{name}" for name in names)


_OTEL = "opentelemetry-instrumentation"

THINGS = (
    *_each("dependency", "wrapt", "msgspec", "opentelemetry-sdk"),
    *_each("library", "httpx", "httpx2", "aiohttp", "requests", "urllib3", "botocore"),
    *_each("codec", "brotli", "brotlicffi", "zstandard", "backports-zstd"),
    *_each("event loop", "uvloop", "trio"),
    *_each("SDK", "openai", "anthropic", "google-genai", "boto3", "cohere", "mistralai", "ollama", "claude-agent-sdk"),
    Thing("SDK", ("mcp",), tests="tests/sdks/test_mcp.py"),
    Thing("SDK", ("fastmcp",), tests="tests/sdks/test_mcp.py"),
    Thing("SDK", ("lionagi",), tests="tests/sdks/test_lionagi.py"),
    Thing("SDK", ("litellm",), tests="tests/sdks/test_litellm.py"),
    Thing("host", ("lionagi",), tests="tests/hosts/lionagi"),
    Thing("host", ("litellm",), "LiteLLM's Router, `litellm`", "tests/hosts/test_litellm.py"),
    Thing("host", ("fastmcp",), "AutoSkillit's double, over `fastmcp`", "tests/hosts/test_autoskillit"),
    Thing("neighbour", _of(f"{_OTEL}-genai", "openai", "anthropic"), "OpenTelemetry GenAI"),
    Thing("neighbour", _of(_OTEL, "openai", "anthropic"), "OpenLLMetry"),
    Thing("neighbour", ("openinference-instrumentation-openai",), "OpenInference, `openai`"),
    Thing("neighbour", ("openinference-instrumentation-anthropic",), "OpenInference, `anthropic`"),
    *_each("neighbour", "logfire", "langfuse", "openlit"),
    Thing(
        "neighbour", _of(_OTEL, "httpx", "aiohttp-client", "requests", "urllib3", "botocore"), "OpenTelemetry contrib"
    ),
)

# What rows install that has no line: of one release with something that has, or no matter of the table's.
BESIDE = {
    "numpy",
    "opentelemetry-api",
    "opentelemetry-distro",
    "opentelemetry-exporter-otlp",
    "opentelemetry-instrumentation",
    "opentelemetry-util-genai",
    "pdoc",
    "rich",
}


def table(rows: Sequence[Row], root: Path = ROOT) -> str:
    """The Markdown table of what *rows* and the files of *root*, uv.lock and pyproject.toml, test."""
    tested = [row for row in rows if row.tests]
    locked, ours = _locked(root / "uv.lock"), _dependencies(root / "pyproject.toml")
    spans = ((thing, _span(thing, tested, locked, ours)) for thing in THINGS)
    lines = (f"| {thing.kind} | {thing.label} | {' | '.join(span)} |" for thing, span in spans if span)
    return "\n".join((*HEAD, *_pythons(tested), *lines))


def requirements(row: Row, ours: Iterable[Requirement] = ()) -> list[Requirement]:
    """What *row* asks of each package; of those that *ours* asks for, too, where the row says no more."""
    own = [Requirement(line) for line in row.install]
    named = {requirement.name for requirement in own}
    return own + [requirement for requirement in ours if requirement.name not in named]


def _pythons(rows: Iterable[Row]) -> Iterator[str]:
    versions = sorted({row.version for row in rows if row.version}, key=lambda each: Version(each.removesuffix("t")))
    for name, is_free in (("Python", False), ("Python, free-threaded", True)):
        if found := [version for version in versions if version.endswith("t") == is_free]:
            yield f"| interpreter | {name} | {found[0]} | {found[-1]} |"


def _span(
    thing: Thing, rows: Iterable[Row], locked: Mapping[str, Version], ours: Sequence[Requirement]
) -> tuple[str, str] | None:
    asked = [
        requirement
        for row in rows
        if any(test.startswith(thing.tests) for test in row.tests)
        for requirement in requirements(row, ours)
        if requirement.name in thing.packages
    ]
    lock = max((locked[package] for package in thing.packages if package in locked), default=None)
    points = sorted({*map(_point, asked), *([(0, lock, 1, str(lock))] if lock else [])})
    if not points:
        return None
    oldest, newest = points[0][-1], points[-1][-1]
    said = newest if newest == str(lock) else f"{newest}; {lock}"
    return oldest, f"{said} in uv.lock" if lock else newest


def _point(asked: Requirement) -> tuple[int, Version, int, str]:
    """What a row gets that asks so, as what sorts and as a text: a version, the last before one, or the newest."""
    told = {each.operator: Version(each.version) for each in asked.specifier}
    if pinned := told.get("=="):
        return 0, pinned, 1, str(pinned)
    if bound := told.get("<"):
        return 0, bound, 0, f"newest before {bound.base_version}"
    return 1, Version("0"), 0, "newest"


def _locked(lock: Path) -> dict[str, Version]:
    packages = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    versions = sorted((Version(package["version"]), package["name"]) for package in packages if "version" in package)
    return {name: version for version, name in versions}


def _dependencies(project: Path) -> list[Requirement]:
    lines = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
    return [Requirement(line) for line in lines]
