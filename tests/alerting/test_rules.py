"""What is shipped for Prometheus and Alertmanager is accepted by them, and no rule can break without a red case."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
CASES = sorted((PROMETHEUS / "tests").glob("*.yml"))
RECEIVERS = sorted((DEPLOY / "alertmanager").glob("*.yml"))
LINKS = ("jaeger", "grafana")

Program = Callable[[str], str]


def loaded(path: Path) -> dict[str, Any]:
    """Return a YAML file."""
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def rules() -> Iterator[tuple[Path, int, int, dict[str, Any]]]:
    """Yield every rule, with its file and its place there."""
    for path in RULES:
        for i, group in enumerate(loaded(path)["groups"]):
            for j, rule in enumerate(group["rules"]):
                yield path, i, j, rule


def name_of(rule: dict[str, Any]) -> str:
    """Return what a rule is called, which is not always its alone."""
    return "-".join([rule.get("alert") or rule["record"], *filter(None, [rule.get("labels", {}).get("source")])])


class SpokenOf(NamedTuple):
    """The cases that speak of a file of rules, the fastest first, and what else they need to pass."""

    cases: tuple[str, ...]
    needs: tuple[str, ...] = ()


SPOKEN_OF = {
    "calls": SpokenOf(("inherited", "mismatch", "series")),
    "lanes": SpokenOf(("lanes",)),
    "telemetry": SpokenOf(("telemetry", "services"), needs=("calls",)),
}

ALL = [pytest.param(*found, id=name_of(found[3])) for found in rules()]
ALERTS = [rule for *_, rule in rules() if "alert" in rule]
every_alert = pytest.mark.parametrize("alert", ALERTS, ids=name_of)


def checked(*command: str | Path) -> tuple[int, str]:
    """Run a checker; return its exit code and what it said."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def test_prometheus_accepts_the_configuration_and_its_rules(real: Program) -> None:
    code, said = checked(real("promtool"), "check", "config", PROMETHEUS / "prometheus.yml")
    assert code == 0, said
    assert all(path.name in said for path in RULES)
    assert "WARNING" not in said


@pytest.mark.parametrize("path", RECEIVERS, ids=lambda path: path.stem)
def test_alertmanager_accepts_its_configuration(real: Program, path: Path) -> None:
    code, said = checked(real("amtool"), "check-config", path)
    assert code == 0, said


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_rules_pass_their_cases(real: Program, path: Path) -> None:
    code, said = checked(real("promtool"), "test", "rules", path)
    assert code == 0, said


@pytest.mark.parametrize("wrong", ["vector(1) < 0", "vector(1)"], ids=["never", "always"])
@pytest.mark.parametrize(("path", "group", "place", "rule"), ALL)
def test_a_rule_that_says_never_or_always_fails_a_case(
    real: Program, tmp_path: Path, path: Path, group: int, place: int, rule: dict[str, Any], wrong: str
) -> None:
    document = loaded(path)
    document["groups"][group]["rules"][place]["expr"] = wrong
    assert is_noticed(real, tmp_path, path, yaml.safe_dump(document))


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_rules_that_are_only_written_down_anew_fail_none(real: Program, tmp_path: Path, path: Path) -> None:
    assert not is_noticed(real, tmp_path, path, yaml.safe_dump(loaded(path)))


