"""What lionagi may rely on: seams that change nothing, faults of ours that it never sees, results of any shape."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk import trace as sdk_trace

import otel_dispatch as od
from otel_dispatch import aloft, context, instruments, lionagi_ends, lionagi_notes, lionagi_visits
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from otel_dispatch.hosts import lionagi as host
from tests.conftest import Faults, Told
from tests.hosts.lionagi.library import (
    MESSAGES,
    Branch,
    iModel,
    made,
    run,
)

pytestmark = pytest.mark.filterwarnings("ignore")


def place_of(seam: Any) -> str:
    return f"{seam.module}:{seam.path}"


EVERYWHERE = [seam for seam in host.seams() if seam.module.startswith(("lionagi.session", "lionagi.service"))]


@pytest.mark.parametrize("seam", EVERYWHERE, ids=place_of)
def test_a_seam_keeps_signature_and_kind_and_goes_without_a_trace(seam: Any, make_told: Callable[[], Told]) -> None:
    owner = {"Branch": Branch, "iModel": iModel}.get(seam.path.partition(".")[0])
    owner = owner or __import__(seam.module, fromlist=["x"]).APICalling
    name = seam.path.rpartition(".")[2]
    before = vars(owner)[name]
    facts = (inspect.signature(before), inspect.iscoroutinefunction(before), inspect.isasyncgenfunction(before))
    make_told()
    after = vars(owner)[name]
    assert after is not before
    assert (inspect.signature(after), inspect.iscoroutinefunction(after), inspect.isasyncgenfunction(after)) == facts
    od.uninstrument()
    assert vars(owner)[name] is before


def test_a_function_that_another_module_copied_is_ours_there_too_and_is_put_back(
    make_told: Callable[[], Told],
) -> None:
    from lionagi.cli import orchestrate
    from lionagi.cli.orchestrate import _orchestration, fanout, flow

    def found() -> list[Any]:
        return [
            vars(orchestrate)["_run_flow"] is vars(flow)["_run_flow"],
            vars(orchestrate)["_run_fanout"] is vars(fanout)["_run_fanout"],
            vars(flow)["build_worker_branch"] is vars(_orchestration)["build_worker_branch"],
        ]

    before = vars(orchestrate)["_run_flow"]
    make_told()
    assert found() == [True] * 3
    assert vars(orchestrate)["_run_flow"].__wrapped__ is before
    od.uninstrument()
    assert found() == [True] * 3
    assert vars(orchestrate)["_run_flow"] is before


def raising(module: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Makes one function of ours raise."""

    def boom(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("ours")

    return lambda patcher: patcher.setattr(module, name, boom)


FAULTS = {
    "arguments": raising(host, "given_to"),
    "context": raising(context, "with_frame"),
    "place": raising(host, "at"),
    "choice": raising(lionagi_visits, "chosen_for"),
    "declaration": raising(lionagi_visits, "declared_of"),
    "defaults": raising(lionagi_notes, "default_chosen"),
    "requested": raising(host, "requested_of"),
    "run": raising(host, "Run"),
    "span start": raising(sdk_trace.Tracer, "start_span"),
    "judgement": raising(lionagi_visits, "agreed_outcome"),
    "refusal": raising(lionagi_visits, "is_refusal"),
    "counting": raising(instruments.Instruments, "count"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_ours_leaves_lionagi_as_it_was(
    fault: str, provider: Provider, make_told: Callable[[], Told], faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.expect()

    def use() -> list[Any]:
        provider.script(
            wire.chat("Hello.", model="gpt-4.1-mini"),
            wire.error("openai", 400, "invalid_request_error", "bad"),
            wire.chat_stream(["Hel", "lo."], model="gpt-4.1-mini"),
        )

        async def ask() -> list[Any]:
            branch = Branch(chat_model=made(provider))
            refused = Branch(chat_model=iModel(model="m", base_url=provider.url + "/v1", api_key="k"))
            answers = [await branch.chat("hi")]
            for one in (branch, refused):
                answers += await asyncio.gather(one.communicate("hi"), return_exceptions=True)
            return [*answers, [chunk.content async for chunk in branch.chat_model.stream(messages=MESSAGES)]]

        found = run(ask)
        return [str(one) if isinstance(one, Exception) else one for one in found]

    plain = use()
    make_told()
    with monkeypatch.context() as patcher:
        FAULTS[fault](patcher)
        assert use() == plain
    assert faults.seen, "the fault was not provoked"
    assert aloft.count() == 0, "a span is left open"


ENDS = [
    ("agent", ("", "claude", "id", "timed_out", None), ("provider_error", "timeout")),
    ("agent", ("timed_out", "claude", "id", "completed"), None),
    ("agent", ("", "claude", "id"), None),
    ("fanout", "timed_out", ("provider_error", "timeout")),
    ("flow", ("", "aborted"), ("cancelled", "cancelled")),
    ("flow", ("", "completed_empty"), None),
    ("engine", 143, ("cancelled", "cancelled")),
    ("engine", True, None),
    ("engine", None, None),
]


@pytest.mark.parametrize(("command", "result", "expected"), ENDS)
def test_a_runs_result_is_read_in_the_shape_of_its_version(command: str, result: Any, expected: Any) -> None:
    found = lionagi_ends.outcome_of_result(command, result, None)
    assert (None if found is None else (str(found.kind), str(found.cls))) == expected


def test_an_error_that_is_its_own_cause_is_looked_at_once() -> None:
    error = ValueError("secret")
    error.__cause__ = error
    assert not lionagi_ends.is_refusal(error)
