"""The fake ``claude`` of `tests.fakes`, with a plan where lionagi's orchestrator asks for one, and a mode of its own.

``FAKE_PLAN`` is the plan. In the mode ``late`` the first start says nothing for longer than anybody waits.
"""

import os
import runpy
import sys
import time
from pathlib import Path
from typing import Any

CLAUDE: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[2] / "fakes" / "claude.py"))
ASKED = '"assignee"'


def planned() -> None:
    """Answer, with the plan where the prompt holds the schema of one."""
    prompt = " ".join(sys.argv) + ("" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read())
    words = os.environ.get("FAKE_PLAN", "Hello.") if ASKED in prompt or "assignments" in prompt else "Hello."
    CLAUDE["assistant"](CLAUDE["text"](words))
    CLAUDE["result"](words)


def main() -> None:
    """Run one session."""
    CLAUDE["MODES"] |= {"success": planned, "late": planned}
    if os.environ.get("FAKE_MODE") == "late" and not Path(os.environ["FAKE_DUMP"]).exists():
        CLAUDE["start"]()
        time.sleep(60)
    CLAUDE["main"]()


if __name__ == "__main__":
    main()
