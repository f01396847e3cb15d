"""The commands read a real Jaeger as they read the record file of the same run."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from otel_dispatch.__main__ import main

from .asking import polled
from .conftest import Demo

pytestmark = pytest.mark.timeout(900)  # a Jaeger may first have to be built


class Sources(NamedTuple):
    """One run of the demonstration, told twice."""

    jaeger: str
    file: str


@pytest.fixture(scope="module")
def sources(own_jaeger: Callable[..., Any], demo_on: Callable[..., Demo]) -> Iterator[Sources]:
    """Give a Jaeger that holds the demonstration and nothing else, and the demonstration's record file."""
    with own_jaeger() as jaeger:
        demo = demo_on(jaeger)
        assert polled(
            lambda: demo.spans <= {span.span_id for each in demo.traces for span in jaeger.trace(each, patience=0)}
        )
        yield Sources(jaeger.query_url, str(demo.path))


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Return what a command exits with and prints."""
    code = main(arguments)
    return code, capsys.readouterr().out


def test_runs_shows_the_same_runs(sources: Sources, capsys: pytest.CaptureFixture[str]) -> None:
    code, table = said(capsys, "runs", sources.jaeger)
    assert (code, table) == said(capsys, "runs", sources.file)
    assert len(table.splitlines()) == 7


def test_show_draws_the_same_tree(sources: Sources, capsys: pytest.CaptureFixture[str]) -> None:
    trees = [json.loads(said(capsys, "show", source, "fix-tests", "--json")[1]) for source in sources]
    by_jaeger, by_file = ([(run["name"], steps_of(run)) for run in tree["runs"]] for tree in trees)
    assert by_jaeger == by_file
    assert by_jaeger == [("fix-tests", [("llm_call", "minimax", "claude-opus-5-5", ["provider"])])]


def test_audit_finds_the_same_inheritance(sources: Sources, capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for source in sources:
        code, text = said(capsys, "audit", source, "--fail-on", "inherited_from_primary", "--json")
        assert code == 1
        found.append([each for each in json.loads(text)["findings"] if each["fails"]])
    assert [each["entry"] for each in found[0]] == ["fix-tests"]
    assert [untimed(each) for each in found[0]] == [untimed(each) for each in found[1]]


def test_both_sources_together_count_every_dispatch_once(sources: Sources, capsys: pytest.CaptureFixture[str]) -> None:
    _, once = said(capsys, "audit", sources.file, "--json")
    _, twice = said(capsys, "audit", *sources, "--json")
    assert [json.loads(text)["calls"] for text in (once, twice)] == [8, 8]


def steps_of(run: dict[str, Any]) -> list[tuple[object, ...]]:
    """Return what the steps below a run dispatched."""
    return [(each["kind"], each["provider"], each["model"], each["inherited_fields"]) for each in run["below"]]


def untimed(finding: dict[str, Any]) -> dict[str, Any]:
    """Return a finding without its moments, which the file tells to the millisecond."""
    return {name: value for name, value in finding.items() if name not in ("first", "last")}
