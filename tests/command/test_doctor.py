"""`doctor`: what is observed, where spans go, whether they arrive; and no secret."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from otel_dispatch import sdk
from otel_dispatch.__main__ import main
from otel_dispatch.command import doctor, listeners, neighbours, probe
from tests.sinks import HttpSink, dead_endpoint

Facts = dict[tuple[str, str], tuple[str, str]]
Look = Callable[[], tuple[int, Facts]]


@pytest.fixture
def look(capsys: pytest.CaptureFixture[str]) -> Look:
    """Runs the command; gives the exit code, and (part, what) → (state, detail)."""

    def run() -> tuple[int, Facts]:
        code = main(["doctor", "--json"])
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert told["ok"] is (code == 0)
        return code, {(f["part"], f["what"]): (f["state"], f["detail"]) for f in told["findings"]}

    return run


@pytest.fixture(scope="module")
def probed() -> dict[str, dict[str, Any]]:
    """What each library here has, as its one look told."""
    return {}


@pytest.fixture(autouse=True)
def each_library_is_looked_at_once(probed: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here changes a library: an interpreter for each of them in every test would find the same again."""

    def missing_in_each(wanted: Any) -> dict[str, Any]:
        key = repr(wanted)
        if key not in probed:
            probed[key] = probe.missing_in_each(wanted)
        return probed[key]

    monkeypatch.setattr(listeners, "missing_in_each", missing_in_each)


def test_a_fresh_environment_is_well(look: Look) -> None:
    code, facts = look()
    assert code == 0
    assert facts["start-up", "zz_otel_dispatch.pth"][0] == "ok"
    assert facts["start-up", "DISPATCH_OTEL"][0] == "note"
    version = metadata.version("httpx2")
    assert facts["transports", "httpx2"] == ("ok", f"httpx2 {version}: Client.send, AsyncClient.send")
    assert facts["dialects", "anthropic_messages"] == ("ok", "anthropic_native at /messages")
    assert "program" in facts["hosts", "found"][1]
    assert facts["records", "file"] == ("note", "DISPATCH_OTEL_RECORD_FILE names none")


@pytest.mark.parametrize(("is_user_site", "no_site", "is_run"), [(True, 0, True), (False, 0, False), (True, 1, False)])
def test_a_start_up_file_counts_only_where_python_looks_at_its_start(
    is_user_site: bool, no_site: int, is_run: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "zz_otel_dispatch.pth").touch()
    with monkeypatch.context() as m:
        m.setattr("site.getsitepackages", list)
        m.setattr("sysconfig.get_path", lambda _: str(tmp_path / "none"))
        m.setattr("site.getusersitepackages", lambda: str(tmp_path))
        m.setattr("site.ENABLE_USER_SITE", is_user_site)
        m.setattr("sys.flags", SimpleNamespace(no_site=no_site))
        found = doctor._start_file()
    assert (found is not None) is is_run


