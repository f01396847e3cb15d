"""CONTRIBUTING.md: each of its recipes is put into the package as it stands, and a call goes through it."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from otel_dispatch.demo.provider import Answer, Provider, chat

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "CONTRIBUTING.md"

PROGRAM = """
import importlib, json, sys
folder = sys.argv[1]
sys.path.insert(0, folder)
for name in ("dialects", "transports", "hosts"):
    importlib.import_module(f"otel_dispatch.{{name}}").__path__.append(f"{{folder}}/otel_dispatch/{{name}}")
from otel_dispatch import guard, testing
guard.report = lambda place, error: sys.exit(f"{{place}}: {{error!r}}")
with testing.recorded() as records:
{body}
for each in records:
    told = (each.kind, each.name, each.outcome, each.outcome_class, each.content_len)
    told += (each.usage.input, each.usage.output)
    print(json.dumps([*told, each.entry_id is not None]))
"""

PLUGIN = """
import otel_dispatch.dialects, tests.dialects.samples
for package in (otel_dispatch.dialects, tests.dialects.samples):
    package.__path__.append({folder!r} + "/" + package.__name__.replace(".", "/"))
"""
FOR_EVERY_DIALECT = [
    *(f"tests/dialects/test_{name}.py" for name in ("any_bytes", "no_content", "shortcuts")),
    *(f"tests/test_{name}.py" for name in ("canary", "fuzz")),
]

PIGEON = """
import http.client
from urllib.parse import urlsplit

class Reply:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, dict(response.headers), response.read()

class Courier:
    def post(self, url, body=b""):
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        try:
            connection.request("POST", parts.path, body, {"content-type": "application/json"})
            return Reply(connection.getresponse())
        finally:
            connection.close()
"""

TINYCREW = """
import httpx

class Crew:
    role = "critic"
    def kickoff(self, task, url, model="m"):
        if not task:
            return None
        with httpx.Client() as client:
            return client.post(f"{url}/v1/chat/completions", json={"model": model}).json()
"""


def recipes() -> dict[str, str]:
    found = re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return dict(found)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with the recipes where the package would have them, and the libraries that they are for."""
    for name, code in recipes().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    (tmp_path / "pigeon.py").write_text(PIGEON)
    (tmp_path / "tinycrew.py").write_text(TINYCREW)
    return tmp_path


def told_by(package: Path, body: str) -> list[list[Any]]:
    code = PROGRAM.format(body=textwrap.indent(body, "    "))
    command = [sys.executable, "-c", code, str(package)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def answer(**body: Any) -> Answer:
    return Answer(headers={"content-type": "application/json"}, body=json.dumps(body).encode())


def test_there_is_a_recipe_for_each_kind_of_file() -> None:
    assert list(recipes()) == [
        "otel_dispatch/dialects/acme.py",
        "tests/dialects/samples/acme.py",
        "otel_dispatch/transports/pigeon.py",
        "otel_dispatch/hosts/tinycrew.py",
    ]


def test_the_dialect_reads_whole_answers_streams_and_errors(package: Path, provider: Provider) -> None:
    events = [b'data: {"text":"He","last":false}\n\n', b'data: {"text":"y","last":true,"tokens":{"out":4}}\n\n']
    provider.script(
        answer(model="acme-2", text="Hello.", stop_reason="stop", tokens={"in": 3, "out": 5}),
        Answer(headers={"content-type": "text/event-stream"}, chunks=list(events)),
        Answer(headers={"content-type": "text/event-stream"}, chunks=[events[0]]),
        Answer(status=429, body=b'{"error":{"code":"rate_limit_exceeded"}}'),
    )
    body = f"""
import httpx
with httpx.Client() as client:
    for sent in ({{}}, {{"stream": True}}, {{"stream": True}}, {{}}):
        client.post("{provider.url}/acme/complete", json={{"model": "acme-1", "prompt": "x", **sent}})
    client.post("{provider.url}/acme/complete", json={{"prompt": "no model, no call"}})
"""
    name = ["llm_call", "text_completion acme-1"]
    assert told_by(package, body) == [
        [*name, "served", None, 6, 3, 5, False],
        [*name, "served", None, 3, None, 4, False],
        [*name, "provider_error", "malformed_response", None, None, None, False],
        [*name, "usage_limit", "rate_limit", None, None, None, False],
    ]


@pytest.mark.timeout(240)
def test_the_dialect_with_its_samples_passes_what_holds_for_every_dialect(package: Path) -> None:
    (package / "recipes.py").write_text(PLUGIN.format(folder=str(package)))
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env["PYTHONPATH"] = str(package)
    plugins = ["-p", "recipes", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-v", *plugins, "-k", "acme or every_dialect_has", *FOR_EVERY_DIALECT]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=220, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in FOR_EVERY_DIALECT:
        assert re.search(rf"^{name}::.*acme.* PASSED", done.stdout, re.MULTILINE), name


def test_the_transport_carries_every_dialect(package: Path, provider: Provider) -> None:
    provider.script(chat("Hello.", model="m", usage=(2, 3)), answer(text="Hi.", tokens={"out": 1}), answer(ok=True))
    body = f"""
import pigeon
courier = pigeon.Courier()
assert b"Hello." in courier.post("{provider.url}/v1/chat/completions", body=b'{{"model":"m"}}').body
assert courier.post("{provider.url}/acme/complete", b'{{"model":"a","prompt":"x"}}').status == 200
courier.post("{provider.url}/v1/files", b"no model call")
try:
    courier.post("http://127.0.0.1:1/v1/chat/completions", b'{{"model":"m"}}')
except ConnectionRefusedError:
    pass
"""
    assert told_by(package, body) == [
        ["llm_call", "chat m", "served", None, 6, 2, 3, False],
        ["llm_call", "text_completion a", "served", None, 3, None, 1, False],
        ["llm_call", "chat m", "provider_error", "connection", None, None, None, False],
    ]


def test_the_host_gathers_its_calls(package: Path, provider: Provider) -> None:
    provider.script(chat("Hello.", model="m", usage=(2, 3)))
    body = f"""
import tinycrew
tinycrew.Crew().kickoff("task", "{provider.url}")
tinycrew.Crew().kickoff("", "{provider.url}")
"""
    assert [line[:3] + line[-1:] for line in told_by(package, body)] == [
        ["llm_call", "chat m", "served", True],
        ["agent", "invoke_agent critic", "served", False],
        ["agent", "invoke_agent critic", "refused", False],
    ]


def test_the_recipes_keep_the_rules_of_the_house(package: Path) -> None:
    for name in recipes():
        for tool in (["check", "-"], ["format", "--check", "-"]):
            command = [sys.executable, "-m", "ruff", *tool[:-1], "--stdin-filename", str(ROOT / name), "-"]
            done = subprocess.run(
                command, cwd=ROOT, input=(package / name).read_text(), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr


def test_the_commands_of_the_page_are_there() -> None:
    sources = {name: (ROOT / name).read_text() for name in ("dev.py", "pyproject.toml")}
    for word in re.findall(r"python3 dev\.py (\w+)", PAGE.read_text()):
        assert f'"{word}"' in sources["dev.py"], word
    for link in re.findall(r"\]\(([a-z_./]+)\)", PAGE.read_text()):
        assert (ROOT / link).exists(), link
    for path in re.findall(r"`((?:tests|transports)/[\w/]+\.py)`", PAGE.read_text()):
        is_new = any(word in path for word in ("acme", "pigeon"))
        assert is_new or (ROOT / path).exists() or (ROOT / "otel_dispatch" / path).exists(), path
