"""Reads what a Prometheus would scrape."""

from __future__ import annotations

import re
from dataclasses import dataclass

LINE = re.compile(r"(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a metric with its value now."""

    name: str
    labels: dict[str, str]
    value: float


def series_in(page: str) -> list[Series]:
    """Return the series of a page in Prometheus' text format."""
    matches = (LINE.fullmatch(line) for line in page.splitlines() if line and not line.startswith("#"))
    return [
        Series(match["name"], dict(LABEL.findall(match["labels"] or "")), float(match["value"]))
        for match in matches
        if match
    ]
