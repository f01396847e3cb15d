"""Steps, the runner that carries one out, and the team that carries out a recipe of them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tinyagents.profiles import PROFILES, Choice, Resolver

SECONDS = 30


@dataclass(frozen=True)
class Step:
    """One thing to do: what, on which profile, and on which model where that is not to be the profile's."""

    agent: str
    task: str
    profile: str = "cheap"
    model: str | None = None


@dataclass(frozen=True)
class Result:
    """What a step gave, and who served it; a failure is told by *error*, and not raised."""

    text: str = ""
    error: str | None = None
    provider: str = ""


class Runner:
    """Carries out steps: it asks a model for a plan, and then to carry that out."""

    def __init__(self, resolver: Resolver | None = None) -> None:
        self.resolver = resolver or Resolver()

    def run(self, step: Step, primary: Choice | None = None) -> Result:
        """Carry out *step*, after one that ran on *primary*."""
        try:
            choice = self.resolver.resolve(step.profile, step.model, primary)
        except LookupError:
            return Result(error="no_profile")
        # The profile's, also where another layer has decided: a mistake that its span tells.
        provider = PROFILES[step.profile].provider or ""
        try:
            plan = ask(choice, f"Plan: {step.task}")
            return Result(ask(choice, f"Carry out: {plan}"), provider=provider)
        except HTTPError as error:
            return Result(error="limited" if error.code == 429 else "failed", provider=provider)
        except URLError:
            return Result(error="failed", provider=provider)

    def escalate(self, step: Step, primary: Choice) -> Result:
        """Carry out again, on the careful profile, what did not go well on *primary*."""
        return self.run(Step(step.agent, step.task, "careful"), primary)


class Team:
    """Carries out the steps of a recipe at the same time."""

    def __init__(self, runner: Runner | None = None) -> None:
        self.runner = runner or Runner()

    async def run(self, recipe: str, steps: Sequence[Step]) -> list[Result]:
        """What each of the *steps* of *recipe* gave."""
        named = [replace(step, task=f"{recipe}: {step.task}") for step in steps]
        return await asyncio.gather(*(asyncio.to_thread(self.runner.run, step) for step in named))


def ask(choice: Choice, prompt: str) -> str:
    """What a model says to *prompt*; ``ACME_URL`` says where the provider ``acme`` is."""
    url = f"{os.environ[f'{choice.provider.upper()}_URL']}/v1/chat/completions"
    body = {"model": choice.model, "messages": [{"role": "user", "content": prompt}]}
    request = Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(request, timeout=SECONDS) as answer:
        message = json.load(answer)["choices"][0]["message"]
    return message["content"] or ""
