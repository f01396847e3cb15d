"""The compose file and what it mounts agree with each other, keep to loopback, and hold no secret."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from .deployed import COMPOSE, JAEGER, ROOT, TEMPO, loaded

DEFAULT = re.compile(r"\$\{env:(\w+):-([^}]*)\}")
PORT = re.compile(r"127\.0\.0\.1:\$\{(DISPATCH_\w+_PORT):-(\d+)\}:(\d+)")
PROFILES = {"jaeger": None, "prometheus": ["alerting", "tempo"], "alertmanager": ["alerting"]}
PROFILES |= {"tempo": ["tempo"], "grafana": ["tempo"]}

every_service = pytest.mark.parametrize("service", COMPOSE["services"].values(), ids=COMPOSE["services"])


def test_jaeger_alone_runs_unless_a_profile_asks_for_more() -> None:
    assert {name: service.get("profiles") for name, service in COMPOSE["services"].items()} == PROFILES


@every_service
def test_the_image_is_pinned(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?", service["image"])


@every_service
def test_a_port_is_open_on_loopback_only_and_can_be_another(service: dict[str, Any]) -> None:
    assert service["ports"]
    assert all(PORT.fullmatch(port) for port in service["ports"])


def test_no_two_services_want_the_same_port_or_variable() -> None:
    found = [PORT.fullmatch(port) for service in COMPOSE["services"].values() for port in service["ports"]]
    for part in (1, 2):
        names = [match[part] for match in found if match]
        assert len(set(names)) == len(names)


@every_service
def test_compose_knows_whether_it_is_healthy(service: dict[str, Any]) -> None:
    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"interval", "timeout", "retries"} < service["healthcheck"].keys()


@every_service
def test_the_health_check_asks_a_port_that_is_listened_on(service: dict[str, Any]) -> None:
    asked = re.search(r"http://127\.0\.0\.1:(\d+)/", service["healthcheck"]["test"][-1])
    health = defaulted(JAEGER["extensions"]["healthcheckv2"]["http"]["endpoint"]).split(":")[1]
    assert asked
    assert asked[1] in {health, *(port.split(":")[-1] for port in service["ports"])}


@every_service
def test_it_runs_with_the_least_it_needs(service: dict[str, Any]) -> None:
    uid, _ = map(int, service["user"].split(":"))
    assert uid > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["pids_limit"] <= 256
    assert {"cpus", "memory"} <= service["deploy"]["resources"]["limits"].keys()


@every_service
def test_go_is_told_of_less_memory_than_there_is(service: dict[str, Any]) -> None:
    limit = int(service["deploy"]["resources"]["limits"]["memory"].removesuffix("M"))
    told = int(service["environment"]["GOMEMLIMIT"].removesuffix("MiB"))
    assert 0.7 * limit < told < 0.85 * limit


@every_service
def test_what_it_mounts_of_ours_is_there_and_read_only(service: dict[str, Any]) -> None:
    for mount in service["volumes"]:
        source, _, *mode = mount.split(":")
        if source.startswith("."):
            assert (ROOT / source).is_dir()
            assert mode == ["ro"]
        else:
            assert source in COMPOSE["volumes"]


@every_service
def test_no_secret_stands_in_it(service: dict[str, Any]) -> None:
    words = json.dumps(service).lower()
    assert not re.search(r"password|secret_key|api_?key|token", words)


def test_nobody_can_log_in_to_grafana_and_no_password_exists() -> None:
    environment = COMPOSE["services"]["grafana"]["environment"]
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"


@pytest.mark.parametrize(("service", "option"), [("prometheus", "--config.file="), ("tempo", "-config.file=")])
def test_a_service_finds_its_configuration(service: str, option: str) -> None:
    (path,) = (each.removeprefix(option) for each in COMPOSE["services"][service]["command"] if each.startswith(option))
    assert on_the_host(service, path).is_file()


@pytest.mark.parametrize(
    ("service", "option", "variable"),
    [
        ("alertmanager", "--config.file=", "DISPATCH_ALERTMANAGER_CONFIG"),
        ("jaeger", "--config=", "DISPATCH_JAEGER_OVERLAY"),
    ],
)
def test_a_configuration_that_can_be_chosen_has_a_default_that_is_there(
    service: str, option: str, variable: str
) -> None:
    words = COMPOSE["services"][service]["command"]
    (path,) = (each for each in words if each.startswith(option) and "$" in each)
    folder, _, default = path.removeprefix(option).partition(f"${{{variable}:-")
    assert on_the_host(service, folder + default.removesuffix("}")).is_file()


def test_jaegers_overlay_reads_the_prometheus_of_the_compose_file() -> None:
    (backend,) = loaded("deploy/jaeger/spm.yaml")["extensions"]["jaeger_storage"]["metric_backends"].values()
    assert backend["prometheus"]["endpoint"].startswith("${env:JAEGER_PROMETHEUS_URL:-")
    url = urllib.parse.urlsplit(COMPOSE["services"]["jaeger"]["environment"]["JAEGER_PROMETHEUS_URL"])
    assert COMPOSE["services"][url.hostname or ""]["ports"][0].endswith(f":{url.port}")


def test_prometheus_takes_what_tempo_writes() -> None:
    assert "--web.enable-remote-write-receiver" in COMPOSE["services"]["prometheus"]["command"]
    url = urllib.parse.urlsplit(COMPOSE["services"]["tempo"]["environment"]["TEMPO_REMOTE_WRITE"])
    assert (url.hostname, url.port, url.path) == ("prometheus", 9090, "/api/v1/write")


def test_tempo_keeps_its_data_in_its_volume() -> None:
    text = (ROOT / "deploy/tempo/tempo.yaml").read_text(encoding="utf-8")
    data = COMPOSE["services"]["tempo"]["environment"]["TEMPO_DATA"]
    assert f"tempo:{data}" in COMPOSE["services"]["tempo"]["volumes"]
    places = re.findall(r"(?:path|dir): (.+)", text)
    assert len(places) >= 6
    assert all(re.fullmatch(r"\$\{TEMPO_DATA:-/tmp/tempo\}/[\w/-]+", place) for place in places)


def test_tempo_listens_where_compose_points_and_on_loopback_without_variables() -> None:
    receivers = TEMPO["distributor"]["receivers"]["otlp"]["protocols"]
    listening = [each["endpoint"] for each in receivers.values()]
    server = TEMPO["server"]
    listening.append(f"{server['http_listen_address']}:{server['http_listen_port']}")
    assert {each.split(":")[0] for each in [*listening, server["grpc_listen_address"]]} == {"127.0.0.1"}
    published = [port.split(":")[-1] for port in COMPOSE["services"]["tempo"]["ports"]]
    assert sorted(each.split(":")[1] for each in listening) == sorted(published)


def test_jaeger_finds_its_files_in_the_container() -> None:
    for path in (
        COMPOSE["services"]["jaeger"]["command"][0].removeprefix("--config="),
        defaulted(JAEGER["extensions"]["jaeger_query"]["ui"]["config_file"]),
    ):
        assert on_the_host("jaeger", path).is_file()


def test_jaeger_listens_where_compose_points() -> None:
    protocols = JAEGER["receivers"]["otlp"]["protocols"]
    query = JAEGER["extensions"]["jaeger_query"]
    listening = [query["http"]["endpoint"], *(each["endpoint"] for each in protocols.values())]
    published = [PORT.fullmatch(port) for port in COMPOSE["services"]["jaeger"]["ports"]]
    ports = sorted(defaulted(each).split(":")[1] for each in listening)
    assert sorted(match[2] for match in published if match) == ports
    assert sorted(match[3] for match in published if match) == ports


def test_jaeger_without_variables_listens_on_loopback_only() -> None:
    endpoints = list(endpoints_in({key: JAEGER[key] for key in ("extensions", "receivers", "exporters")}))
    assert len(endpoints) >= 5
    assert {defaulted(each).split(":")[0] for each in endpoints} == {"127.0.0.1"}


def test_every_part_of_jaegers_pipelines_is_configured_and_used() -> None:
    assert set(JAEGER["service"]["extensions"]) == JAEGER["extensions"].keys()
    pipelines = JAEGER["service"]["pipelines"].values()
    used = {part for pipeline in pipelines for role in pipeline.values() for part in role}
    roles = ("receivers", "processors", "connectors", "exporters")
    assert used == {part for role in roles for part in JAEGER.get(role) or {}}
    backend = JAEGER["exporters"]["jaeger_storage_exporter"]["trace_storage"]
    assert backend == JAEGER["extensions"]["jaeger_query"]["storage"]["traces"]
    assert backend in JAEGER["extensions"]["jaeger_storage"]["backends"]


@pytest.mark.parametrize("profiles", [[], ["alerting"], ["tempo"], ["alerting", "tempo"]], ids="+".join)
def test_compose_takes_the_file(profiles: list[str]) -> None:
    program = compose()
    if program is None:
        pytest.skip(
            "no Compose here: neither docker compose nor docker-compose (Debian: apt-get install docker-compose)"
        )
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DISPATCH_", "COMPOSE_"))}
    ran = subprocess.run(
        [*program, *chosen, "config", "--quiet"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def compose() -> list[str] | None:
    """Return the command that runs Compose, the plugin before the older program, or None."""
    plugin = ["docker", "compose"]
    if shutil.which("docker") and subprocess.run([*plugin, "version"], capture_output=True, timeout=60).returncode == 0:
        return plugin
    older = shutil.which("docker-compose")
    return [older] if older else None


def on_the_host(service: str, path: str) -> Path:
    """Return where a path of the container lies in the repository."""
    for mount in COMPOSE["services"][service]["volumes"]:
        source, target, *_ = mount.split(":")
        if source.startswith(".") and Path(path).is_relative_to(target):
            return ROOT / source / Path(path).relative_to(target)
    raise AssertionError(f"{service} does not mount {path}")


def defaulted(value: str) -> str:
    """Return a value as Jaeger reads it when no variable is set."""
    return DEFAULT.sub(lambda match: match[2], value)


def endpoints_in(node: Any) -> list[str]:
    """Return every address that a configuration listens on."""
    if not isinstance(node, dict):
        return []
    own = [node["endpoint"]] if "endpoint" in node else []
    return own + [each for value in node.values() for each in endpoints_in(value)]
