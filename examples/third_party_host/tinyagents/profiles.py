"""Profiles, and the resolver that turns one into a provider and a model."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """What a profile says; None where it leaves it to whoever starts the step."""

    provider: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Choice:
    """What a step runs on."""

    provider: str
    model: str


PROFILES = {
    "cheap": Profile("acme", "acme-mini"),
    "smart": Profile("globex", "globex-max"),
    # Somebody forgot its provider.
    "careful": Profile(None, "globex-max"),
}


class Resolver:
    """Finds a provider and a model: the operator's variables, then the step, its profile, and the step before it."""

    def resolve(self, profile: str, model: str | None = None, primary: Choice | None = None) -> Choice:
        """What *profile* runs on, where the step itself may name a *model*; raises `LookupError` where nothing says."""
        found = PROFILES[profile]
        provider = os.environ.get("TINYAGENTS_PROVIDER") or found.provider or (primary and primary.provider)
        model = os.environ.get("TINYAGENTS_MODEL") or model or found.model or (primary and primary.model)
        if not provider or not model:
            raise LookupError(profile)
        return Choice(provider, model)
