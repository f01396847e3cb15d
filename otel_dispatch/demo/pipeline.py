"""A small agent host: a cheap primary model, an escalation to a smart one, and one mistake in it.

``otel-dispatch demo`` runs it against local providers. It names them in ``DEMO_MINIMAX_URL``, ``DEMO_ANTHROPIC_URL``
and ``DEMO_OPENAI_URL``.
"""

import asyncio
import os
import sys
from contextlib import suppress

from anthropic import Anthropic, AsyncAnthropic, RateLimitError
from openai import AsyncOpenAI, OpenAI

import otel_dispatch as od

PRIMARY = "MiniMax-M2"
SMART = "claude-opus-5-5"
_KEY = "demo-key"

PROVIDERS = ("minimax", "anthropic", "openai")


def url_of(provider: str) -> str:
    """The base URL of *provider*."""
    return os.environ[f"DEMO_{provider.upper()}_URL"]


@od.entry_point("run_skill")
def run_skill(skill: str, model: str, provider: str = "minimax") -> str:
    """Have *model* carry out *skill*; an empty completion is asked for again, unchanged."""
    with Anthropic(base_url=url_of(provider), api_key=_KEY, max_retries=0) as client, od.attempts():
        for _ in range(3):
            message = client.messages.create(
                model=model, max_tokens=1024, messages=[{"role": "user", "content": f"Carry out {skill}."}]
            )
            if text := "".join(block.text for block in message.content if block.type == "text"):
                return text
    return ""


@od.entry_point("report_bug")
def report_bug(title: str) -> str:
    """Write a bug report for *title*."""
    with OpenAI(base_url=f"{url_of('openai')}/v1", api_key=_KEY) as client:
        completion = client.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": title}])
    return completion.choices[0].message.content or ""


class Fleet:
    """The two sides of a recipe, each on its own model."""

    @od.entry_point("fleet_dispatch")
    async def dispatch(self, recipe: str) -> tuple[str, str]:
        """What the writer and the reviewer say about *recipe*, asked at the same time."""
        return await asyncio.gather(self._write(recipe), self._review(recipe))

    async def _write(self, recipe: str) -> str:
        async with AsyncAnthropic(base_url=url_of("anthropic"), api_key=_KEY) as client:
            message = await client.messages.create(
                model="claude-sonnet-5-5", max_tokens=1024, messages=[{"role": "user", "content": f"Write {recipe}."}]
            )
        return "".join(block.text for block in message.content if block.type == "text")

    async def _review(self, recipe: str) -> str:
        async with AsyncOpenAI(base_url=f"{url_of('openai')}/v1", api_key=_KEY) as client:
            response = await client.responses.create(
                model="gpt-6.1-sol", reasoning={"effort": "low"}, input=f"What can go wrong with {recipe}?"
            )
        return response.output_text


def escalate(skill: str) -> str:
    """Give *skill* to the smart model."""
    with od.scope("escalation"):
        model = od.resolve(
            "model",
            operator_pin=os.environ.get("SMART_MODEL"),
            escalation_override=SMART,
            inherited_from_primary=PRIMARY,
        )
        # The mistake: the model was chosen and its provider was not, so the call goes where the primary's go.
        return run_skill(skill, model)


def main() -> int:
    """Run every step once; the local provider answers the third skill with "slow down"."""
    if any(f"DEMO_{name.upper()}_URL" not in os.environ for name in PROVIDERS):
        sys.stderr.write("This program needs local providers: run `otel-dispatch demo`.\n")
        return 2
    with od.scope("primary", provider="minimax", model=PRIMARY):
        run_skill("write-tests", PRIMARY)
        run_skill("summarise-log", PRIMARY)
        with suppress(RateLimitError):
            run_skill("review-diff", PRIMARY)
        report_bug("The parser drops the last line")
        asyncio.run(Fleet().dispatch("nightly-audit"))
        escalate("fix-tests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
