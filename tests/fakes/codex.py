"""A program that behaves like ``codex exec --json`` towards whoever starts it, and calls no model; see `claude`."""

import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLAUDE: dict[str, Any] = runpy.run_path(str(Path(__file__).with_name("claude.py")))
say: Callable[..., None] = CLAUDE["say"]
THREAD = "0199a213-81c0-7800-8aa1-bbab2a035a53"


def failure(**error: object) -> None:
    """Fail a turn."""
    say(type="turn.failed", error={"message": "429 secret", **error})
    sys.exit(1)


def success() -> None:
    """Answer after a command and a reconnection."""
    say(type="error", message="Reconnecting... 1/5 (429 secret)")
    for item in ({"type": "reasoning", "text": "secret"}, {"type": "command_execution", "command": "secret"}):
        say(type="item.completed", item=item)
    say(type="item.completed", item={"id": "item_2", "type": "agent_message", "text": "Hello."})
    usage = {"input_tokens": 20, "cached_input_tokens": 8, "output_tokens": 12, "reasoning_output_tokens": 5}
    say(type="turn.completed", usage=usage)


MODES: dict[str, Callable[[], None]] = {
    "success": success,
    "empty": lambda: say(type="turn.completed", usage={"input_tokens": 20, "output_tokens": 7}),
    "429": failure,
    "quota": lambda: failure(codex_error_info="usageLimitExceeded"),
    "529": lambda: failure(codex_error_info={"responseTooManyFailedAttempts": {"httpStatusCode": 529}}),
    "slow": lambda: time.sleep(60),
}


def main() -> None:
    """Run one session."""
    mode = CLAUDE["start"]()
    say(type="thread.started", thread_id=THREAD)
    say(type="turn.started")
    CLAUDE["nested"]()
    MODES[mode]()


if __name__ == "__main__":
    main()
