"""Whatever comes from outside is one bounded line of printable characters wherever it is written."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import wrapt

import otel_dispatch as od
from otel_dispatch import guard
from otel_dispatch.__main__ import main
from otel_dispatch.baton import receive
from otel_dispatch.demo.provider import Answer, Provider
from otel_dispatch.hosts import Beginning, Ending, entry_at
from otel_dispatch.launch import begin
from otel_dispatch.outcome import error_type_of, outcome_of_exception
from tests.conftest import Told, eventually

FORGED = "m\n2026-11-21 ERROR all is lost\x1b[31m\r\x00\u2028\u202e" + "x" * 5000
NULLESS = FORGED.replace("\0", "").replace(",", " ")
Act = Callable[[Provider], object]


def call(provider: Provider, model: str = "m", reply: str = "m") -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    choice = {"message": {"content": "hi"}, "finish_reason": reply}
    answer = json.dumps({"id": reply, "model": reply, "choices": [choice], "usage": usage}).encode()
    provider.script(Answer(headers={"content-type": "application/json"}, body=answer))
    with httpx.Client() as client:
        client.post(f"{provider.url}/v1/chat/completions", json={"model": model, "messages": [{"role": "user"}]})


def in_a_scope(provider: Provider) -> None:
    with od.scope("primary", provider=FORGED, model=FORGED), od.scope("escalation"):
        call(provider)


def in_an_entry(provider: Provider) -> None:
    @od.entry_point("run_skill", name=FORGED)
    def run(model: str, session_id: str) -> None:
        call(provider)

    run(FORGED[:100].replace("\n", "\x0b"), "s\x1b[0m")


def in_a_hosts_run(provider: Provider) -> None:
    told = {"tiny.\x1bname": FORGED, "tiny.size": 3}
    begun = Beginning("agent", FORGED, FORGED, FORGED, FORGED, FORGED, attributes=told)
    ended = Ending(reported_provider=FORGED, attributes={f"tiny.{FORGED}": FORGED})
    seam = entry_at("m", "f", lambda *_: begun, lambda _: ended)
    wrapt.FunctionWrapper(lambda: call(provider), seam.wrapper)()


def below_a_parent(provider: Provider) -> None:
    told = {"role": "escalation", "primary": {"model": FORGED[:900]}, "requested": {"model": FORGED[:900]}}
    receive({"DISPATCH_OTEL_SCOPE": json.dumps(told)})
    call(provider)


def as_a_launch(_: Provider) -> None:
    arguments = ["exec", "-p", FORGED, "-c", f"model_provider={FORGED}", "hi"]
    launched = begin(["codex", *arguments], {"HOME": "/nonexistent"})
    assert launched is not None
    launched.exited(1)


ACTS: dict[str, Act] = {
    "a request": lambda provider: call(provider, model=FORGED),
    "an answer": lambda provider: call(provider, reply=FORGED),
    "a scope": in_a_scope,
    "an entry": in_an_entry,
    "a host": in_a_hosts_run,
    "a parent": below_a_parent,
    "a launch": as_a_launch,
}


def texts_in(value: Any) -> Iterator[str]:
    """The texts in a value as JSON has it, names and all."""
    if isinstance(value, str):
        yield value
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for part in parts:
        yield from texts_in(part)


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_no_value_from_outside_is_written_as_it_came(
    act: Act, told: Told, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "record.jsonl"
    monkeypatch.setenv("DISPATCH_OTEL_RECORD_FILE", str(record))
    monkeypatch.setenv("DISPATCH_OTEL_PROVIDERS", f"127.0.0.1={NULLESS}")
    act(provider)
    eventually(lambda: bool(told.spans()) and record.exists())
    written = [text for span in told.spans() for text in (span.name, *texts_in(dict(span.attributes or {})))]
    for name in ("dispatch.calls", "gen_ai.client.operation.duration", "dispatch.duration"):
        written += texts_in([dict(labels) for labels in told.points(name)])
    written += [text for event in told.events() for text in texts_in(dict(event.attributes))]
    written += [text for line in record.read_text().splitlines() for text in texts_in(json.loads(line))]
    assert any("x" * 50 in text for text in written) or act is in_an_entry
    for text in written:
        # A span's name is an operation and a value.
        assert len(text) <= 256 + len("invoke_workflow "), text[:80]
        assert text.isprintable(), text


def test_the_name_of_an_exceptions_type_is_bounded_too() -> None:
    error = type(NULLESS, (Exception,), {})()
    assert len(told := error_type_of(outcome_of_exception(error), error, None, None)) <= 256
    assert told.isprintable()


def hosted(told: Told, attributes: dict[str, Any]) -> dict[str, Any]:
    seam = entry_at("m", "f", lambda *_: Beginning("agent", "a", attributes=attributes))
    wrapt.FunctionWrapper(lambda: None, seam.wrapper)()
    return dict(told.only().attributes or {})


@pytest.mark.parametrize("name", ["dispatch.model", "\tdispatch.model", "gen_ai.x\n", "\x1botel.status_code"])
def test_a_hosts_attribute_cannot_pass_for_one_of_ours(told: Told, name: str) -> None:
    attributes = hosted(told, {name: "forged", "tiny.x": 1})
    assert "forged" not in attributes.values()
    assert attributes["tiny.x"] == 1


def test_a_host_cannot_push_our_attributes_off_the_span(told: Told) -> None:
    attributes = hosted(told, {f"tiny.{n}": n for n in range(500)})
    assert sum(name.startswith("tiny.") for name in attributes) == 32
    assert attributes["dispatch.kind"] == "agent"
    assert attributes["dispatch.provenance.tool_format"] == "unknown"


def test_a_line_of_the_log_cannot_be_forged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "otel_dispatch"):
        guard.warn("The file %s cannot be read (%s).", FORGED, FORGED)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.isprintable()
    assert len(line) < 2 * 4096 + 99


def test_a_flood_of_wrong_values_is_not_told_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "otel_dispatch"):
        for n in range(3000):
            guard.warn("The file %s cannot be read.", f"/tmp/{n}")
    assert len(caplog.records) == 1000


@pytest.mark.parametrize("words", [["runs"], ["audit"], ["hash"], ["runs", "x.jsonl", "--since"]], ids=" ".join)
def test_what_a_command_complains_of_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: Any = main([*words, "gone\n\x1b[2Jforged.jsonl"])
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.endswith("\n")
    assert err[:-1].isprintable()


def test_a_file_of_an_odd_name_takes_one_line_of_hashes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a\n0123456789abcdef  forged\x1b[0m"
    path.write_text("skill")
    assert main(["hash", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out[:-1].isprintable()
