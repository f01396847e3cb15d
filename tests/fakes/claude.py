"""A program that behaves like ``claude`` towards whoever starts it, and calls no model.

``FAKE_MODE`` says how the session goes, ``FAKE_DUMP`` names a file that gets the arguments and the environment, one
JSON object a start, and ``FAKE_NESTED`` is Python code that a child of the program runs, as one of its tools would.
Records are shaped as Claude Code 2.1.330 writes them.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

SESSION = "0d6ee0c4-55cd-4b5e-9c12-4c4f1d9a5c11"
NORMAL = (9, 12)


def say(**record: object) -> None:
    """Write one record."""
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def option(*names: str) -> str | None:
    """The value of an option of ours, or None."""
    for place, word in enumerate(sys.argv):
        if word in names:
            return sys.argv[place + 1]
        if word.partition("=")[0] in names:
            return word.partition("=")[2]
    return None


def model() -> str:
    """The model that the session uses: as asked for, mapped as Claude Code does."""
    word = option("--model") or os.environ.get("ANTHROPIC_MODEL") or "opus"
    mapped = os.environ.get(f"ANTHROPIC_DEFAULT_{word.upper()}_MODEL")
    return mapped or {"opus": "claude-opus-5-5", "sonnet": "claude-sonnet-5-5", "haiku": "claude-haiku-5-5"}.get(
        word, word
    )


def init() -> None:
    """Say how the session begins."""
    say(type="system", subtype="init", session_id=SESSION, model=model(), tools=["Bash"], apiKeySource="none")


def assistant(*blocks: dict[str, object], served: str | None = None, parent: str | None = None) -> None:
    """Say one message of the model; its usage is the placeholder that it begins with."""
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": served or model(),
        "content": list(blocks),
        "stop_reason": None,
        "usage": {"input_tokens": 9, "output_tokens": 1},
    }
    say(type="assistant", message=message, parent_tool_use_id=parent, session_id=SESSION)


def text(words: str) -> dict[str, object]:
    """A block of visible text."""
    return {"type": "text", "text": words}


def result(words: str = "Hello.", usage: tuple[int, int] = NORMAL, **more: object) -> None:
    """Say how the session ends."""
    told = {"input_tokens": usage[0], "output_tokens": usage[1], "cache_read_input_tokens": 2 if usage[1] else 0}
    base = {
        "subtype": "success",
        "is_error": False,
        "num_turns": 1,
        "duration_ms": 5,
        "duration_api_ms": 4,
        "stop_reason": "end_turn",
        "terminal_reason": "completed",
        "total_cost_usd": 0.01,
    }
    say(type="result", session_id=SESSION, result=words, usage=told, **{**base, **more})


def api_error(status: int, word: str, kind: str | None, retries: int = 1) -> None:
    """Have the provider refuse until the program gives up."""
    for attempt in range(retries):
        say(type="system", subtype="api_retry", attempt=attempt + 1, error_status=status, error=word)
    typed = {"error": word, "api_error_status": status, "api_error_type": kind}
    message = {"model": "<synthetic>", "content": [text(f"API Error: {status} secret")], "stop_reason": "stop_sequence"}
    say(type="assistant", message=message, parent_tool_use_id=None, session_id=SESSION, **typed)
    typed.pop("error")
    result(f"API Error: {status} secret", (0, 0), is_error=True, terminal_reason="api_error", **typed)
    sys.exit(1)


def untyped() -> None:
    """Fail as older versions do: only the text says why."""
    message = {"model": "<synthetic>", "content": [text("API Error: 429 rate_limit_error")], "stop_reason": "end_turn"}
    say(type="assistant", message=message, parent_tool_use_id=None, session_id=SESSION)
    result("API Error: 429 rate_limit_error", (0, 0), is_error=True)
    sys.exit(1)


def quota() -> None:
    """Run into the account's limit."""
    say(type="rate_limit_event", rate_limit_info={"status": "rejected", "rateLimitType": "five_hour"})
    api_error(429, "rate_limit", "rate_limit_error")


def thinking() -> None:
    """Think and say nothing."""
    assistant({"type": "thinking", "thinking": "secret", "signature": "s"})
    result("")


