"""The compose file, Jaeger's configuration and its UI's agree with each other and keep to loopback."""

from __future__ import annotations

import json
import re
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = re.compile(r"\$\{env:(\w+):-([^}]*)\}")


def loaded(path: str) -> dict[str, Any]:
    """Return a YAML (or JSON) file of the repository."""
    document: dict[str, Any] = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    return document


COMPOSE = loaded("docker-compose.yml")
JAEGER = loaded("deploy/jaeger/config.yaml")
UI = json.loads((ROOT / "deploy/jaeger/ui.json").read_text(encoding="utf-8"))

every_service = pytest.mark.parametrize("service", COMPOSE["services"].values(), ids=COMPOSE["services"])
every_link = pytest.mark.parametrize(
    "link",
    [*(entry for entry in UI["menu"] if "url" in entry), *UI["linkPatterns"]],
    ids=lambda link: link.get("key", "menu"),
)


@every_service
def test_the_image_is_pinned(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?", service["image"])


@every_service
def test_a_port_is_open_on_loopback_only(service: dict[str, Any]) -> None:
    for port in service["ports"]:
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


@every_service
def test_compose_knows_whether_it_is_healthy(service: dict[str, Any]) -> None:
    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"interval", "timeout", "retries"} < service["healthcheck"].keys()


@every_service
def test_it_runs_with_the_least_it_needs(service: dict[str, Any]) -> None:
    uid, gid = map(int, service["user"].split(":"))
    assert uid > 0
    assert gid > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert {"cpus", "memory"} <= service["deploy"]["resources"]["limits"].keys()


@every_service
def test_what_it_mounts_is_there_and_read_only(service: dict[str, Any]) -> None:
    for mount in service["volumes"]:
        source, _, mode = mount.split(":")
        assert (ROOT / source).exists()
        assert mode == "ro"


def test_jaeger_finds_its_files_in_the_container() -> None:
    service = COMPOSE["services"]["jaeger"]
    ((source, target, _),) = (mount.split(":") for mount in service["volumes"])
    for path in (
        service["command"][-1],
        defaulted(JAEGER["extensions"]["jaeger_query"]["ui"]["config_file"]),
    ):
        assert (ROOT / source / Path(path).relative_to(target)).is_file()


def test_jaeger_listens_where_compose_points() -> None:
    protocols = JAEGER["receivers"]["otlp"]["protocols"]
    query = JAEGER["extensions"]["jaeger_query"]
    listening = [query["http"]["endpoint"], *(each["endpoint"] for each in protocols.values())]
    published = [port.split(":")[1:] for port in COMPOSE["services"]["jaeger"]["ports"]]
    assert sorted(published) == sorted([defaulted(each).split(":")[1]] * 2 for each in listening)


def test_the_health_check_asks_the_port_that_answers() -> None:
    endpoint = defaulted(JAEGER["extensions"]["healthcheckv2"]["http"]["endpoint"])
    assert COMPOSE["services"]["jaeger"]["healthcheck"]["test"][-1] == f"http://{endpoint}/status"


def test_jaeger_without_variables_listens_on_loopback_only() -> None:
    endpoints = list(endpoints_in(JAEGER))
    assert len(endpoints) == 5
    assert {defaulted(each).split(":")[0] for each in endpoints} == {"127.0.0.1"}


def test_jaeger_listens_beyond_loopback_only_where_a_port_is_published() -> None:
    environment = COMPOSE["services"]["jaeger"]["environment"]
    assert environment["JAEGER_LISTEN_HOST"] == "0.0.0.0"
    opened = [each for each in endpoints_in(JAEGER) if "JAEGER_LISTEN_HOST" in each]
    assert len(opened) == len(COMPOSE["services"]["jaeger"]["ports"])


def test_every_part_of_jaegers_pipeline_is_configured() -> None:
    assert set(JAEGER["service"]["extensions"]) == JAEGER["extensions"].keys()
    (pipeline,) = JAEGER["service"]["pipelines"].values()
    for part in ("receivers", "processors", "exporters"):
        assert set(pipeline[part]) == JAEGER[part].keys()
    backend = JAEGER["exporters"]["jaeger_storage_exporter"]["trace_storage"]
    assert backend == JAEGER["extensions"]["jaeger_query"]["storage"]["traces"]
    assert backend in JAEGER["extensions"]["jaeger_storage"]["backends"]


def test_the_menu_offers_the_inherited_routes() -> None:
    assert tags_of(UI["menu"][0]["url"]) == {"dispatch.inherited": "true"}


@every_link
def test_a_link_searches_for_strings(link: dict[str, Any]) -> None:
    # Jaeger refuses a search whose values are not JSON strings, and true is not one.
    tags = tags_of(link["url"])
    assert tags
    assert all(isinstance(value, str) for value in tags.values())


@every_link
def test_a_link_needs_no_service(link: dict[str, Any]) -> None:
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(without_parameters(link["url"])).query)
    # Zeros make the UI count back from now; without them it wants a service before it searches.
    assert (query["start"], query["end"], query["lookback"]) == (["0"], ["0"], ["2d"])
    assert "service" not in query


@pytest.mark.parametrize("pattern", UI["linkPatterns"], ids=lambda pattern: pattern["key"])
def test_a_pattern_uses_only_the_attribute_it_hangs_on(pattern: dict[str, Any]) -> None:
    assert pattern["type"] == "tags"
    assert set(re.findall(r"#\{(.*?)\}", pattern["url"] + pattern["text"])) <= {pattern["key"]}
    assert pattern["key"] in tags_of(pattern["url"])


def defaulted(value: str) -> str:
    """Return a value as Jaeger reads it when no variable is set."""
    return DEFAULT.sub(lambda match: match[2], value)


def endpoints_in(node: Any) -> list[str]:
    """Return every address that a configuration listens on."""
    if not isinstance(node, dict):
        return []
    own = [node["endpoint"]] if "endpoint" in node else []
    return own + [each for value in node.values() for each in endpoints_in(value)]


def without_parameters(url: str) -> str:
    """Return a link pattern's URL with something in place of each parameter."""
    return re.sub(r"#\{.*?\}", "x", url)


def tags_of(url: str) -> dict[str, Any]:
    """Return what a link searches for."""
    (tags,) = urllib.parse.parse_qs(urllib.parse.urlsplit(without_parameters(url)).query)["tags"]
    found: dict[str, Any] = json.loads(tags)
    return found
