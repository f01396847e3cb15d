"""`explain`: it says of a call what the span of that call says when an SDK really sends it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import otel_dispatch as od
from otel_dispatch.__main__ import main
from otel_dispatch.command.ways import FORMATS
from otel_dispatch.demo.provider import Provider
from tests.command.explain_calls import CASES, Case, chat
from tests.conftest import Told

Tell = Callable[..., tuple[int, Any]]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Runs `explain --json`; gives the exit code and what it says."""

    def run(*words: str) -> tuple[int, Any]:
        code = main(["explain", *words, "--json"])
        captured = capsys.readouterr()
        assert captured.err == ""
        return code, json.loads(captured.out)

    return run


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_says_what_the_span_of_the_same_call_says(
    told: Told, provider: Provider, tell: Tell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, case: Case
) -> None:
    def filled(text: str) -> str:
        return text.format(url=provider.url, port=provider.port, body=body)

    body = tmp_path / "body.json"
    body.write_text(json.dumps(case.body))
    env = {name: filled(value) for name, value in case.env.items()}
    primary = [word for name, value in case.primary.items() for word in (f"--primary-{name}", value)]
    given = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
    code, said = tell(*filled(case.words).split(), *given, *primary)
    assert provider.seen == []
    assert not env.keys() & os.environ.keys()

    for name, value in env.items():
        monkeypatch.setenv(name, value)
    provider.script(case.answer)
    with ExitStack() as scopes:
        if case.primary:
            scopes.enter_context(od.scope("primary", **case.primary))
            scopes.enter_context(od.scope("escalation"))
        case.call(f"{provider.url}/anthropic" if "/anthropic" in case.words else provider.url, **case.options)
    attributes = dict(told.only().attributes or {})
    # The answer comes later, and so does what it says.
    later = ("dispatch.outcome.", "gen_ai.response.", "gen_ai.usage.", "http.response.")
    assert said["attributes"] == {n: v for n, v in attributes.items() if not n.startswith(later)}
    fields = {each["field"]: each for each in said["fields"]}
    for name, each in fields.items():
        assert each["origin"] == attributes[f"dispatch.provenance.{name}"]
        assert name == "thinking" or each["value"] == attributes[f"dispatch.{name}"]
    assert ",".join(said["inherited"]) == attributes["dispatch.inherited_fields"]
    assert ",".join(said["mismatch"]) == attributes.get("dispatch.mismatch", "")
    assert code == int(attributes["dispatch.inherited"])


def whys(said: Any) -> dict[str, str]:
    return {each["field"]: each["why"] for each in said["fields"]}


