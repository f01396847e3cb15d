"""lionagi used as a library: a span for each step of a branch, wherever lionagi runs it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from lionagi.ln.concurrency import run_async
from lionagi.operations.node import create_operation
from pydantic import BaseModel

import otel_dispatch as od
from otel_dispatch import lionagi_notes
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from otel_dispatch.hosts import lionagi as host
from tests.conftest import Told
from tests.hosts.lionagi.library import (
    VERSION,
    Answered,
    Branch,
    Session,
    attributes,
    calls,
    id_of,
    in_a_command,
    made,
    parent_of,
    run,
    since,
    steps,
)

pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_step_of_a_branch_is_a_span_with_its_calls_below(told: Told, provider: Provider) -> None:
    branch = Branch(name="scout", chat_model=made(provider))
    run(lambda: branch.communicate("hi"))
    (step,), (call,) = steps(told), calls(told)
    found = attributes(step)
    assert step.name == "invoke_agent scout"
    assert parent_of(call) == id_of(step)
    assert (found["gen_ai.agent.name"], found["gen_ai.conversation.id"]) == ("scout", str(branch.id))
    assert (found["lionagi.operation"], found["lionagi.branch_id"]) == ("communicate", str(branch.id))
    assert (found["dispatch.model"], found["dispatch.rollup.calls"]) == ("gpt-4.1-mini", 1)
    assert found["dispatch.outcome.kind"] == "served"


WAYS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "chat": lambda branch: branch.chat("hi"),
    "communicate": lambda branch: branch.communicate("hi"),
    "operate": lambda branch: branch.operate(instruction="hi"),
    "interpret": lambda branch: branch.interpret("hi"),
    "ReAct": lambda branch: branch.ReAct({"instruction": "hi"}, max_extensions=1),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_operation_that_makes_others_is_one_step(told: Told, provider: Provider, way: str) -> None:
    branch = Branch(chat_model=made(provider))

    async def ask() -> None:
        # What an answer of nonsense comes to is lionagi's affair.
        await asyncio.gather(WAYS[way](branch), return_exceptions=True)

    run(ask)
    (step,) = steps(told)
    assert (step.name, attributes(step)["lionagi.operation"]) == (f"invoke_agent {way}", way)
    assert len(calls(told)) == len(provider.seen) == attributes(step)["dispatch.rollup.calls"] > 0
    assert {parent_of(call) for call in calls(told)} == {id_of(step)}


def test_each_branch_of_a_graph_is_a_step_of_its_own(told: Told, provider: Provider) -> None:
    session = Session()
    branches = [Branch(name=name, chat_model=made(provider)) for name in ("a", "b")]
    session.include_branches(branches)

    async def flow() -> None:
        from lionagi.operations.builder import OperationGraphBuilder

        graph = OperationGraphBuilder("g")
        for branch in branches:
            graph.add_operation("communicate", branch=branch, instruction="hi")
        await session.flow(graph.get_graph())

    run(flow)
    assert sorted(step.name for step in steps(told)) == ["invoke_agent a", "invoke_agent b"]
    assert {parent_of(call) for call in calls(told)} == {id_of(step) for step in steps(told)}
    if VERSION >= (0, 30):
        assert {attributes(step)["lionagi.session_id"] for step in steps(told)} == {str(session.id)}


def test_an_operation_that_a_step_sets_off_goes_on_beside_it(told: Told, provider: Provider) -> None:
    first, second = (Branch(name=name, chat_model=made(provider)) for name in ("first", "second"))
    spawned: list[Any] = []

    async def spawn() -> None:
        node = create_operation("communicate", {"instruction": "hi"}, metadata={"escalated_from_name": "first"})
        node._branch = second
        await node.invoke()

    def on_message(*_: Any) -> None:
        if not spawned:
            spawned.append(asyncio.ensure_future(spawn()))

    async def act() -> None:
        first.msgs._on_message_added.append(on_message)
        await first.communicate("hi")
        await asyncio.gather(*spawned)

    in_a_command({}, act)
    found = {step.name: step for step in steps(told)}
    root, one, other = (found[f"invoke_agent {name}"] for name in ("li agent", "first", "second"))
    assert parent_of(one) == parent_of(other) == id_of(root)
    assert "lionagi.escalated_from" not in attributes(one)
    assert attributes(other)["lionagi.escalated_from"] == "first"


def test_a_thread_of_its_own_loses_no_context(told: Told, provider: Provider) -> None:
    async def _run_agent(model_str: str | None = None) -> Any:
        await Branch(chat_model=made(provider)).communicate("hi")
        return "", "", "", "completed", None

    command = next(seam.wrapper for seam in host.seams() if seam.path == "_run_agent")

    @od.entry_point("run_skill", name="outer")
    def outer() -> None:
        run_async(command(_run_agent, None, (), {}))

    outer()
    spans = {span.name: span for span in told.spans()}
    assert len({span.context.trace_id for span in told.spans() if span.context is not None}) == 1
    assert parent_of(spans["invoke_agent li agent"]) == id_of(spans["invoke_agent outer"])
    assert attributes(spans["invoke_agent outer"])["dispatch.rollup.calls"] == 1


def test_a_step_has_the_tokens_of_its_repairs_too(told: Told, provider: Provider) -> None:
    provider.script(*(wire.chat(words, model="m", usage=(5, 7)) for words in ("no json", '{"colour": "red"}')))
    run(lambda: Branch(chat_model=made(provider)).communicate("hi", response_format=Answered, num_parse_retries=1))
    found = attributes(steps(told)[0])
    assert (found["dispatch.rollup.calls"], found["dispatch.rollup.output_tokens"]) == (2, 14)


# Before, lionagi made a node for the second try and never ran it.
@since(0, 36)
def test_a_node_that_escalates_is_tried_again_with_a_model_that_nobody_chose(told: Told, provider: Provider) -> None:
    from lionagi.casts.emission import EscalationRequest
    from lionagi.operations import flow
    from lionagi.operations.builder import OperationGraphBuilder

    class Report(BaseModel):
        escalation: EscalationRequest

    for route in ("higher_tier", "notify"):
        words = {"escalation": {"reason": "too hard", "context": {"route": route}}}
        provider.script(wire.chat(json.dumps(words), model="gpt-4.1-mini"))
    scout = Branch(name="scout", chat_model=made(provider))
    session = Session()
    session.include_branches(scout)
    graph = OperationGraphBuilder("g")
    graph.add_operation("operate", branch=scout, instruction="hi", response_format=Report)
    run(lambda: flow(session, graph.get_graph(), reactive=True))
    assert parent_of(steps(told)[1]) == id_of(steps(told)[0])
    first, again = map(attributes, steps(told))
    assert (first["gen_ai.agent.name"], first["dispatch.provenance.model"]) == ("scout", "unknown")
    # The tier is called higher; the model is the same.
    assert (again["dispatch.model"], again["dispatch.provenance.model"]) == ("gpt-4.1-mini", "inherited_from_primary")
    assert "lionagi.escalated_from" not in first
    assert again["lionagi.escalated_from"]


def test_nothing_is_remembered_of_what_is_gone(told: Told, provider: Provider) -> None:
    import gc

    run(lambda: Branch(chat_model=made(provider)).chat("hi"))
    told.exporter.clear()
    gc.collect()
    assert not [one for one in lionagi_notes.branches._held.values() if one[0]() is None]
