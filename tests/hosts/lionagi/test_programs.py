"""lionagi used as a library, over the agent programs `claude` and `codex`: a launch for each start of one."""

from pathlib import Path

import pytest

from tests.hosts.lionagi.library import since
from tests.hosts.lionagi.runs import Home, traces, tree
from tests.sinks import HttpSink, SinkSpan

Traces = list[list[SinkSpan]]

# lionagi looks for the programs as it is imported, so that it is another process that uses it.
START = """
import asyncio
from lionagi import Branch, iModel

def program(provider, model):
    return iModel(provider=provider, endpoint="query_cli", model=model, api_key="k")

async def of_all(*steps):
    for step in steps:
        # What an answer of nonsense comes to is lionagi's affair.
        await asyncio.gather(step(), return_exceptions=True)
"""
STEPS = """
def scout():
    return Branch(name="scout", chat_model=program("claude_code", "sonnet"))

asyncio.run(of_all(
    lambda: scout().chat("hi"),
    lambda: scout().communicate("hi"),
    lambda: scout().operate(instruction="hi"),
    lambda: scout().ReAct({"instruction": "hi"}, max_extensions=1),
))
"""
OPERATIONS = ["chat", "communicate", "operate", "ReAct"]
EACH_NAME = """
def named(provider):
    return lambda: Branch(name=provider, chat_model=program(provider, "m")).operate(instruction="hi")

asyncio.run(of_all(*map(named, ("claude", "claude_code", "codex", "openai-codex"))))
"""
REPLACED = """
clone = Branch(chat_model=program("claude_code", "sonnet")).clone()

asyncio.run(of_all(
    lambda: clone.operate(instruction="hi"),
    lambda: clone.operate(instruction="hi", chat_model=program("claude_code", "haiku")),
    lambda: clone.operate(instruction="hi"),
))
"""
SILENT = """
branch = Branch(name="scout", chat_model=program("claude_code", "sonnet"))
asyncio.run(branch.operate(instruction="hi", liveness_timeout=5.0))
"""


@pytest.fixture(scope="module")
def told_of_steps(tmp_path_factory: pytest.TempPathFactory) -> Traces:
    """What is told of an operation of each kind."""
    return told_by(tmp_path_factory.mktemp("steps"), STEPS)


def told_by(root: Path, code: str, **more: str) -> Traces:
    """The traces of a program that uses lionagi."""
    with HttpSink() as sink:
        Home.made_in(root).program(sink, START + code, **more)
        return traces(sink)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_over_a_program_is_one_step_with_its_launches_below(told_of_steps: Traces, operation: str) -> None:
    step, *launches = told_of_steps[OPERATIONS.index(operation)]
    assert tree([step, *launches]) == ("invoke_agent scout", [("invoke_agent claude", [])] * len(launches))
    assert step.attributes["lionagi.operation"] == operation
    assert step.attributes["dispatch.rollup.calls"] == len(launches) > 0
    assert step.attributes["dispatch.rollup.models"].startswith("claude-sonnet-5")


def test_a_program_is_the_same_under_each_of_lionagis_names_for_it(tmp_path: Path) -> None:
    found = {step.attributes["gen_ai.agent.name"]: launch.attributes for step, launch in told_by(tmp_path, EACH_NAME)}
    facts = ("process.executable.name", "dispatch.wire_format", "dispatch.model")
    by_name = {name: tuple(launch[fact] for fact in facts) for name, launch in found.items()}
    claude, codex = ("claude", "claude_cli", "m"), ("codex", "codex_cli", "m")
    assert by_name == {"claude": claude, "claude_code": claude, "codex": codex, "openai-codex": codex}


def test_a_model_that_a_branch_is_given_for_good_is_no_longer_inherited(tmp_path: Path) -> None:
    launches = [launch.attributes for _, launch in told_by(tmp_path, REPLACED)]
    found = [(one["dispatch.model"].split("-")[1], one["dispatch.provenance.model"]) for one in launches]
    assert found == [("sonnet", "inherited_from_primary"), ("haiku", "unknown"), ("haiku", "unknown")]


@since(0, 30)
def test_a_program_that_says_nothing_is_started_again_in_the_same_step(tmp_path: Path) -> None:
    (spans,) = told_by(tmp_path, SILENT, FAKE_MODE="late")
    step, silent, heard = (span.attributes for span in spans)
    assert tree(spans) == ("invoke_agent scout", [("invoke_agent claude", [])] * 2)
    assert (silent["dispatch.outcome.kind"], heard["dispatch.outcome.kind"]) == ("cancelled", "served")
    # A retry asks for what the first try asked for.
    assert silent["dispatch.provenance.model"] == heard["dispatch.provenance.model"] == "unknown"
    assert step["dispatch.outcome.kind"] == "served"
