"""Bodies and files that are made to cost more than they weigh: depth, digits, keys of many parts, drops of a line."""

import json
from pathlib import Path

import httpx
import pytest

from otel_dispatch import codex_settings
from otel_dispatch.demo.provider import Answer, Provider
from otel_dispatch.dialects import clis
from otel_dispatch.framing import JsonLines
from otel_dispatch.recordfile import record_in
from otel_dispatch.sse import LIMIT, Lines
from tests.conftest import Told, eventually

DEPTH = 100_000
BOMBS = {
    "arrays": "[" * DEPTH + "]" * DEPTH,
    "objects": '{"a":' * DEPTH + "1" + "}" * DEPTH,
    "digits": "9" * DEPTH,
    "exponent": "1e999999999",
    "text": json.dumps("x" * 2_000_000),
    "escapes": '"' + "\\u001b" * DEPTH + '"',
}
CODEX = next(cli for cli in clis() if cli.name == "codex")


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_bomb_in_a_body_costs_its_own_facts_at_most(bomb: str, told: Told, provider: Provider) -> None:
    answer = f'{{"model":"served","choices":{bomb},"usage":{bomb},"id":{bomb}}}'.encode()
    provider.script(Answer(headers={"content-type": "application/json"}, body=answer))
    body = f'{{"model":"asked","messages":{bomb},"metadata":{bomb},"max_tokens":{bomb}}}'
    with httpx.Client() as client:
        got = client.post(f"{provider.url}/v1/chat/completions", content=body)
    assert got.content == answer
    assert provider.seen[-1].body == body.encode()
    eventually(lambda: bool(told.spans()))
    attributes = dict(told.only().attributes or {})
    # What nests too deeply for a reader is a call of which nothing is known.
    is_deep = bomb in (BOMBS["arrays"], BOMBS["objects"])
    assert attributes["dispatch.model"] == ("unknown" if is_deep else "asked")
    assert attributes.get("gen_ai.response.model") == (None if is_deep else "served")
    assert all(len(value) <= 256 for value in attributes.values() if isinstance(value, str))
    numbers = [value for value in attributes.values() if isinstance(value, int)]
    assert max(numbers) < 2**63


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_bomb_in_a_record_file_is_one_line_that_is_left_out_or_read(bomb: str) -> None:
    assert record_in(f'{{"type":"resolved_dispatch","model":{bomb}'.encode()) is None
    record_in(f'{{"type":"resolved_dispatch","model":{bomb}}}'.encode())


@pytest.mark.parametrize("make", [Lines, JsonLines])
def test_a_line_that_comes_in_drops_is_not_joined_at_each(make: type[Lines | JsonLines]) -> None:
    framing = make()
    assert not list(framing.events(b"data: {"))
    for _ in range(1000):
        assert not list(framing.events(b"xxxx"))
    # What has come first is as it was: joining it anew for each drop would copy the whole line each time.
    assert framing._rest == b"data: {"
    (event,) = framing.events(b"}\n\n")
    assert event.endswith(b"{" + b"xxxx" * 1000 + b"}")


@pytest.mark.parametrize("make", [Lines, JsonLines])
def test_a_line_that_never_ends_is_given_up_and_let_go(make: type[Lines | JsonLines]) -> None:
    framing = make()
    drop = b"x" * 65_536
    for _ in range(LIMIT // len(drop) + 2):
        assert not list(framing.events(drop))
    assert framing.overrun
    assert (framing._rest, framing._more) == (b"", [])
    assert not list(framing.events(b"data: y\n\n"))
    assert not list(framing.end())


FILES = {
    "a key of many parts": ".".join("a" * 50_000) + ' = 1\nmodel = "m"',
    "a large file": 'model = "m"\n' + "# padding\n" * 20_000,
    "digits": 'model = "m"\nx = ' + "9" * 5000,
    "depth": 'model = "m"\nx = ' + "[" * 50_000,
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_settings_that_cost_too_much_are_not_read_and_not_taken_for_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(text)
    env = {"CODEX_HOME": str(tmp_path)}
    settings = codex_settings.settings_of(["exec", "hi"], env, str(tmp_path))
    assert (dict(settings.of_files), settings.is_whole) == ({}, False)
    asked = CODEX.request(["exec", "hi"], env, settings)
    assert asked is not None
    # What such a file decides is not known: it is not the program's default.
    assert not asked.defaults & {"model", "provider", "thinking"}


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 50_000, "{a=" * 50_000, ".".join("a" * 50_000) + "=1"])
def test_an_option_of_a_command_line_that_costs_too_much_is_a_plain_string(value: str) -> None:
    asked = CODEX.request(["exec", "-c", f"x={value}", "-c", 'model="m"', "hi"], {}, codex_settings.Settings())
    assert asked is not None
    assert asked.request.model == "m"


def test_tables_in_tables_are_read_however_deep() -> None:
    told: dict[str, object] = {"model": "m"}
    for _ in range(5000):
        told = {"a": told}
    assert codex_settings.flat(told) == {"a." * 5000 + "model": "m"}
