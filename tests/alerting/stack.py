"""Prometheus and Alertmanager on loopback, on the shipped configuration, with quicker clocks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.backends.asking import OPENER, get, polled
from tests.backends.running import DEPLOY, free_ports, running

from .debian import home_of

Program = Callable[[str], str]

TOKEN = "a-token-that-stands-in-a-file"
PLACES = {"jaeger_url": "http://jaeger.test", "grafana_url": "http://grafana.test"}


@dataclass(frozen=True)
class Stack:
    """A running pair of Prometheus and Alertmanager."""

    prometheus: str
    alertmanager: str

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return what an expression is now: labels and value of each series."""
        answer = get(f"{self.prometheus}/api/v1/query", {"query": expression})
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]


@contextlib.contextmanager
def alerting(real: Program, folder: Path, metrics_url: str, webhook_url: str) -> Iterator[Stack]:
    """Yield a stack that scrapes one page and posts to one webhook; everything it writes lies in *folder*."""
    config = shipped("alertmanager/webhook.yml")
    receiver_of(config, "webhook")["webhook_configs"][0]["url"] = webhook_url
    with (
        alertmanager(real, folder, config, {"webhook_token": TOKEN}) as sends,
        prometheus(real, folder, scraping(metrics_url, sends)) as asks,
    ):
        # Prometheus looks for Alertmanagers every five seconds; before that a page would be lost.
        assert polled(lambda: get(f"{asks}/api/v1/alertmanagers")["data"]["activeAlertmanagers"])
        yield Stack(asks, sends)


@contextlib.contextmanager
def alertmanager(real: Program, folder: Path, config: dict[str, Any], secrets: dict[str, str]) -> Iterator[str]:
    """Yield the address of an Alertmanager on a configuration, with secrets in files beside it."""
    config["route"]["group_interval"] = "1s"
    (folder / "secrets").mkdir()
    for name, secret in secrets.items():
        (folder / "secrets" / name).write_text(secret, encoding="utf-8")
    command = [
        real("alertmanager"),
        f"--config.file={written(folder / 'alertmanager.yml', config)}",
        f"--storage.path={folder / 'alertmanager'}",
        "--cluster.listen-address=",
    ]
    with listening(command, folder) as url:
        yield url


@contextlib.contextmanager
def prometheus(real: Program, folder: Path, config: dict[str, Any]) -> Iterator[str]:
    """Yield the address of a Prometheus on a configuration."""
    command = [
        real("prometheus"),
        f"--config.file={written(folder / 'prometheus.yml', config)}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
    ]
    with listening(command, folder) as url:
        yield url


@contextlib.contextmanager
def listening(command: list[str], folder: Path) -> Iterator[str]:
    """Yield the address of a program of Prometheus' kind while it runs."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    # Our copy of Alertmanager looks for its templates below the folder it runs in.
    there = ["env", f"--chdir={home_of(command[0]) or folder}"]
    log = folder / f"{Path(command[0]).name}.log"
    with running([*there, *command, f"--web.listen-address=127.0.0.1:{port}"], {}, log, lambda: is_ready(url)):
        yield url


def scraping(metrics_url: str, alertmanager_url: str) -> dict[str, Any]:
    """Return the shipped prometheus.yml with the addresses of this machine and a clock of one second."""
    config = shipped("prometheus/prometheus.yml")
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s", "external_labels": PLACES}
    config["rule_files"] = [str(DEPLOY / "prometheus" / each) for each in config["rule_files"]]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [urlsplit(alertmanager_url).netloc]}]}]
    (job,) = config["scrape_configs"]
    job["static_configs"] = [{"targets": [urlsplit(metrics_url).netloc]}]
    return config


def receiver_of(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return one receiver of an Alertmanager's configuration."""
    return next(each for each in config["receivers"] if each["name"] == name)


def shipped(path: str) -> dict[str, Any]:
    """Return a configuration as it is shipped."""
    document: dict[str, Any] = yaml.safe_load((DEPLOY / path).read_text(encoding="utf-8"))
    return document


def written(path: Path, config: dict[str, Any]) -> Path:
    """Write a configuration and return where."""
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def is_ready(url: str) -> bool:
    """Return whether Prometheus or Alertmanager says that it is ready."""
    try:
        with OPENER.open(f"{url}/-/ready", timeout=5):
            return True
    except OSError:
        return False
