"""lionagi used as a library: a span for each step of a branch, and the truth about calls that it loses sight of."""

import asyncio
import contextvars
import inspect
import warnings
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

import pytest
import tiktoken
import tiktoken.registry
from opentelemetry import context as otel
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.sdk.trace import ReadableSpan
from pydantic import BaseModel

import otel_dispatch as od
from otel_dispatch import aloft, context, instruments, lionagi_layers, lionagi_notes, lionagi_visits
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.answer import Answer
from otel_dispatch.demo.provider import Provider
from otel_dispatch.hosts import lionagi as host
from tests.conftest import Faults, Told, eventually

with warnings.catch_warnings(action="ignore"):
    from lionagi import Branch, Session, iModel
    from lionagi.config import settings
    from lionagi.ln.concurrency import run_async
    from lionagi.operations.node import create_operation

pytestmark = pytest.mark.filterwarnings("ignore")

MESSAGES: Any = [{"role": "user", "content": "hi"}]
VERSION = tuple(map(int, version("lionagi").split(".")[:2]))


class Answered(BaseModel):
    """What a repair is to give."""

    colour: str


@pytest.fixture(autouse=True)
def a_tokenizer_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for the vocabularies that tiktoken fetches: lionagi counts tokens before it sends."""
    ranks = {bytes([byte]): byte for byte in range(256)}
    for name in ("o200k_base", "cl100k_base"):
        encoding = tiktoken.Encoding(name, pat_str=r"(?s).", mergeable_ranks=ranks, special_tokens={})
        monkeypatch.setitem(tiktoken.registry.ENCODINGS, name, encoding)


@pytest.fixture(autouse=True)
def no_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps lionagi from writing what was said into the current folder as the process ends."""
    as_set = settings.LOG_CONFIG
    monkeypatch.setattr(type(settings), "LOG_CONFIG", property(lambda _: {**as_set, "auto_save_on_exit": False}))


def made(server: Provider, model: str = "gpt-4.1-mini", **more: Any) -> Any:
    """A model, with *server* as its provider."""
    at = {"base_url": server.url + "/v1", "api_key": "k", "allow_local_network": True}
    return iModel(provider="openai", model=model, **at, **more)


