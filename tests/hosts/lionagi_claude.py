"""The fake ``claude`` of `tests.fakes`, which answers ``FAKE_PLAN`` where lionagi's orchestrator asks for a plan."""

import os
import runpy
import sys
from pathlib import Path
from typing import Any

CLAUDE: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[1] / "fakes" / "claude.py"))
ASKED = '"assignee"'


def planned() -> None:
    """Answer, with the plan where the prompt holds the schema of one."""
    prompt = " ".join(sys.argv) + ("" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read())
    words = os.environ.get("FAKE_PLAN", "Hello.") if ASKED in prompt or "assignments" in prompt else "Hello."
    CLAUDE["assistant"](CLAUDE["text"](words))
    CLAUDE["result"](words)


if __name__ == "__main__":
    CLAUDE["MODES"]["success"] = planned
    CLAUDE["main"]()
