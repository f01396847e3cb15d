"""Tells otel_dispatch of tinyagents: what is run, which layer of its resolver decided, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from otel_dispatch import resolve
from otel_dispatch.hosts import Beginning, Ending, Seam, entry_at, heard_at

OUTCOMES = {
    "limited": ("usage_limit", "rate_limit"),
    "failed": ("provider_error", "unknown"),
    "no_profile": ("refused", None),
}


def seams() -> list[Seam]:
    """A recipe, a step, and the resolver."""
    return [
        entry_at("tinyagents.runner", "Team.run", recipe_begun),
        entry_at("tinyagents.runner", "Runner.run", step_begun, step_ended),
        heard_at("tinyagents.profiles", "Resolver.resolve", resolved),
    ]


def recipe_begun(_: Any, given: Mapping[str, Any]) -> Beginning:
    """A recipe as the arguments of `Team.run` tell it."""
    return Beginning("fleet_dispatch", given["recipe"], attributes={"tinyagents.steps": len(given["steps"])})


def step_begun(_: Any, given: Mapping[str, Any]) -> Beginning:
    """A step as the arguments of `Runner.run` tell it; its profile is the model that was asked for by name."""
    step = given["step"]
    return Beginning("agent", step.agent, model=step.profile)


def step_ended(result: Any) -> Ending:
    """What came of a step, which raises nothing; where it says nothing, its calls do."""
    outcome, outcome_class = OUTCOMES.get(result.error, (None, None))
    return Ending(outcome, outcome_class, reported_provider=result.provider or None)


def resolved(_: Any, given: Mapping[str, Any], __: Any) -> None:
    """Which layer decided: the first that says anything, in the resolver's own order."""
    from tinyagents.profiles import PROFILES

    profile, primary = PROFILES[given["profile"]], given["primary"]
    resolve(
        "provider",
        operator_pin=os.environ.get("TINYAGENTS_PROVIDER") or None,
        catalog_default=profile.provider,
        inherited_from_primary=primary and primary.provider,
    )
    resolve(
        "model",
        operator_pin=os.environ.get("TINYAGENTS_MODEL") or None,
        pipeline_input=given["model"],
        catalog_default=profile.model,
        inherited_from_primary=primary and primary.model,
    )
