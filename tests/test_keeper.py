"""The thread that does what must not happen on the host's."""

import os
import threading
import time

import pytest

from otel_dispatch.keeper import Keeper
from tests.conftest import Faults, eventually


@pytest.fixture
def keeper() -> Keeper:
    made = Keeper()
    made.wake()
    return made


def test_jobs_run_in_the_order_in_which_they_are_due(keeper: Keeper) -> None:
    done: list[str] = []
    keeper.later(0.10, lambda: done.append("late"))
    keeper.later(0.02, lambda: done.append("early"))
    keeper.soon(lambda: done.append("now"))
    eventually(lambda: len(done) == 3)
    assert done == ["now", "early", "late"]


def test_a_job_that_fails_does_not_stop_the_thread(keeper: Keeper, faults: Faults) -> None:
    faults.expect()
    done: list[int] = []
    keeper.soon(lambda: 1 // 0)
    keeper.soon(lambda: done.append(1))
    eventually(lambda: done == [1])
    assert [type(error) for _, error in faults.seen] == [ZeroDivisionError]


def test_finish_waits_for_its_job_and_no_longer_than_asked(keeper: Keeper) -> None:
    done: list[int] = []
    assert keeper.finish(lambda: done.append(1), 5)
    assert done == [1]
    before = time.monotonic()
    assert not keeper.finish(lambda: time.sleep(0.5), 0.05)
    assert time.monotonic() - before < 0.4


def test_a_keeper_that_never_woke_finishes_nothing() -> None:
    assert not Keeper().finish(lambda: None, 5)


@pytest.mark.parametrize(
    "module", ["opentelemetry.sdk.trace", "otel_dispatch.room", "otel_dispatch.tally", "otel_dispatch.instruments"]
)
def test_what_strikes_inside_a_lock_runs_on_the_keepers_thread(keeper: Keeper, module: str) -> None:
    ran_on: list[int] = []
    inside: dict[str, object] = {"__name__": module}
    exec("def strike(action): action()", inside)
    inside["strike"](lambda: keeper.aside(lambda: ran_on.append(threading.get_ident())))  # type: ignore[operator]
    eventually(lambda: bool(ran_on))
    assert ran_on != [threading.get_ident()]
    keeper.aside(lambda: ran_on.append(threading.get_ident()))
    assert ran_on[-1] == threading.get_ident()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_after_a_fork_the_child_has_a_thread_of_its_own(keeper: Keeper) -> None:
    import warnings

    with warnings.catch_warnings():
        # 3.12 warns of forking beside a thread, which is what is under test.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        keeper.wake()
        os._exit(0 if keeper.finish(lambda: None, 5) else 1)
    assert os.waitpid(child, 0)[1] == 0
