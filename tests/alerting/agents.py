"""A program that lives for less than a second: it runs a skill some times, and once, if told, forgets a provider."""

from __future__ import annotations

import os
import sys

from openai import OpenAI

import otel_dispatch as od

PRIMARY = "MiniMax-M2"
SMART = "claude-opus-5-5"


@od.entry_point("run_skill")
def run_skill(skill: str, model: str) -> str:
    """Have *model* carry out *skill*."""
    with OpenAI(api_key="k", max_retries=0) as client:
        completion = client.chat.completions.create(model=model, messages=[{"role": "user", "content": skill}])
    return completion.choices[0].message.content or ""


def escalate(skill: str) -> None:
    """Choose the smart model and not its provider, which is the mistake."""
    with od.scope("escalation"):
        run_skill(skill, SMART)


def main(runs: int, escalations: int) -> None:
    """Run the skill on the primary model, then escalate it."""
    with od.scope("primary", provider="minimax", model=PRIMARY):
        for _ in range(runs):
            run_skill("write-tests", PRIMARY)
        for _ in range(escalations):
            escalate("fix-tests")


if __name__ == "__main__":
    assert os.environ["OPENAI_BASE_URL"]
    main(*map(int, sys.argv[1:]))
