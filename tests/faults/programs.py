"""Programs of their own, switched on by the environment, and the records that they leave behind."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from otel_dispatch.demo.provider import Provider

HI = 'HI = [{"role": "user", "content": "hi"}]\n'
ROOT = Path(__file__).parents[2]


class Ran:
    """A program that has run: how it left, what it printed, and its records in the order in which they ended."""

    def __init__(self, done: subprocess.CompletedProcess[str], path: Path) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        lines = path.read_text().splitlines() if path.exists() else []
        self.records: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def told(self) -> dict[str, tuple[str, str | None]]:
        """Of each record, by its model or its name, its outcome's kind and class; each once."""
        found = {each["model"] or each["name"]: each["outcome"] for each in self.records}
        assert len(found) == len(self.records), self.records
        return {name: (outcome["kind"], outcome.get("class")) for name, outcome in found.items()}


def run(
    provider: Provider, folder: Path, code: str, is_on: bool = True, flags: tuple[str, ...] = (), **more: str
) -> Ran:
    """Run *code*, which may use HI, with the SDKs at *provider*; a file, as what is spawned imports it."""
    script = folder / "program.py"
    script.write_text(HI + textwrap.dedent(code))
    path = folder / "records.jsonl"
    path.unlink(missing_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DISPATCH_OTEL"))}
    kept |= {"OPENAI_BASE_URL": f"{provider.url}/v1", "OPENAI_API_KEY": "k"}
    if is_on:
        kept |= {"DISPATCH_OTEL": "1", "DISPATCH_OTEL_RECORD_FILE": str(path)}
        kept |= {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    command = [sys.executable, *flags, str(script)]
    done = subprocess.run(
        command, env={**kept, **more}, capture_output=True, text=True, timeout=60, preexec_fn=_with_usual_signals
    )
    return Ran(done, path)


def _with_usual_signals() -> None:
    # A test runner that ignores interrupts would have its children ignore them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