def run(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Await what *ask* gives, in a context of its own, as a program does."""
    return contextvars.copy_context().run(asyncio.run, _awaited(ask))


async def _awaited(ask: Callable[[], Awaitable[Any]]) -> Any:
    return await ask()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def steps(told: Told) -> list[ReadableSpan]:
    return [span for span in told.spans() if attributes(span)["dispatch.kind"] == "agent"]


def calls(told: Told) -> list[ReadableSpan]:
    return [span for span in told.spans() if attributes(span)["dispatch.kind"] == "llm_call"]


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent is not None else None


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id


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


def in_a_command(given: dict[str, Any], act: Callable[[], Awaitable[Any]]) -> Any:
    """Do *act* as `li agent` would that is given *given*."""

    async def _run_agent(
        model_str: str | None = None,
        effort: str | None = None,
        agent_name: str | None = None,
        resume: str | None = None,
    ) -> Any:
        await act()
        return "", "", "", "completed", None

    command = next(seam.wrapper for seam in host.seams() if seam.path == "_run_agent")
    return run(lambda: command(_run_agent, None, (), given))


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


def test_an_effort_that_is_never_sent_is_not_told_as_sent(told: Told, provider: Provider) -> None:
    async def act() -> None:
        await Branch(chat_model=made(provider)).communicate("hi")

    in_a_command({"model_str": "openai/gpt-4.1-mini", "effort": "high"}, act)
    (call,) = calls(told)
    assert "reasoning" not in provider.seen[0].body.decode()
    found = attributes(call)
    assert (found["dispatch.provenance.model"], found["dispatch.provenance.provider"]) == ("operator_pin",) * 2
    assert (found["dispatch.thinking.mode"], found["dispatch.provenance.thinking"]) == (
        "provider_default",
        "catalog_default",
    )


def test_a_provider_that_was_asked_for_and_is_not_the_one_at_the_address_is_a_mismatch(
    told: Told, provider: Provider
) -> None:
    async def act() -> None:
        await Branch(chat_model=made(provider)).communicate("hi")

    in_a_command({"model_str": "openai/gpt-4.1-mini"}, act)
    (call,) = calls(told)
    assert attributes(call)["dispatch.requested.provider"] == "openai"
    assert attributes(call)["dispatch.mismatch"] == "provider.host"


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


def test_a_model_that_nobody_named_is_lionagis_default_or_a_variables(
    told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act() -> None:
        branch = Branch()
        branch.chat_model.endpoint.config.base_url = provider.url + "/v1"
        branch.chat_model.endpoint.config.allow_local_network = True
        branch.chat_model.endpoint.config.api_key = "k"
        branch.chat_model.endpoint.config._api_key = "k"
        await branch.chat("hi")

    run(act)
    monkeypatch.setenv("LIONAGI_CHAT_MODEL", "gpt-4.1-mini")
    run(act)
    first, second = (attributes(call) for call in calls(told))
    assert (first["dispatch.provenance.provider"], first["dispatch.provenance.model"]) == ("catalog_default",) * 2
    assert (second["dispatch.provenance.provider"], second["dispatch.provenance.model"]) == (
        "catalog_default",
        "operator_pin",
    )


def test_what_a_program_declares_beats_lionagis_defaults(told: Told, provider: Provider) -> None:
    async def act() -> None:
        with od.provenance(model="pipeline_input"):
            await Branch(chat_model=iModel(model="m", **local(provider))).chat("hi")

    run(act)
    found = attributes(calls(told)[0])
    assert (found["dispatch.provenance.model"], found["dispatch.provenance.provider"]) == (
        "pipeline_input",
        "catalog_default",
    )


def local(server: Provider) -> dict[str, Any]:
    return {"base_url": server.url + "/v1", "api_key": "k", "allow_local_network": True}


def test_a_model_that_the_code_names_has_no_origin_that_we_know(told: Told, provider: Provider) -> None:
    run(lambda: Branch(chat_model=made(provider)).chat("hi"))
    assert attributes(calls(told)[0])["dispatch.provenance.model"] == "unknown"


def test_a_repair_inherits_the_chat_model_unless_it_was_given_one(told: Told, provider: Provider) -> None:
    chat, parse = made(provider, "chat-model"), made(provider, "parse-model")
    for branch in (Branch(chat_model=chat), Branch(chat_model=chat, parse_model=parse)):
        provider.script(
            wire.chat("no json", model="chat-model"), *[wire.chat('{"colour": "red"}', model="parse-model")]
        )
        run(lambda branch=branch: branch.communicate("hi", response_format=Answered, num_parse_retries=1))
    found = [
        (attributes(call)["dispatch.model"], attributes(call)["dispatch.provenance.model"]) for call in calls(told)
    ]
    assert found == [
        ("chat-model", "unknown"),
        ("chat-model", "inherited_from_primary"),
        ("chat-model", "unknown"),
        ("parse-model", "unknown"),
    ]


def test_a_clone_inherits_its_model(told: Told, provider: Provider) -> None:
    branch = Branch(chat_model=made(provider))
    clone = branch.clone()
    run(lambda: clone.chat("hi"))
    run(lambda: branch.chat("hi"))
    assert [attributes(call)["dispatch.provenance.model"] for call in calls(told)] == [
        "inherited_from_primary",
        "unknown",
    ]


REFUSALS: dict[str, Callable[[Provider], Any]] = {
    "no key": lambda server: iModel(provider="openai", model="m", base_url=server.url + "/v1", api_key=None),
    "an address that is not let through": lambda server: iModel(
        provider="openai", model="m", base_url=server.url + "/v1", api_key="k"
    ),
}


@pytest.mark.parametrize("way", REFUSALS)
def test_a_call_that_lionagi_refuses_to_send_makes_its_step_a_refusal(
    told: Told, provider: Provider, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> None:
        with pytest.raises(Exception) as caught:
            await Branch(chat_model=REFUSALS[way](provider)).chat("hi")
        assert caught.value is not None

    run(ask)
    (step,) = steps(told)
    assert (provider.seen, calls(told)) == ([], [])
    assert attributes(step)["dispatch.outcome.kind"] == "refused"


def test_a_failure_that_raises_nothing_fails_the_step(told: Told, provider: Provider) -> None:
    provider.script(wire.error("openai", 400, "invalid_request_error", "context_length_exceeded", "secret words"))

    async def ask() -> Any:
        branch = Branch(chat_model=made(provider))
        return await asyncio.gather(branch.communicate("hi"), return_exceptions=True)

    run(ask)
    found = attributes(steps(told)[0])
    assert (found["dispatch.outcome.kind"], found["dispatch.outcome.class"]) == ("provider_error", "context_overflow")
    assert "secret" not in repr(told.spans())


def test_a_call_that_was_kept_back_belongs_to_whom_it_was_made_for(told: Told, provider: Provider) -> None:
    async def ask() -> None:
        model = made(provider, limit_requests=1, capacity_refresh_time=0.2, interval=0.2)

        async def step(name: str) -> None:
            with od.provenance(model="pipeline_input" if name == "b" else "operator_pin"):
                await Branch(name=name, chat_model=model).chat("hi")

        await asyncio.gather(*(step(name) for name in ("a", "b", "c")))
        await model.close()

    run(ask)
    assert len(calls(told)) == len(steps(told)) == 3
    by_step = {parent_of(call): attributes(call)["dispatch.provenance.model"] for call in calls(told)}
    expected = {"a": "operator_pin", "b": "pipeline_input", "c": "operator_pin"}
    assert by_step == {id_of(step): expected[attributes(step)["gen_ai.agent.name"]] for step in steps(told)}


def test_a_call_that_nobody_waits_for_any_longer_is_abandoned(
    told: Told, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for = asyncio.wait_for
    monkeypatch.setattr(asyncio, "wait_for", lambda awaited, timeout: wait_for(awaited, min(timeout, 0.05)))

    async def ask() -> None:
        model = made(provider, limit_requests=1, capacity_refresh_time=0.3, interval=0.3)
        await Branch(name="first", chat_model=model).chat("hi")
        await asyncio.gather(Branch(name="second", chat_model=model).chat("hi"), return_exceptions=True)
        while len(provider.seen) < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        await model.close()

    run(ask)
    step = next(step for step in steps(told) if step.name == "invoke_agent second")
    found = attributes(step)
    assert (found["dispatch.outcome.kind"], found["dispatch.outcome.class"]) == ("cancelled", "abandoned")
    # It was sent all the same, and its span is where it was asked for.
    assert [parent_of(call) == id_of(step) for call in calls(told)] == [False, True]


def test_a_stream_is_asked_for_where_it_is_read_and_leaves_its_readers_context_alone(
    told: Told, provider: Provider
) -> None:
    provider.script(wire.chat_stream(["Hel", "lo."], model="gpt-4.1-mini"))

    async def ask() -> list[Context]:
        before = otel.get_current()
        pieces = made(provider).stream(messages=MESSAGES)
        return [before, *[otel.get_current() async for _ in pieces]]

    assert len(set(map(id, run(ask)))) == 1
    assert len(calls(told)) == 1


def test_a_stream_that_another_task_closes_ends_once(told: Told, provider: Provider) -> None:
    chunks = wire.chat_stream(["a", "b"], model="m").chunks
    assert chunks is not None
    provider.script(Answer(headers={"content-type": "text/event-stream"}, chunks=[*chunks[:2], 5.0, *chunks[2:]]))

    async def ask() -> None:
        pieces = made(provider).stream(messages=MESSAGES)
        await anext(pieces)
        await asyncio.create_task(pieces.aclose())

    run(ask)
    eventually(lambda: len(told.spans()) == 1)
    assert attributes(told.only())["dispatch.outcome.kind"] == "cancelled"


def test_a_generator_of_a_branch_that_is_never_read_tells_nothing(told: Told, provider: Provider) -> None:
    async def ask() -> None:
        await made(provider).stream(messages=MESSAGES).aclose()
        await Branch(chat_model=made(provider)).ReActStream({"instruction": "hi"}).aclose()

    run(ask)
    assert (told.spans(), aloft.count()) == ([], 0)


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
    found = lionagi_layers.outcome_of_result(command, result, None)
    assert (None if found is None else (str(found.kind), str(found.cls))) == expected


def test_an_error_that_is_its_own_cause_is_looked_at_once() -> None:
    error = ValueError("secret")
    error.__cause__ = error
    assert not lionagi_layers.is_refusal(error)


def test_nothing_is_remembered_of_what_is_gone(told: Told, provider: Provider) -> None:
    import gc

    run(lambda: Branch(chat_model=made(provider)).chat("hi"))
    told.exporter.clear()
    gc.collect()
    assert not [one for one in lionagi_notes.branches._held.values() if one[0]() is None]
