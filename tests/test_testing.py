"""What `otel_dispatch.testing` gives to the tests of a program; docs/testing.md is run as it stands."""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

import otel_dispatch as od
from otel_dispatch import testing
from otel_dispatch.demo.provider import Answer, Provider, chat, error
from tests.fakes import install
from tests.launches import STREAM

PAGE = Path(__file__).parent.parent / "docs" / "testing.md"


def send(provider: Provider, model: str = "m", **body: Any) -> int:
    with httpx.Client() as client:
        return client.post(f"{provider.url}/v1/chat/completions", json={"model": model, **body}).status_code


def test_a_call_is_recorded_with_all_that_its_span_would_say(provider: Provider) -> None:
    provider.script(chat("Hello.", model="m-2", usage=(11, 7), reasoning_tokens=3, cached_tokens=4))
    with testing.recorded() as records:
        send(provider, reasoning_effort="high", tools=[{"type": "function"}])
    record = records.only()
    assert (record.kind, record.name, record.model, record.response_model) == ("llm_call", "chat m", "m", "m-2")
    assert (record.provider, record.base_url_host, record.wire_format) == ("local", "127.0.0.1", "openai_compat")
    assert (record.thinking.mode, record.thinking.level, record.tool_format) == ("effort", "high", "native")
    assert record.provenance == testing.Provenance()
    assert (record.outcome, record.outcome_class, record.content_len) == ("served", None, 6)
    assert record.usage == testing.Usage(input=11, output=7, cache_read=4, reasoning=3)
    assert (record.inherited_fields, record.mismatch, record.rollup, record.entry_id) == (
        (),
        ("model.served",),
        None,
        None,
    )
    assert 0 < record.duration < 60
    assert str(record) == "chat m: local m openai_compat, served"


def test_what_failed_says_why(provider: Provider) -> None:
    provider.script(error("openai", 429, "requests", "rate_limit_exceeded"))
    with testing.recorded() as records:
        assert send(provider) == 429
    assert (records.only().outcome, records.only().outcome_class) == ("usage_limit", "rate_limit")
    assert records.only().usage == testing.Usage()
    assert str(records.only()).endswith("usage_limit rate_limit")


def test_calls_launches_and_entries_are_a_tree(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", install(tmp_path)["PATH"])

    @od.entry_point("run_skill", name="step")
    def step() -> None:
        send(provider)
        subprocess.run(STREAM, capture_output=True, check=True)

    @od.entry_point("fleet_dispatch", name="nightly")
    def nightly() -> None:
        step()
        send(provider, "second")

    with testing.recorded() as records:
        nightly()
        send(provider, "outside")
    assert [record.name for record in records.roots] == ["invoke_workflow nightly", "chat outside"]
    fleet = records.roots[0]
    assert [record.name for record in records.below(fleet)] == ["invoke_agent step", "chat second"]
    assert [record.kind for record in records.below(records.below(fleet)[0])] == ["llm_call", "cli_launch"]
    assert fleet.rollup is not None
    assert fleet.rollup.calls == 3
    assert (len(records.calls), len(records.launches), len(records.entries)) == (3, 1, 2)
    assert len({record.trace_id for record in records}) == 2
    assert records.calls[0].parent_id == records.calls[0].entry_id == records.below(fleet)[0].span_id
    assert [len(line) - len(line.lstrip()) for line in str(records).splitlines()] == [2, 4, 6, 6, 4, 2]


def test_threads_and_tasks_are_recorded(provider: Provider) -> None:
    async def ask() -> None:
        async with httpx.AsyncClient() as client:
            await client.post(f"{provider.url}/v1/chat/completions", json={"model": "task"})

    with testing.recorded() as records:
        thread = threading.Thread(target=send, args=(provider, "thread"))
        thread.start()
        thread.join()
        asyncio.run(ask())
    assert [record.model for record in records] == ["thread", "task"]


def test_a_stream_that_nobody_finishes_is_recorded_at_the_end(provider: Provider) -> None:
    provider.script(Answer(headers={"content-type": "text/event-stream"}, chunks=[b'data: {"choices":[]}\n\n', 1.0]))
    url = f"{provider.url}/v1/chat/completions"
    with httpx.Client() as client, testing.recorded() as records:
        response = client.send(client.build_request("POST", url, json={"model": "m", "stream": True}), stream=True)
        assert list(records) == []
    assert (records.only().outcome, records.only().outcome_class) == ("cancelled", "abandoned")
    response.close()
    assert len(records) == 1


def inherited(provider: Provider) -> testing.Records:
    @od.entry_point("run_skill", name="fix")
    def fix() -> None:
        with od.scope("primary", provider="local", model="primary"), od.scope("escalation"):
            send(provider, "primary")
            od.resolve("model", escalation_override="better")
            send(provider, "better")

    with testing.recorded() as records:
        fix()
    return records


def test_what_nobody_chose_fails_with_each_field_and_where(provider: Provider) -> None:
    with pytest.raises(AssertionError) as failed:
        testing.assert_none_inherited(inherited(provider))
    assert str(failed.value).splitlines() == [
        "nobody chose what was used here:",
        "  chat primary: model primary, provider local is inherited_from_primary (below invoke_agent fix)",
        "  chat better: provider local is inherited_from_primary (below invoke_agent fix)",
    ]


def test_a_run_whose_calls_were_not_recorded_is_named_itself(provider: Provider) -> None:
    runs = [record for record in inherited(provider) if record.is_entry]
    with pytest.raises(AssertionError, match=r"invoke_agent fix: provider local is inherited_from_primary$"):
        testing.assert_none_inherited(runs)


def test_chosen_values_pass_and_an_empty_list_does_not(provider: Provider) -> None:
    with testing.recorded() as records:
        send(provider)
    testing.assert_none_inherited(records)
    with pytest.raises(AssertionError, match="no dispatch was recorded"):
        testing.assert_none_inherited([])


def test_only_says_what_there_is(provider: Provider) -> None:
    with testing.recorded() as records:
        send(provider, "a")
        send(provider, "b")
    with pytest.raises(AssertionError, match=r"2 dispatches were recorded, not one:\n  chat a: .*\n  chat b: "):
        records.only()
    assert records[0].model == "a"
    assert [record.model for record in records[1:]] == ["b"]


def test_a_record_file_gets_the_same_records(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPATCH_OTEL_RECORD_FILE", str(tmp_path / "r.jsonl"))
    with testing.recorded() as records:
        send(provider)
    (line,) = map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines())
    assert (line["otel_span_id"], line["model"]) == (records.only().span_id, "m")


def test_the_examples_of_the_page_run_as_they_stand(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    for name, code in blocks:
        (tmp_path / name).write_text(code)
    assert [name for name, _ in blocks] == ["reviewer.py", "test_reviewer.py", "conftest.py", "test_with_fixture.py"]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
        "--rootdir",
        str(tmp_path),
    ]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [*command, str(tmp_path)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1, done.stdout
    # The page shows how a failure reads.
    (shown,) = re.findall(r"^```\n(E .*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    told = [line.split() for line in done.stdout.splitlines()]
    assert [line for line in shown.splitlines() if line.split() not in told] == []
    assert "1 failed, 3 passed" in done.stdout


def test_every_name_of_the_page_is_there() -> None:
    attributes = re.findall(r"`(?:records?|testing)\.(\w+)", PAGE.read_text())
    names = {*dir(testing), *dir(testing.Records), *dir(testing.Record)}
    assert len(attributes) > 8
    assert set(attributes) - names == set()