def test_each_pin_is_named_and_no_value_of_a_variable_is(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--wire-format", "anthropic_native", "--model", "m", "--thinking", "high"]
    for pair in (
        "ANTHROPIC_BASE_URL=https://user:secret@llm.corp.example/team?key=secret",
        "ANTHROPIC_MODEL=m",
        "ANTHROPIC_SMALL_FAST_MODEL=m",
        "DISPATCH_OTEL_PINS=EFFORT",
        "EFFORT=high",
        "OPENAI_MODEL=of-another-secret",
    ):
        words += ["--env", pair]
    assert main(["explain", *words]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert rows["provider"].endswith("held by ANTHROPIC_BASE_URL")
    assert rows["model"].endswith("held by ANTHROPIC_MODEL, ANTHROPIC_SMALL_FAST_MODEL")
    assert rows["thinking"].endswith("held by EFFORT (in DISPATCH_OTEL_PINS)")
    assert "Base URL: ANTHROPIC_BASE_URL names it." in out
    assert "DISPATCH_OTEL_PROVIDERS=llm.corp.example:443=NAME says who answers there." in out
    assert "secret" not in out


def test_an_inherited_value_is_told_as_the_alarm_that_it_would_be(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--base-url", "https://api.minimax.io/anthropic", "--model", "claude-opus-5-5"]
    assert main(["explain", *words, "--primary-provider", "minimax", "--primary-model", "MiniMax-M2"]) == 1
    out = capsys.readouterr().out
    assert "equal to the primary's, and nobody chose it for the escalation" in out
    assert "differs from the primary's MiniMax-M2" in out
    assert "The call is made inside an escalation from the primary minimax/MiniMax-M2." in out
    assert out.endswith("This call would raise the alarm: nobody chose its provider.\n")


def test_the_scope_that_a_parent_left_is_taken_up_and_left_behind(told: Told, tell: Tell, provider: Provider) -> None:
    words = ("--base-url", f"{provider.url}/v1", "--wire-format", "openai_compat", "--model", "m")
    with (
        od.scope("primary", provider="local", model="x"),
        od.scope("escalation"),
        od.provenance(thinking="operator_pin"),
    ):
        assert od.resolve("model", pipeline_input="m") == "m"
        left = od.propagation_env({})["DISPATCH_OTEL_SCOPE"]
        chat(provider.url)
    code, said = tell(*words, "--env", f"DISPATCH_OTEL_SCOPE={left}")
    attributes = told.only().attributes or {}
    assert {each["field"]: each["origin"] for each in said["fields"]} == {
        name: attributes[f"dispatch.provenance.{name}"]
        for name in ("provider", "model", "wire_format", "thinking", "tool_format")
    }
    assert (code, said["inherited"]) == (1, ["provider"])
    assert whys(said)["model"] == whys(said)["thinking"] == "DISPATCH_OTEL_SCOPE declares it"
    assert tell(*words)[1]["inherited"] == []


def test_an_answer_s_headers_may_prove_who_answers(tell: Tell) -> None:
    words = ("--base-url", "http://localhost:8000/v1", "--wire-format", "openai_compat", "--model", "m")
    _, unproven = tell(*words)
    assert unproven["attributes"]["dispatch.provider"] == "local"
    where = "or DISPATCH_OTEL_PROVIDERS=localhost:8000=NAME says it."
    assert unproven["notes"] == [
        f"localhost is this machine: who answers there shows in the answer (--header), {where}"
    ]
    _, proven = tell(*words, "--header", "Server: vllm/0.9")
    assert (proven["attributes"]["dispatch.provider"], proven["notes"]) == ("vllm", [])
    _, switched = tell(*words, "--header", "x-litellm-attempted-fallbacks:1", "--header", "x-stainless-retry-count: 2")
    assert switched["attributes"]["dispatch.provenance.model"] == "escalation_override"
    assert switched["attributes"]["http.request.resend_count"] == 2
    assert whys(switched)["model"] == "the answer says that a fallback on the way chose it"


CLOUDS = [
    ("https://x.openai.azure.com", "dep", [], ("azure_openai", "dep", "openai_compat")),
    ("https://bedrock-runtime.us-east-1.amazonaws.com", "eu.amazon.nova", [], ("bedrock", "", "bedrock_converse")),
    (
        "https://bedrock-runtime.us-east-1.amazonaws.com",
        "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude",
        ["--wire-format", "anthropic_native", "--thinking", "2048"],
        ("bedrock", "", "anthropic_native"),
    ),
    ("https://us-aiplatform.googleapis.com", "claude-opus-5-5", [], ("vertex", "", "anthropic_native")),
    ("https://us-aiplatform.googleapis.com", "gemini-3-pro", ["--thinking", "low"], ("vertex", "", "gemini")),
    (
        "https://us-aiplatform.googleapis.com",
        "meta/llama",
        ["--wire-format", "openai_compat"],
        ("vertex", "", "openai_compat"),
    ),
    ("https://api.deepseek.com/anthropic", "deepseek-chat", [], ("deepseek", "", "anthropic_native")),
    ("https://api.minimax.io/v1", "MiniMax-M2", [], ("minimax", "", "openai_compat")),
    ("https://generativelanguage.googleapis.com/v1beta/openai", "gemini-3-pro", [], ("gemini", "", "openai_compat")),
]


@pytest.mark.parametrize(("url", "model", "more", "expected"), CLOUDS, ids=lambda each: str(each)[:50])
def test_clouds_and_gateways_are_read_by_their_own_paths(
    tell: Tell, url: str, model: str, more: list[str], expected: tuple[str, str, str]
) -> None:
    _, said = tell("--base-url", url, "--model", model, *more)
    found = said["attributes"]
    assert (found["dispatch.provider"], found["dispatch.model"], found["dispatch.wire_format"]) == (
        expected[0],
        model,
        expected[2],
    )
    assert said["mismatch"] == []


@pytest.mark.parametrize("wire_format", [each for each in FORMATS if each != "bedrock_converse"])
def test_without_a_base_url_the_sdk_s_own_default_is_meant(tell: Tell, wire_format: str) -> None:
    _, said = tell("--wire-format", wire_format, "--model", "m")
    assert said["attributes"]["dispatch.wire_format"] == wire_format
    assert said["notes"][0].startswith("Base URL: the SDK's own default, as ")
    assert said["attributes"]["dispatch.provenance.provider"] == (
        "unknown" if wire_format == "ollama" else "catalog_default"
    )


def test_a_whole_url_is_taken_as_it_is(tell: Tell, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"model": "e", "input": ["hi"]}')
    _, said = tell("--base-url", "https://api.openai.com/v1/embeddings?x=1", "--body", str(body))
    assert (said["operation"], said["dialect"], said["host"]) == ("embeddings", "openai_embeddings", "api.openai.com")
    assert said["notes"] == ["Wire format: the path of --base-url is one of its own."]


def test_the_body_may_come_through_standard_input() -> None:
    command = [sys.executable, "-m", "otel_dispatch", "explain", "--wire-format", "openai_responses", "--body", "-"]
    body = b'{"model": "m", "input": "hi", "reasoning": {"effort": "low"}, "tools": [{}]}'
    done = subprocess.run(command, input=body, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    rows = [line.split() for line in done.stdout.decode().splitlines()[1:6]]
    assert [row[1] for row in rows] == ["openai", "m", "openai_responses", "effort", "native"]


LEVELS = ("minimal", "low", "medium", "high", "xhigh", "max")
MODES = {
    "anthropic_native": ("off", "adaptive", "effort", "enabled"),
    "openai_compat": ("off", "effort"),
    "openai_responses": ("off", "effort"),
    "gemini": ("off", "adaptive", "effort", "enabled"),
    "gemini_interactions": ("effort",),
    "ollama": ("off", "enabled on", "effort"),
    "cohere": ("off", "enabled on", "enabled"),
    "bedrock_converse": ("off", "adaptive", "effort", "enabled"),
}
SAID = {"off": ("off", "none", "disabled"), "adaptive": ("adaptive", "auto"), "effort": LEVELS, "enabled": ("2048",)}
SAID["enabled on"] = ("on", "enabled")


@pytest.mark.parametrize("wire_format", FORMATS)
def test_each_thinking_word_is_read_back_or_refused(
    tell: Tell, capsys: pytest.CaptureFixture[str], wire_format: str
) -> None:
    for mode, words in SAID.items():
        for word in words:
            told = ("--base-url", "http://localhost", "--wire-format", wire_format, "--model", "m", "--thinking", word)
            if mode not in MODES[wire_format]:
                assert main(["explain", *told]) == 2
                assert f"{wire_format} cannot say thinking {word}, but " in capsys.readouterr().err
                continue
            found = tell(*told)[1]["attributes"]
            assert found["dispatch.thinking.mode"] == mode.split()[0], word
            assert found.get("dispatch.thinking.level") in ((word,) if mode == "effort" else (None, "none"))
            assert found.get("dispatch.thinking.budget_tokens") == (2048 if word == "2048" else None)


@pytest.fixture
def bad_files(tmp_path: Path) -> dict[str, str]:
    files = {"text": "not json", "list": "[]", "empty": "{}", "deep": "[" * 100_000}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return {name: str(tmp_path / name) for name in [*files, "nowhere"]}


BAD = [
    ("", "give --base-url, or --wire-format"),
    ("--model m", "give --base-url, or --wire-format"),
    ("--base-url https://api.openai.com/v1", "it names no model"),
    ("--wire-format gemini", "it names no model"),
    ("--wire-format openai_compat --model=", "it names no model"),
    ("--base-url https://secret@host.example --model m", "nobody knows what is spoken at host.example: name it with"),
    ("--base-url http://localhost:8000 --model m", "nobody knows what is spoken at localhost: name it with"),
    ("--base-url ftp://secret/ --model m", "--base-url is no URL like"),
    ("--base-url secret --model m", "--base-url is no URL like"),
    ("--base-url https://host:secret/ --model m", "--base-url is no URL like"),
    ("--base-url https://[secret/ --model m", "--base-url is no URL like"),
    ("--base-url https:// --model m", "--base-url is no URL like"),
    ("--wire-format openai_compat --model m --env OPENAI_BASE_URL=http://", "the variable of the base URL is no URL"),
    ("--wire-format nonsense --model m", "--wire-format takes one of anthropic_native, "),
    ("--wire-format claude_cli --model m", "--wire-format takes one of anthropic_native, "),
    ("--wire-format bedrock_converse --model m", "has no host without a region: give --base-url"),
    ("--base-url https://api.openai.com/v1/responses --wire-format gemini --model m", "is one of openai_responses"),
    ("--wire-format openai_compat --model m --thinking hgih", "--thinking takes off, on, adaptive, "),
    ("--wire-format openai_compat --model m --thinking ²", "--thinking takes off, on, adaptive, "),
    ("--wire-format openai_compat --body {text}", "--body holds no JSON object"),
    ("--wire-format openai_compat --body {list}", "--body holds no JSON object"),
    ("--wire-format openai_compat --body {deep}", "--body holds no JSON object"),
    ("--wire-format openai_compat --body {empty}", "it names no model"),
    ("--base-url https://api.openai.com/v1/embeddings --model e", "read as openai_embeddings needs a body of its own"),
    ("--wire-format openai_compat --body {nowhere}", "cannot be read: No such file"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD)
def test_what_cannot_be_explained_is_told_in_one_sentence(
    capsys: pytest.CaptureFixture[str], bad_files: dict[str, str], words: str, sentence: str
) -> None:
    assert main(["explain", *words.format(**bad_files).split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert sentence in captured.err
    assert captured.err.count("\n") == 1
    assert "secret" not in captured.err


@pytest.mark.parametrize("words", [["--env", "SECRET"], ["--env", "=secret"], ["--header", "secret"]])
def test_a_pair_that_is_none_is_not_repeated(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["explain", "--wire-format", "openai_compat", "--model", "m", *words])
    assert stopped.value.code == 2
    assert "secret" not in capsys.readouterr().err.lower()
