"""An agent pipeline that knows nothing of tracing: it calls OpenAI and Anthropic through their own SDKs."""

from __future__ import annotations

import asyncio
import os
import sys

from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

NEEDED = ("OPENAI_BASE_URL", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY")


def run_skill(skill: str, model: str, step_name: str) -> str:
    """Plan a skill in one call, then carry the plan out in a second, streamed one."""
    with Anthropic() as client:
        task = f"Step {step_name}: plan the skill {skill}."
        plan = client.messages.create(model=model, max_tokens=2048, messages=[{"role": "user", "content": task}])
        planned = "".join(block.text for block in plan.content if block.type == "text")
        with client.messages.stream(
            model=model, max_tokens=8192, messages=[{"role": "user", "content": f"Carry out: {planned}"}]
        ) as stream:
            return "".join(stream.text_stream)


def report_bug(title: str, model: str) -> str:
    """Write a bug report for a title."""
    with OpenAI() as client:
        completion = client.chat.completions.create(
            model=model,
            messages=[
                {"role": "developer", "content": "You write short bug reports."},
                {"role": "user", "content": title},
            ],
        )
    return completion.choices[0].message.content or ""


class Fleet:
    """Runs the two sides of a recipe, each on its own model, at the same time."""

    def __init__(self, writer: str, reviewer: str) -> None:
        self.writer = writer
        self.reviewer = reviewer

    async def dispatch(self, recipe: str) -> tuple[str, str]:
        """Return what the writer and the reviewer said about a recipe."""
        return await asyncio.gather(self.write(recipe), self.review(recipe))

    async def write(self, recipe: str) -> str:
        """Ask the writer for the recipe's code."""
        async with AsyncAnthropic() as client:
            message = await client.messages.create(
                model=self.writer, max_tokens=4096, messages=[{"role": "user", "content": f"Write {recipe}."}]
            )
        return "".join(block.text for block in message.content if block.type == "text")

    async def review(self, recipe: str) -> str:
        """Ask the reviewer what to look out for in the recipe."""
        async with AsyncOpenAI() as client:
            response = await client.responses.create(
                model=self.reviewer, reasoning={"effort": "low"}, input=f"What can go wrong with {recipe}?"
            )
        return response.output_text


def main() -> int:
    """Run every step once and print what came back."""
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        print(f"This example needs {', '.join(missing)} in its environment.", file=sys.stderr)
        return 2
    print("skill:", run_skill("write-tests", "claude-sonnet-5-5", step_name="tests"))
    print("bug:", report_bug("The parser drops the last line", "gpt-6-luna"))
    written, reviewed = asyncio.run(Fleet("claude-opus-5-5", "gpt-6.1-sol").dispatch("a retry loop"))
    print("written:", written)
    print("reviewed:", reviewed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