def tool() -> None:
    """Use a tool, whose subagent another model serves."""
    assistant({"type": "tool_use", "id": "t", "name": "Task", "input": {"secret": 1}})
    assistant(text("secret of a subagent"), served="claude-haiku-5-5", parent="t")
    say(type="user", message={"role": "user", "content": [{"type": "tool_result", "content": "secret"}]})
    assistant(text("Hello."))
    by_model = {
        model(): {"inputTokens": 9, "outputTokens": 12, "cacheReadInputTokens": 2, "cacheCreationInputTokens": 1},
        "claude-haiku-5-5": {"inputTokens": 4, "outputTokens": 5, "thinkingTokens": 3},
    }
    result(modelUsage=by_model, num_turns=2)


def fallback() -> None:
    """Fall back to the model that was named for it."""
    say(type="system", subtype="api_retry", attempt=1, error_status=529, error="overloaded")
    say(type="system", subtype="model_fallback", original_model=model(), fallback_model=option("--fallback-model"))
    assistant(text("Hello."), served=option("--fallback-model"))
    result()


def served() -> None:
    """Be served by another model than asked for."""
    assistant(text("Hello."), served="MiniMax-M2")
    result()


def success() -> None:
    """Answer."""
    assistant(text("Hello."))
    result()


def stopped(subtype: str) -> None:
    """Stop at a limit that the launcher set."""
    assistant({"type": "tool_use", "id": "t", "name": "Bash", "input": {}})
    result("", is_error=True, subtype=subtype, stop_reason="tool_use", terminal_reason=subtype.removeprefix("error_"))
    sys.exit(1)


def midway() -> None:
    """Die in the middle of an answer."""
    assistant(text("Hel"))
    sys.exit(3)


def killed() -> None:
    """Be killed by somebody."""
    assistant(text("Hel"))
    os.kill(os.getpid(), signal.SIGKILL)


def slow() -> None:
    """Take longer than anybody waits."""
    assistant(text("Hel"))
    time.sleep(60)


MODES: dict[str, Callable[[], None]] = {
    "success": success,
    "empty": lambda: result("", (9, 812)),
    "served": served,
    "fallback": fallback,
    "thinking": thinking,
    "tool": tool,
    "429": lambda: api_error(429, "rate_limit", "rate_limit_error"),
    "529": lambda: api_error(529, "overloaded", "overloaded_error", 3),
    "401": lambda: api_error(401, "authentication_failed", None),
    "quota": quota,
    "untyped": untyped,
    "max_turns": lambda: stopped("error_max_turns"),
    "budget": lambda: stopped("error_max_budget_usd"),
    "midway": midway,
    "killed": killed,
    "slow": slow,
}


def nested() -> None:
    """Run the code of a child, as a tool would."""
    if code := os.environ.get("FAKE_NESTED"):
        subprocess.run([os.environ["FAKE_PYTHON"], "-c", code], check=True, stdout=subprocess.DEVNULL)


def converse() -> None:
    """Speak the control protocol of the SDK: one turn for each message that comes in."""
    for line in sys.stdin:
        told = json.loads(line)
        if told["type"] == "control_request":
            answer = {"subtype": "success", "request_id": told["request_id"], "response": {"commands": []}}
            say(type="control_response", response=answer)
        elif told["type"] == "user":
            init()
            nested()
            MODES[os.environ.get("FAKE_MODE", "success")]()


def start() -> str:
    """Write down how the program was started; give the mode."""
    if dump := os.environ.get("FAKE_DUMP"):
        with open(dump, "a") as file:
            file.write(json.dumps({"argv": sys.argv, "env": dict(os.environ)}) + "\n")
    mode = os.environ.get("FAKE_MODE", "success")
    if mode == "crash":
        sys.exit(3)
    return mode


def main() -> None:
    """Run one session."""
    mode = start()
    if option("--input-format") == "stream-json":
        converse()
    elif option("--output-format") == "stream-json":
        init()
        nested()
        MODES[mode]()
    elif option("--output-format") == "json":
        result()
    else:
        nested()
        print("Hello.")


if __name__ == "__main__":
    main()
