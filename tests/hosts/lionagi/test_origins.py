"""lionagi used as a library: whence each call has its model, its provider and its effort."""

import asyncio

import pytest

import otel_dispatch as od
from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told
from tests.hosts.lionagi.library import (
    Answered,
    Branch,
    attributes,
    calls,
    iModel,
    in_a_command,
    local,
    made,
    run,
)

pytestmark = pytest.mark.filterwarnings("ignore")


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


def test_an_operation_never_uses_the_parse_model_that_its_branch_was_given(told: Told, provider: Provider) -> None:
    provider.script(wire.chat("no json", model="chat-model"))
    branch = Branch(chat_model=made(provider, "chat-model"), parse_model=made(provider, "parse-model"))

    async def ask() -> None:
        await asyncio.gather(branch.operate(instruction="hi", response_format=Answered), return_exceptions=True)

    run(ask)
    assert {attributes(call)["dispatch.model"] for call in calls(told)} == {"chat-model"}


def test_a_model_that_one_call_is_given_is_not_the_branchs(told: Told, provider: Provider) -> None:
    clone = Branch(chat_model=made(provider, "own")).clone()
    run(lambda: clone.communicate("hi", chat_model=made(provider, "given")))
    run(lambda: clone.communicate("hi"))
    found = [(one["dispatch.model"], one["dispatch.provenance.model"]) for one in map(attributes, calls(told))]
    assert found == [("given", "unknown"), ("own", "inherited_from_primary")]
