"""docs/versioning.md: what it calls stable is what there is, so that a change of either is seen."""

import importlib
import json
import re
from importlib.metadata import entry_points
from pathlib import Path

import httpx
import pytest

import otel_dispatch
from otel_dispatch import attributes, command, hosts, sdk
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told

PAGE = (Path(__file__).parent.parent / "docs" / "versioning.md").read_text()
BLOCKS = [block.split() for block in re.findall(r"^```\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)]


def section(word: str) -> str:
    """The paragraph that begins with this bold word."""
    (found,) = re.findall(rf"\*\*{word}\.?\*\*(.*?)(?=\n\n|\*\*|\Z)", PAGE, re.DOTALL)
    return str(found)


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def test_every_attribute_of_ours_is_promised() -> None:
    ours = {word for word in vars(attributes).values() if isinstance(word, str) and word.startswith("dispatch.")}
    metrics = {attributes.METRIC_CALLS, attributes.METRIC_DURATION, attributes.EVENT_RESOLVED, attributes.FIELD}
    assert set(BLOCKS[0]) == ours - metrics - {"dispatch."}
    assert len(BLOCKS[0]) == len(set(BLOCKS[0]))


def test_every_metric_and_label_is_promised(told: Told, provider: Provider) -> None:
    with httpx.Client() as client:
        client.post(f"{provider.url}/v1/chat/completions", json={"model": "m"})
    calls = ("dispatch.calls", "dispatch.inherited")
    labels = {key for name in calls for point in told.points(name) for key, _ in point}
    assert quoted(section("Metrics")) == {*labels, *calls, "dispatch.duration"}
    assert quoted(section("Event")) == {attributes.EVENT_RESOLVED}


def test_every_key_of_a_record_is_promised(
    told: Told, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPATCH_OTEL_RECORD_FILE", str(tmp_path / "r.jsonl"))

    @otel_dispatch.entry_point("agent", name="a")
    def agent() -> None:
        with httpx.Client() as client:
            client.post(f"{provider.url}/v1/chat/completions", json={"model": "m"})

    agent()
    for line in (tmp_path / "r.jsonl").read_text().splitlines():
        assert set(json.loads(line)) == set(BLOCKS[1])


def test_every_public_function_is_promised() -> None:
    names = quoted(section("Functions"))
    assert {*otel_dispatch.__all__} - {"__version__"} | {*hosts.__all__} == {
        name for name in names if "." not in name and name not in ("otel_dispatch", "__all__")
    }


def test_every_variable_is_promised() -> None:
    promised = quoted(section("Variables"))
    steered = {f"{sdk.PREFIX}{name}" for name in sdk.OURS}
    # What a process leaves to its child.
    between_ours = {"DISPATCH_OTEL_SCOPE", "DISPATCH_OTEL_CHILD"}
    assert steered - promised == between_ours
    asked = {"DISPATCH_OTEL", "DISPATCH_OTEL_X", "OTEL_X"}
    assert promised == steered - between_ours | asked


def test_every_registered_name_is_promised() -> None:
    registered = {
        entry.name
        for group in ("opentelemetry_instrumentor", "opentelemetry_traces_sampler")
        for entry in entry_points(group=group)
        if entry.value.startswith("otel_dispatch.")
    }
    assert quoted(section("Entry points")) == {"otel_dispatch.hosts", *registered}


def test_the_exit_codes_are_those_of_the_commands() -> None:
    assert "(0 done, 1 found what is wrong, 2 misused or unreadable)" in section("Commands")
    assert (command.DONE, command.FOUND_WRONG, command.MISUSED) == (0, 1, 2)


def test_what_is_linked_is_there() -> None:
    for link in re.findall(r"\]\(([a-z_./]+)\)", PAGE):
        assert (Path(__file__).parent.parent / "docs" / link).exists()


def test_what_is_promised_of_the_testing_helper_is_all_there() -> None:
    testing = importlib.import_module("otel_dispatch.testing")
    assert all(hasattr(testing, name) for name in testing.__all__)
