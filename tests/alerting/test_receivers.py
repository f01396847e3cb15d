"""The shipped receivers deliver: with their secrets from files, with the links in the text, and only what matters."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.backends.asking import OPENER

from .receiver import Receiver
from .stack import alertmanager, receiver_of, shipped

ANNOTATIONS = {
    "summary": "agents: nobody chose the provider of invoke_agent fix-tests",
    "description": "It fell through from the primary.",
    "jaeger": "http://jaeger.test/search?tags=%7B%7D",
    "grafana": "http://grafana.test/d/otel-dispatch",
}


def test_slack_gets_one_message_with_the_links(real: Callable[[str], str], tmp_path: Path) -> None:
    with Receiver() as receiver:
        config = shipped("alertmanager/slack.yml")
        (slack,) = receiver_of(config, "slack")["slack_configs"]
        slack["api_url_file"] = slack["api_url_file"].replace("/etc/alertmanager", str(tmp_path))
        with alertmanager(real, tmp_path, config, {"slack_url": receiver.url}) as url:
            # The first is for the page alone; had it left, it would have left before the second.
            post(url, "DispatchServiceSilent", "info")
            post(url, "DispatchInherited", "page")
            (message,) = receiver.first().json["attachments"]
    assert message["title"] == "firing: DispatchInherited"
    assert message["text"].rstrip() == (
        "agents: nobody chose the provider of invoke_agent fix-tests. It fell through from the primary. "
        "<http://jaeger.test/search?tags=%7B%7D|Jaeger> <http://grafana.test/d/otel-dispatch|Grafana>"
    )


def test_a_used_up_quota_speaks_for_the_refused_calls_of_its_provider(
    real: Callable[[str], str], tmp_path: Path
) -> None:
    config = shipped("alertmanager/alertmanager.yml")
    with alertmanager(real, tmp_path, config, {}) as url:
        post(url, "DispatchQuotaExhausted", "page", dispatch_provider="openai")
        post(url, "DispatchUsageLimited", "warning", dispatch_provider="openai")
        post(url, "DispatchUsageLimited", "warning", dispatch_provider="minimax")
        with OPENER.open(f"{url}/api/v2/alerts?inhibited=false", timeout=10) as answer:
            shown = [(one["labels"]["alertname"], one["labels"]["dispatch_provider"]) for one in json.load(answer)]
    assert sorted(shown) == [("DispatchQuotaExhausted", "openai"), ("DispatchUsageLimited", "minimax")]


def post(url: str, alertname: str, severity: str, **labels: str) -> None:
    """Hand an alert to Alertmanager as Prometheus does."""
    alert = {"labels": {"alertname": alertname, "severity": severity, **labels}, "annotations": ANNOTATIONS}
    request = urllib.request.Request(
        f"{url}/api/v2/alerts", json.dumps([alert]).encode(), {"Content-Type": "application/json"}
    )
    OPENER.open(request, timeout=10).close()
