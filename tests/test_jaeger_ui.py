"""The links of Jaeger's UI search for what they say, without a service, and stand only where they lead somewhere."""

from __future__ import annotations

import json
import re
import urllib.parse
from itertools import combinations
from typing import Any

import pytest

from .deployed import UI


def menu(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the links of a menu and of the menus in it."""
    return [link for entry in entries for link in (menu(entry["items"]) if "items" in entry else [entry])]


SEARCHES = [link for link in [*menu(UI["menu"]), *UI["linkPatterns"]] if link["url"].startswith("/search")]
every_search = pytest.mark.parametrize("link", SEARCHES, ids=lambda link: link.get("key") or link["label"])


def test_the_menu_offers_the_inherited_routes_first() -> None:
    assert tags_of(UI["menu"][0]["url"]) == {"dispatch.inherited": "true"}


@pytest.mark.parametrize("key", ["dispatch.inherited", "dispatch.model", "gen_ai.skill.name"])
def test_a_span_leads_to_others_like_it(key: str) -> None:
    assert [pattern["key"] for pattern in UI["linkPatterns"]].count(key) == 1


def test_a_span_that_inherited_nothing_leads_to_no_inherited_routes() -> None:
    by_key = {pattern["key"]: pattern for pattern in UI["linkPatterns"]}
    assert by_key["dispatch.inherited"]["value"] == [True, "true"]
    fields = sorted(["provider", "model", "wire_format", "thinking", "tool_format"])
    every = {",".join(some) for count in range(1, 6) for some in combinations(fields, count)}
    assert set(by_key["dispatch.inherited_fields"]["value"]) == every


@every_search
def test_a_link_searches_for_strings(link: dict[str, Any]) -> None:
    # Jaeger refuses a search whose values are not JSON strings, and true is not one.
    tags = tags_of(link["url"])
    assert tags
    assert all(isinstance(value, str) for value in tags.values())


@every_search
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


def without_parameters(url: str) -> str:
    """Return a link pattern's URL with something in place of each parameter."""
    return re.sub(r"#\{.*?\}", "x", url)


def tags_of(url: str) -> dict[str, Any]:
    """Return what a link searches for."""
    (tags,) = urllib.parse.parse_qs(urllib.parse.urlsplit(without_parameters(url)).query)["tags"]
    found: dict[str, Any] = json.loads(tags)
    return found
