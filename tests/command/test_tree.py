"""The tree: what ran below what, in good data and in bad."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from otel_dispatch.command.step import Step, step_of
from otel_dispatch.command.tree import Node, Place, Sums, span_of_time, sums_of, trees_of, walk

Shape = list[Any]


def span(name: str) -> str:
    """A span id that is made of *name*."""
    return name.encode().hex().rjust(16, "0")


def record(name: str, parent: str | None = None, /, **changes: Any) -> dict[str, Any]:
    """A line about a step of this name, started in the order of the names."""
    return {
        "type": "resolved_dispatch",
        "kind": "run_skill",
        "names": {"label": name},
        "otel_span_id": span(name),
        "otel_parent_id": None if parent is None else span(parent),
        "started": float(ord(name[0])),
        "timestamp": str(ord(name[0]) + 10),
        "call_id": name,
        **changes,
    }


def trees(*records: dict[str, Any]) -> list[Node]:
    return trees_of(map(step_of, records))


def shape(nodes: Sequence[Node]) -> Shape:
    return [(node.step.run.name, shape(node.below)) if node.below else node.step.run.name for node in nodes]


def places(nodes: Sequence[Node]) -> dict[str, Place]:
    return {node.step.run.name: node.place for node, _ in walk(nodes)}


def test_steps_stand_below_their_parents_whatever_their_order() -> None:
    records = [record("a"), record("b", "a"), record("c", "b"), record("d", "a")]
    for some in permutations(records):
        assert shape(trees(*some)) == [("a", [("b", ["c"]), "d"])]


def test_siblings_stand_in_the_order_in_which_they_started() -> None:
    late = record("b", "a", started=9.0)
    early = record("c", "a", started=1.0)
    unknown = record("d", "a", started=None, timestamp="5")
    never = record("e", "a", started=None, timestamp=None)
    assert shape(trees(record("a"), never, late, unknown, early)) == [("a", ["c", "d", "b", "e"])]


def test_a_child_whose_clock_is_behind_its_parent_s_stays_below_it() -> None:
    found = trees(record("a", started=100.0), record("b", "a", started=2.0, timestamp="3"))
    assert shape(found) == [("a", ["b"])]
    assert span_of_time(found) == (2.0, 107.0)


def test_where_the_parent_is_not_recorded_the_nearest_entry_stands_for_it() -> None:
    found = trees(record("a"), record("b", "x", otel_entry_id=span("a")), record("c", None, otel_entry_id=span("a")))
    assert shape(found) == [("a", ["b", "c"])]
    assert places(found) == {"a": Place.OUTERMOST, "b": Place.BELOW_ENTRY, "c": Place.BELOW_ENTRY}


def test_what_ran_below_something_that_is_not_recorded_is_a_root_that_says_so() -> None:
    found = trees(record("a", "x"), record("b", "a"), record("c", "y", otel_entry_id=span("z")))
    assert shape(found) == [("a", ["b"]), "c"]
    assert places(found) == {"a": Place.PARENT_MISSING, "b": Place.SAID, "c": Place.PARENT_MISSING}


def test_lines_that_do_not_say_where_they_belong_are_roots() -> None:
    line = record("a")
    del line["otel_parent_id"]
    assert places(trees(line)) == {"a": Place.NOT_SAID}


@pytest.mark.parametrize("given", list(permutations("abc")))
def test_a_circle_is_cut_above_the_step_that_started_first(given: tuple[str, ...]) -> None:
    parents = {"a": "c", "b": "a", "c": "b"}
    found = trees(*(record(name, parents[name]) for name in given), record("d", "c"), record("e"))
    assert shape(found) == [("a", [("b", [("c", ["d"])])]), "e"]
    assert places(found)["a"] is Place.CYCLE


def test_a_step_below_itself_is_a_root() -> None:
    assert places(trees(record("a", "a"))) == {"a": Place.CYCLE}


def test_a_circle_through_the_entry_is_cut_too() -> None:
    found = trees(record("a", None, otel_entry_id=span("b")), record("b", "a"))
    assert shape(found) == [("a", ["b"])]


def test_a_record_that_is_there_twice_counts_once_and_attempts_on_one_span_each() -> None:
    first, second = record("b", "a", call_id="1"), record("b", "a", call_id="2")
    below = record("c", "b")
    found = trees(record("a"), first, first, second, below, record("a"))
    assert shape(found) == [("a", [("b", ["c"]), "b"])]
    nameless = record("x", otel_span_id=None)
    assert len(trees(nameless, nameless)) == 2


@pytest.mark.parametrize("wrong", [7, "", "zz", "0" * 16, [], {}, True, "a" * 17])
def test_an_id_that_is_none_is_as_if_it_were_not_there(wrong: object) -> None:
    line = record("a", otel_span_id=wrong, otel_parent_id=wrong, otel_entry_id=wrong)
    found = trees(line, record("b", "a"))
    assert [node.place for node in found] == [Place.OUTERMOST, Place.PARENT_MISSING]
    assert found[0].step.span is None


def test_ids_are_compared_whatever_their_case() -> None:
    assert shape(trees(record("o"), record("p", otel_parent_id=span("o").upper()))) == [("o", ["p"])]


def test_a_tree_may_be_deeper_than_the_stack_of_python() -> None:
    ids = [f"{number:016x}" for number in range(1, 20_001)]
    chain = [
        record("a", otel_span_id=here, otel_parent_id=above, call_id=here)
        for here, above in zip(ids, [None, *ids], strict=False)
    ]
    found = trees(*reversed(chain))
    assert len(found) == 1
    assert max(depth for _, depth in walk(found)) == 19_999


def test_the_sums_count_calls_and_among_them_what_inherited_or_failed() -> None:
    call = {"kind": "llm_call", "otel_parent_id": span("a")}
    found = trees(
        record("a", inherited_fields=["provider"], outcome_kind="provider_error"),
        record("b", **call, inherited_fields=["model"], outcome_kind="served"),
        record("c", **call, outcome_kind="empty_completion_terminal"),
        record("d", **call, outcome_kind="cancelled"),
    )
    assert sums_of(found) == Sums(steps=4, calls=3, inherited=1, failed=1)
    assert sums_of([]) == Sums()
    assert span_of_time([]) == (None, None)


def test_a_step_has_what_its_record_says_and_nothing_else() -> None:
    bare: Step = step_of({"type": "resolved_dispatch"})
    assert (bare.span, bare.parent, bare.entry, bare.places, bare.host, bare.thinking) == (None,) * 3 + (
        False,
        None,
        None,
    )
    assert dict(bare.origins) == {}
    assert not bare.is_inherited
    for wrong in (None, 7, "text", True, [], {"a": 1}, -1.5):
        line = dict.fromkeys(record("a", usage=0, thinking=0, provenance=0, requested=0, outcome=0, rollup=0), wrong)
        assert step_of(line).tokens == bare.tokens
