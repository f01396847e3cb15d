"""docs/security.md: every threat names its tests, and every test that it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from otel_dispatch import eventstream, framing, guard, hearing, labels, sse
from otel_dispatch.command import asking
from otel_dispatch.vocabulary import LIMIT

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_test_that_is_named_is_there(path: str, name: str) -> None:
    assert name in names_in(path)


@pytest.mark.parametrize("title", [title for title in SECTIONS if title != "Fuzzing"])
def test_each_threat_says_what_is_done_what_is_not_and_by_which_tests(title: str) -> None:
    for mark in ("- *Could happen*:", "- *We do*:", "- *We do not*", "- Tests: `tests/"):
        assert SECTIONS[title].count(mark) == 1, mark


def test_every_test_of_this_folder_is_named() -> None:
    here = Path(__file__).parent
    mine = {name for path in here.glob("test_*.py") for name in names_in(str(path.relative_to(ROOT)))}
    own = names_in(str(Path(__file__).relative_to(ROOT)))
    assert {name for name in mine - own if name.startswith("test_")} <= {name for _, name in NAMED}


def test_the_figures_are_those_of_the_code() -> None:
    text = " ".join(PAGE.split())
    assert (LIMIT, labels.MOST, guard._MOST_TOLD) == (256, 100, 1000)
    assert {sse.LIMIT, framing.LIMIT, eventstream.LIMIT} == {4 * 2**20}
    assert (hearing.LIMIT, asking.LARGEST, asking.WHOLE) == (32 * 2**20, 32 * 2**20, 60.0)
    for figure in ("cut to 256 characters", "the first 100 values", "1,000 different warnings", "after 4 MiB"):
        assert figure in text
