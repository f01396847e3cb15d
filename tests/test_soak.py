"""The soak: a bounded run keeps what it promises, and what is broken is called so."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.soak_verdict import Found, is_broken, rows_of
from benchmarks.soak_ways import BY_THE_HOST, OUTCOMES, SHARES

ROOT = Path(__file__).parents[1]
COUNTED = ("a span a call", "a span a call, each way", "outcomes are those of the fault", "open spans", "tasks left")


def soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.soak", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)


def by_promise(text: str) -> dict[str, dict[str, str]]:
    return {row["promise"]: row for row in json.loads(text)}


def test_a_short_run_counts_a_span_a_call_and_leaves_nothing_open() -> None:
    done = soak("--seconds", "6", "--streams", "30", "--threads", "6", "--rate", "60", "--json")
    assert (done.returncode in (0, 1), done.stderr) == (True, "")
    rows = by_promise(done.stdout)
    assert {name: rows[name]["verdict"] for name in COUNTED} == dict.fromkeys(COUNTED, "kept")
    assert not rows["a span a call"]["found"].startswith("0 ")
    # It is too short to tell of speed or growth, and says so.
    assert rows["memory per 1,000 calls"]["verdict"] == "untold"
    assert rows["p99 of a call, with us to without"]["verdict"] == "untold"


def test_calls_in_one_process_are_a_span_each() -> None:
    done = soak("--calls", "1000", "--json")
    rows = by_promise(done.stdout)
    assert rows["a span a call"]["found"] == "1,000 spans of 1,000 calls"
    assert rows["open spans"]["verdict"] == "kept"
    assert "bytes with us beyond" in rows["a held stream"]["found"]


@pytest.mark.parametrize("wrong", [("--seconds", "0"), ("--seconds", "nan"), ("--calls", "1"), ("--threads", "0")])
def test_what_cannot_be_soaked_is_refused_in_a_sentence(wrong: tuple[str, str]) -> None:
    done = soak(*wrong)
    assert (done.returncode, done.stdout) == (2, "")
    assert wrong[0] in done.stderr.splitlines()[-1]


def test_every_way_has_its_outcomes_and_the_shares_are_of_a_hundred() -> None:
    assert SHARES.keys() == OUTCOMES.keys()
    assert SHARES.keys() >= BY_THE_HOST
    assert sum(SHARES.values()) == 100


def a_slice(**changed: Any) -> dict[str, Any]:
    fine = {"calls": 1000, "spans": 1000, "miscounted": {}, "open": 0, "odd": {}, "tasks": 0, "threads": 5, "files": 9}
    return {**fine, "memory": 50_000_000, "taken": list(range(1_000_000, 1_300_000, 1000)), **changed}


def found(ours: list[dict[str, Any]], **changed: Any) -> Found:
    plain = [a_slice() for _ in range(20)]
    told = {"arrived": 20_001, "was_away": True, "complaints": "", "exits": (1.2, 0.2), **changed}
    return Found(ours=ours, plain=plain, **told)


def test_what_keeps_every_promise_is_not_broken() -> None:
    rows = rows_of(found([a_slice() for _ in range(20)]))
    assert not is_broken(rows), rows
    assert "untold" not in {row.verdict for row in rows}


BREAKS: dict[str, tuple[str, Any]] = {
    "a span too few": ("a span a call", lambda n: {"spans": 999 if n == 7 else 1000}),
    "a way too few": ("a span a call, each way", lambda n: {"miscounted": {"cut": [3, 2]} if n == 7 else {}}),
    "a wrong outcome": ("outcomes are those of the fault", lambda n: {"odd": {"cut served": 1} if n == 7 else {}}),
    "a span left open": ("open spans", lambda n: {"open": int(n == 19)}),
    "a task left": ("tasks left", lambda n: {"tasks": int(n == 7)}),
    "threads that grow": ("threads", lambda n: {"threads": 5 + n}),
    "files that grow": ("file descriptors", lambda n: {"files": 9 + n}),
    "memory that grows": ("memory per 1,000 calls", lambda n: {"memory": 50_000_000 + 80_000 * n}),
    "a slower p99": (
        "p99 of a call, with us to without",
        lambda n: {"taken": list(range(1_100_000, 1_430_000, 1100))},
    ),
}


@pytest.mark.parametrize("how", BREAKS)
def test_a_broken_promise_is_called_so(how: str) -> None:
    promise, change = BREAKS[how]
    rows = rows_of(
        found([a_slice(**change(number)) for number in range(20)], arrived=20_000 + (how != "a span too few"))
    )
    assert promise in {row.promise for row in rows if row.verdict == "BROKEN"}


@pytest.mark.parametrize(
    ("changed", "promise"),
    [
        ({"arrived": 19_000, "was_away": False, "complaints": "do not arrive"}, "spans that did not arrive"),
        ({"arrived": 19_000}, "told of losses"),
        ({"complaints": "do not arrive\ndo not arrive\n"}, "told of losses"),
        ({"exits": (2.0, 0.2)}, "exit while the collector hangs"),
    ],
)
def test_losses_untold_and_a_long_exit_are_broken_promises(changed: dict[str, Any], promise: str) -> None:
    rows = rows_of(found([a_slice() for _ in range(20)], **changed))
    assert {row.promise for row in rows if row.verdict == "BROKEN"} == {promise}
