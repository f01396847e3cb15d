"""Carries out three steps and a recipe with tinyagents; it knows nothing of tracing."""

from __future__ import annotations

import asyncio
import os
import sys

from tinyagents import Resolver, Result, Runner, Step, Team

NEEDED = ("ACME_URL", "GLOBEX_URL")


def main() -> int:
    """Run everything once, and print what came of it."""
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        print(f"This program needs {', '.join(missing)} in its environment.", file=sys.stderr)
        return 2
    runner = Runner()
    show("summarise", runner.run(Step("summarise", "the log")))
    show("review", runner.run(Step("review", "the change", "smart", model="globex-mini")))
    show("fix", runner.escalate(Step("fix", "the tests"), Resolver().resolve("cheap")))
    for result in asyncio.run(Team().run("nightly", [Step("write", "the docs"), Step("audit", "the docs", "smart")])):
        show("nightly", result)
    return 0


def show(name: str, result: Result) -> None:
    """Print what came of one step."""
    print(f"{name}: {result.error or result.text}")


if __name__ == "__main__":
    sys.exit(main())
