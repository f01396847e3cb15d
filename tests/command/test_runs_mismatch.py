"""`runs`: which mismatches stand beside a run, and which beside its calls alone."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from otel_dispatch.__main__ import main
from otel_dispatch.demo.provider import Provider, chat
from otel_dispatch.hosts import Beginning, Ending, entry_at
from tests.conftest import Told

ALL = ["model.served", "provider.host", "provider.reported", "wire_format.expected"]


def shown(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["runs", str(path), *options]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(("kind", "expected"), [("agent", ["provider.host", "provider.reported"]), ("llm_call", ALL)])
def test_a_run_shows_what_its_own_host_may_have_told_wrongly_and_a_call_shows_all(
    kind: str, expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "records.jsonl"
    line: dict[str, Any] = {"type": "resolved_dispatch", "kind": kind, "name": f"x {kind}", "mismatch": ALL}
    path.write_text(json.dumps(line) + "\n")
    out = shown(path, capsys)
    assert [word for word in ALL if word in out] == expected
    (told,) = json.loads(shown(path, capsys, "--json"))
    assert told["mismatch"] == ALL


def test_a_host_that_reports_another_provider_than_served_is_seen_in_the_table(
    told: Told, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "records.jsonl"
    monkeypatch.setenv("DISPATCH_OTEL_RECORD_FILE", str(path))
    provider.script(chat("Hello.", model="another"))

    def run() -> None:
        httpx.post(f"{provider.url}/v1/chat/completions", json={"model": "m", "messages": []})

    seam = entry_at("m", "run", lambda *_: Beginning("agent", "a"), lambda _: Ending(reported_provider="acme"))
    seam.wrapper(run, None, (), {})
    rows = shown(path, capsys).splitlines()
    assert [row.split()[-1] for row in rows] == ["MISMATCH", "provider.reported"]
    assert shown(path, capsys, "--calls").splitlines()[-1].split()[-1] == "model.served"
    (entry,) = [line for line in map(json.loads, path.read_text().splitlines()) if line["kind"] == "agent"]
    assert entry["reported_provider"] == "acme"