# file, what stands there (a pattern), what would stand there instead
MUTATIONS = {
    "increase alone in calls": ("calls", r"\(\s*max_over_time\([^()]*\)\s*unless[^()]*?\)\s*or\s+", ""),
    "increase alone in lanes": ("lanes", r"\(\s*max_over_time\([^()]*\)\s*unless[^()]*?\)\s*or\s+", ""),
    "no increase in calls": ("calls", r"\s+or\s+increase\([^()]*\)", ""),
    "no increase in lanes": ("lanes", r"\s+or\s+increase\([^()]*\)", ""),
    "old series of spans count as new": ("calls", r"unless\s+traces_span_metrics_calls_total\S+ offset 5m", ""),
    "old series of counters count as new": ("calls", r"unless dispatch_inherited_total offset 5m", ""),
    "spans of others count": ("calls", r'\{dispatch_kind!=""\}', ""),
    "clean spans count as inherited": ("calls", r'source="spans", dispatch_inherited="true"', 'source="spans"'),
    "clean counters count as inherited": ("calls", r' dispatch_inherited="true", service_name', " service_name"),
    "the job keeps its namespace": ("calls", r"\(\?:\.\*/\)\?", ""),
    "no alert is kept": ("calls", r"keep_firing_for: 15m", "keep_firing_for: 0s"),
    "no lane is kept": ("lanes", r"keep_firing_for: 5m", "keep_firing_for: 0s"),
    "every mismatch is the provider's": ("calls", r"provider\\\\\.\(host\|reported\)", ".+"),
    "only the host mismatches": ("calls", r"\(host\|reported\)", "host"),
    "a rate limit is a used-up quota": ("calls", r'dispatch_outcome_class=~"quota\|billing"', 'service_name!=""'),
    "entries are calls": ("calls", r'dispatch_kind=~"llm_call\|cli_launch", ', ""),
    "entries are calls in lanes": ("lanes", r'dispatch_kind=~"llm_call\|cli_launch"', 'dispatch_kind!=""'),
    "launches are no calls": ("lanes", r"llm_call\|cli_launch", "llm_call"),
    "spans are believed beside counters": ("lanes", r"unless on \(service_name\) [^\n]*", ""),
    "what was made good is an answer": ("lanes", r"superseded\|", ""),
    "what was abandoned is an answer": ("lanes", r"\|cancelled", ""),
    "a smaller share": ("lanes", r">= 0\.5", ">= 0.39"),
    "a larger share": ("lanes", r">= 0\.5", ">= 0.51"),
    "fewer calls": ("lanes", r">= 4\.5", ">= 3.5"),
    "more calls": ("lanes", r">= 4\.5", ">= 5.5"),
    "one failed scrape": ("telemetry", r"for: 1m", "for: 0s"),
    "a collector that nobody scrapes": ("telemetry", r"or absent\([^()]*\)", ""),
    "another day": ("telemetry", r"offset 1d", "offset 2d"),
}


@pytest.mark.parametrize(("stem", "pattern", "instead"), MUTATIONS.values(), ids=MUTATIONS)
def test_a_broken_rule_fails_a_case(real: Program, tmp_path: Path, stem: str, pattern: str, instead: str) -> None:
    path = PROMETHEUS / "rules" / f"{stem}.yml"
    broken, count = re.subn(pattern, lambda _: instead, path.read_text(encoding="utf-8"))
    assert count, "the rule reads differently now"
    assert is_noticed(real, tmp_path, path, broken)


def is_noticed(real: Program, folder: Path, path: Path, broken: str) -> bool:
    """Return whether some case fails when a file of rules is another; the rules are still well-formed."""
    (folder / "rules").mkdir()
    (folder / "tests").mkdir()
    spoken_of = SPOKEN_OF[path.stem]
    for name in spoken_of.needs:
        (folder / "rules" / f"{name}.yml").write_bytes((path.parent / f"{name}.yml").read_bytes())
    (folder / "rules" / path.name).write_text(broken, encoding="utf-8")
    code, said = checked(real("promtool"), "check", "rules", folder / "rules" / path.name)
    assert code == 0, said
    for name in spoken_of.cases:
        case = folder / "tests" / f"{name}.yml"
        case.write_bytes((PROMETHEUS / "tests" / case.name).read_bytes())
        if checked(real("promtool"), "test", "rules", case)[0]:
            return True
    return False


@every_alert
def test_an_alert_says_what_happened_and_where_to_look(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("page", "warning", "info")
    assert alert["annotations"].keys() == {"summary", "description", *LINKS}
    for link in LINKS:
        assert alert["annotations"][link].startswith(f"{{{{ $externalLabels.{link}_url }}}}/")


def test_the_places_of_the_links_are_configured_and_do_not_label_an_alert() -> None:
    config = loaded(PROMETHEUS / "prometheus.yml")
    labels = config["global"]["external_labels"]
    assert labels.keys() == {f"{link}_url" for link in LINKS}
    (dropped,) = config["alerting"]["alert_relabel_configs"]
    assert dropped["action"] == "labeldrop"
    assert all(re.fullmatch(dropped["regex"], label) for label in labels)


@every_alert
def test_an_alert_is_tested_firing_and_silent(alert: dict[str, Any]) -> None:
    cases = [
        case
        for path in CASES
        for test in loaded(path)["tests"]
        for case in test.get("alert_rule_test", [])
        if case["alertname"] == alert["alert"]
    ]
    assert any(case.get("exp_alerts") for case in cases)
    assert any(not case.get("exp_alerts") for case in cases)


@pytest.mark.parametrize("path", RECEIVERS, ids=lambda path: path.stem)
def test_receivers_differ_in_where_they_send_alone(path: Path) -> None:
    shown, other = loaded(DEPLOY / "alertmanager" / "alertmanager.yml"), loaded(path)
    assert other["inhibit_rules"] == shown["inhibit_rules"]
    assert {**other["route"], "routes": None} == {**shown["route"], "routes": None}
    assert "secrets/" in path.read_text(encoding="utf-8") or other["receivers"] == [{"name": "shown-here"}]