def test_a_dead_endpoint_is_wrong_only_where_observation_was_asked_for(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = dead_endpoint()
    monkeypatch.setenv("DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT", url)
    code, facts = look()
    told = f"over http/protobuf to {url}, which refuses (nothing listens there)"
    assert (code, facts["spans", "otlp"]) == (0, ("note", told))
    monkeypatch.setenv("DISPATCH_OTEL", "1")
    code, facts = look()
    assert (code, facts["spans", "otlp"]) == (1, ("wrong", told))


def test_an_endpoint_that_answers_is_well(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_OTEL", "1")
    with HttpSink() as sink:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
        code, facts = look()
    assert (code, facts["spans", "otlp"]) == (0, ("ok", f"over http/protobuf to {sink.url}, which answers"))


def test_entries_are_looked_up_where_they_are_named(
    look: Look, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "doctored.py").write_text("print('noise')\nclass Fleet:\n    def dispatch(self): ...\n")
    (tmp_path / "broken.py").write_text("raise ValueError('my secret')")
    (tmp_path / "leaving.py").write_text("import sys; sys.exit('my: secret')")
    monkeypatch.chdir(tmp_path)
    entries = (
        "fleet_dispatch=doctored:Fleet.dispatch",
        "run_skill=doctored:absent",
        "run_skill=not.there:f",
        "run_skill=broken:f",
        "run_skill=leaving:f",
        "run_skill=__main__:f",
        "nonsense",
        "cooking=doctored:Fleet.dispatch",
    )
    monkeypatch.setenv("DISPATCH_OTEL_ENTRYPOINTS", ",".join(entries))
    code, facts = look()
    found = [facts["entry points", entry] for entry in entries]
    assert code == 1
    assert found[:6] == [
        ("ok", "found"),
        ("wrong", "the module doctored has no callable absent"),
        ("wrong", "there is no module not"),
        ("wrong", "importing it raises ValueError"),
        ("wrong", "importing it ends the process"),
        ("note", "in the main script: seen when that runs"),
    ]
    assert all(state == "wrong" and "not of the form kind=" in detail for state, detail in found[6:])
    assert "doctored" not in sys.modules
    assert sys.gettrace() is None or "otel_dispatch" not in repr(sys.gettrace())


def test_no_secret_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    where = dead_endpoint().removeprefix("http://")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://user:s3cret@{where}/s3cret?key=s3cret")
    monkeypatch.setenv("DISPATCH_OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cret")
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    for words in (["doctor"], ["doctor", "--json"]):
        main(words)
        captured = capsys.readouterr()
        assert where in captured.out
        assert "DISPATCH_OTEL_EXPORTER_OTLP_HEADERS" in captured.out
        assert "s3cret" not in captured.out + captured.err


@pytest.mark.parametrize(
    ("name", "state"), [("new.jsonl", "ok"), ("no/folder.jsonl", "wrong"), (".", "wrong"), ("old.jsonl/x", "wrong")]
)
def test_the_record_file_is_looked_at_and_not_made(
    look: Look, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, state: str
) -> None:
    (tmp_path / "old.jsonl").touch()
    monkeypatch.setenv("DISPATCH_OTEL_RECORD_FILE", str(tmp_path / name))
    code, facts = look()
    assert (code, facts["records", "file"][0]) == (int(state == "wrong"), state)
    assert [file.name for file in tmp_path.iterdir()] == ["old.jsonl"]


@pytest.mark.parametrize(
    ("variables", "what", "state"),
    [
        ({"DISPATCH_OTEL": "maybe"}, ("start-up", "DISPATCH_OTEL"), "wrong"),
        ({"DISPATCH_OTEL": "0"}, ("start-up", "DISPATCH_OTEL"), "note"),
        ({"OTEL_TRACES_EXPORTER": "none"}, ("spans", "exporter"), "note"),
        ({"OTEL_TRACES_EXPORTER": "console"}, ("spans", "console"), "ok"),
        ({"OTEL_TRACES_EXPORTER": "zipkon"}, ("spans", "zipkon"), "wrong"),
        ({"OTEL_SDK_DISABLED": "true"}, ("spans", "OTEL_SDK_DISABLED"), "note"),
        ({"DISPATCH_OTEL_BSP_SCHEDULE_DELAY": "1"}, ("spans", "DISPATCH_OTEL_BSP_SCHEDULE_DELAY"), "note"),
        ({"ANTHROPIC_OPEN_TELEMETRY": "false"}, ("others", "Anthropic SDK's spans"), "note"),
    ],
)
def test_what_the_environment_says_is_told(
    look: Look, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], what: tuple[str, str], state: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code, facts = look()
    assert (code, facts[what][0]) == (int(state == "wrong"), state)


def test_a_variable_of_our_own_stands_for_none_of_opentelemetrys(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("ENTRYPOINTS", "PINS", "PROVIDERS", "QUERY_HEADERS", "RECORD_FILE", "SCOPE", "CHILD")
    for name in names:
        monkeypatch.setenv(f"DISPATCH_OTEL_{name}", "")
    _, facts = look()
    assert [name for name in names if ("spans", f"DISPATCH_OTEL_{name}") in facts] == []
    with sdk.overlay():
        assert [name for name in names if f"OTEL_{name}" in os.environ] == []


def test_a_missing_start_up_file_is_wrong_where_observation_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_start_file", lambda: None)
    assert doctor._of_start(frozenset())[0].state == "note"
    monkeypatch.setenv("DISPATCH_OTEL", "1")
    assert doctor._of_start(frozenset())[0].state == "wrong"


def test_others_are_known_by_their_distributions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = (
        "logfire",
        "traceloop_sdk",
        "opentelemetry_instrumentation_openai_v2",
        "opentelemetry_instrumentation_openai",
    )
    for name in names:
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    monkeypatch.setattr(metadata, "distributions", lambda: metadata.Distribution.discover(path=[str(tmp_path)]))
    found = {finding.what: finding.detail for finding in neighbours.of_neighbours()}
    found.pop("Anthropic SDK's spans")
    assert found == {
        "Logfire": "logfire 1.0",
        "OpenLLMetry": "opentelemetry-instrumentation-openai 1.0, traceloop-sdk 1.0",
        "OpenTelemetry GenAI": "opentelemetry-instrumentation-openai-v2 1.0",
    }


def test_the_table_ends_in_a_verdict(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.endswith("\nAll is well.\n")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkon")
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out.endswith("\n1 thing is wrong.\n")


def test_it_runs_in_an_environment_that_is_switched_on() -> None:
    command = [sys.executable, "-m", "otel_dispatch", "doctor", "--json"]
    env = {
        "PATH": "",
        "DISPATCH_OTEL": "1",
        "OTEL_TRACES_EXPORTER": "none",
        "DISPATCH_OTEL_ENTRYPOINTS": "agent=__main__:f",
    }
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["ok"] is True
