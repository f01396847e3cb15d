"""claude-agent-sdk: one launch a session, over a fake `claude` and over the real one that its wheel brings along."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told, eventually
from tests.fakes import install

sdk = pytest.importorskip("claude_agent_sdk", reason="runs in the row agents of the matrix")
REAL = Path(sdk.__file__).parent / "_bundled" / "claude"

# Its generators are closed by the collector, where asyncio warns of what it then finds.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    env = install(tmp_path) | {"FAKE_DUMP": str(tmp_path / "dump"), "CLAUDE_AGENT_SDK_SKIP_VERSION_CHECK": "1"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return {"cli_path": str(tmp_path / "claude")}


def facts(told: Told) -> dict[str, Any]:
    eventually(lambda: bool(told.spans()))
    return dict(told.only().attributes or {})


async def ask(**options: Any) -> list[Any]:
    return [message async for message in sdk.query(prompt="hi", options=sdk.ClaudeAgentOptions(**options))]


def dumped(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "dump").read_text().splitlines()]


def test_query_is_one_launch_and_its_child_continues_the_trace(
    fake: dict[str, Any], told: Told, tmp_path: Path
) -> None:
    messages = asyncio.run(ask(model="sonnet", effort="high", **fake))
    assert [type(message).__name__ for message in messages] == ["SystemMessage", "AssistantMessage", "ResultMessage"]
    attributes = facts(told)
    expected = {
        "dispatch.kind": "cli_launch",
        "dispatch.provider": "anthropic",
        "dispatch.model": "claude-sonnet-5-5",
        "dispatch.requested.model": "sonnet",
        "dispatch.thinking.level": "high",
        "dispatch.provenance.provider": "catalog_default",
        "dispatch.outcome.kind": "served",
        "dispatch.outcome.content_len": 6,
        "gen_ai.response.model": "claude-sonnet-5-5",
        "gen_ai.usage.output_tokens": 12,
        "process.executable.name": "claude",
        "process.exit.code": 0,
    }
    assert attributes | expected == attributes
    context = told.only().context
    assert context is not None
    (started,) = dumped(tmp_path)
    assert started["env"]["TRACEPARENT"] == f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def test_the_parents_own_variables_fall_through_to_the_child(
    fake: dict[str, Any], told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_MODEL", "MiniMax-M2")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://api.minimax.io/anthropic")
    asyncio.run(ask(**fake))
    attributes = facts(told)
    assert (attributes["dispatch.model"], attributes["dispatch.provider"]) == ("MiniMax-M2", "minimax")
    assert attributes["dispatch.inherited_fields"] == "model,provider"


def test_what_the_host_gives_the_child_is_not_inherited(fake: dict[str, Any], told: Told) -> None:
    asyncio.run(ask(env={"ANTHROPIC_MODEL": "MiniMax-M2"}, **fake))
    assert facts(told)["dispatch.inherited"] is False


def test_a_client_of_many_turns_is_one_launch(fake: dict[str, Any], told: Told) -> None:
    async def talk() -> int:
        count = 0
        async with sdk.ClaudeSDKClient(options=sdk.ClaudeAgentOptions(**fake)) as client:
            for words in ("one", "two"):
                await client.query(words)
                async for _ in client.receive_response():
                    count += 1
        return count

    assert asyncio.run(talk()) == 6
    attributes = facts(told)
    assert (attributes["dispatch.outcome.kind"], attributes["gen_ai.usage.output_tokens"]) == ("served", 24)


ENDS = [
    ("429", "usage_limit", "rate_limit"),
    ("529", "provider_error", "overloaded"),
    ("empty", "empty_completion_terminal", None),
    ("midway", "provider_error", "unknown"),
    ("max_turns", "cancelled", "cancelled"),
]


@pytest.mark.parametrize(("mode", "kind", "cls"), ENDS)
def test_how_it_ends_is_the_programs_to_say(
    mode: str, kind: str, cls: str | None, fake: dict[str, Any], told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODE", mode)

    with contextlib.suppress(sdk.ClaudeSDKError):
        asyncio.run(ask(**fake))
    attributes = facts(told)
    assert (attributes["dispatch.outcome.kind"], attributes.get("dispatch.outcome.class")) == (kind, cls)


def test_a_program_that_is_not_there_raises_what_it_raised(told: Told, tmp_path: Path) -> None:
    with pytest.raises(sdk.CLINotFoundError):
        asyncio.run(ask(cli_path=str(tmp_path / "nowhere" / "claude")))
    assert facts(told)["dispatch.outcome.kind"] == "refused"


def test_a_session_that_is_cancelled_is_no_providers_error(
    fake: dict[str, Any], told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODE", "slow")

    async def run() -> None:
        with anyio.move_on_after(1.5):
            await ask(**fake)

    asyncio.run(run())
    assert facts(told)["dispatch.outcome.kind"] == "cancelled"


def test_under_trio_the_exit_alone_is_told(fake: dict[str, Any], told: Told) -> None:
    async def run() -> int:
        return len(await ask(**fake))

    assert anyio.run(run, backend="trio") == 3
    attributes = facts(told)
    assert (attributes["dispatch.outcome.kind"], attributes["process.exit.code"]) == ("served", 0)
    assert "gen_ai.response.model" not in attributes


@pytest.fixture
def real(tmp_path: Path, provider: Provider) -> dict[str, Any]:
    env = {
        "HOME": str(tmp_path),
        "CLAUDE_CONFIG_DIR": str(tmp_path / ".claude"),
        "ANTHROPIC_BASE_URL": provider.url,
        "ANTHROPIC_API_KEY": "k",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
    }
    return {"cli_path": str(REAL), "env": env, "cwd": str(tmp_path), "model": "sonnet"}


def test_the_real_one_sends_what_its_span_says(real: dict[str, Any], told: Told, provider: Provider) -> None:
    asyncio.run(ask(max_thinking_tokens=2000, **real | {"model": "claude-sonnet-4-5"}))
    (sent,) = [seen.json for seen in provider.seen if seen.path.startswith("/v1/messages")]
    attributes = facts(told)
    assert attributes["dispatch.model"] == sent["model"] == attributes["gen_ai.response.model"]
    assert attributes["dispatch.thinking.budget_tokens"] == sent["thinking"]["budget_tokens"] == 2000
    assert (attributes["dispatch.outcome.kind"], attributes["gen_ai.usage.output_tokens"]) == ("served", 12)
    assert (attributes["dispatch.provider"], attributes["dispatch.base_url_host"]) == ("local", "127.0.0.1")


def test_the_real_one_resolves_an_alias_and_another_model_answers(
    real: dict[str, Any], told: Told, provider: Provider
) -> None:
    provider.script(wire.messages_stream(["Hello."], model="MiniMax-M2"))
    asyncio.run(ask(**real))
    attributes = facts(told)
    assert attributes["dispatch.model"] == provider.seen[-1].json["model"]
    assert attributes["dispatch.requested.model"] == "sonnet"
    assert attributes["gen_ai.response.model"] == "MiniMax-M2"
    assert attributes["dispatch.mismatch"] == "model.served"


SETTINGS: list[tuple[str | None, str | None, str]] = [
    (None, None, "asked"),
    (".claude", None, "set"),
    ("work/.claude", None, "set"),
    (None, "option", "set"),
    (".claude", "", "asked"),
]


@pytest.mark.parametrize(("folder", "option", "expected"), SETTINGS)
def test_the_real_one_goes_where_its_settings_send_it_and_its_span_says_so(
    folder: str | None,
    option: str | None,
    expected: str,
    real: dict[str, Any],
    told: Told,
    provider: Provider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "work").mkdir()
    with Provider() as other:
        monkeypatch.setenv("DISPATCH_OTEL_PROVIDERS", f"127.0.0.1:{provider.port}=asked,127.0.0.1:{other.port}=set")
        told_by = json.dumps({"env": {"ANTHROPIC_BASE_URL": other.url}, "model": "claude-haiku-4-5"})
        if folder is not None:
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / "settings.json").write_text(told_by)
        options: dict[str, Any] = {"setting_sources": ["user", "project"], "cwd": str(tmp_path / "work"), "model": None}
        options |= {"setting_sources": []} if option == "" else {"settings": told_by} if option else {}
        asyncio.run(ask(**real | options))
        seen = provider.seen if expected == "asked" else other.seen
        (model,) = {one.json["model"] for one in seen if one.path.startswith("/v1/messages")}
    attributes = facts(told)
    assert (attributes["dispatch.provider"], attributes["dispatch.model"]) == (expected, model)
    assert (model == "claude-haiku-4-5") == (expected == "set")
    is_of_file = folder is not None and expected == "set"
    assert (attributes["dispatch.provenance.provider"] == "operator_pin") == is_of_file
    assert attributes["dispatch.inherited"] is False


LIMITS = [
    (wire.error("anthropic", 429, "rate_limit_error"), "usage_limit", "rate_limit"),
    (wire.error("anthropic", 529, "overloaded_error"), "provider_error", "overloaded"),
    (wire.error("anthropic", 401, "authentication_error"), "provider_error", "auth"),
]


@pytest.mark.parametrize(("answer", "kind", "cls"), LIMITS)
def test_the_real_one_gives_up_and_says_why(
    answer: Any, kind: str, cls: str, real: dict[str, Any], told: Told, provider: Provider
) -> None:
    provider.script(*[answer] * 4)

    with contextlib.suppress(sdk.ClaudeSDKError):
        asyncio.run(ask(**real))
    attributes = facts(told)
    assert (attributes["dispatch.outcome.kind"], attributes["dispatch.outcome.class"]) == (kind, cls)


def test_the_real_ones_tools_are_in_the_trace(
    real: dict[str, Any], told: Told, provider: Provider, tmp_path: Path
) -> None:
    command = {"command": f"env > {tmp_path / 'env'}", "description": "look"}
    provider.script(_tool_call("Bash", command))
    asyncio.run(ask(allowed_tools=["Bash"], **real))
    assert facts(told)["dispatch.outcome.kind"] == "served"
    context = told.only().context
    assert context is not None
    lines = (tmp_path / "env").read_text().splitlines()
    (parent,) = [line.partition("=")[2] for line in lines if line.startswith("TRACEPARENT=")]
    assert parent.split("-")[1] == f"{context.trace_id:032x}"


def _tool_call(name: str, given: dict[str, str]) -> Any:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {}}
    block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": json.dumps(given)},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    return wire.Answer(
        headers={"content-type": "text/event-stream"},
        chunks=[f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events],
    )
