"""Runs the real `li` against the fake `claude` and `codex`, in a home of its own, and gives the spans that arrive."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.sinks import HttpSink, SinkSpan

HERE = Path(__file__).parent
FAKES = {"claude": HERE / "claude.py", "codex": HERE.parents[1] / "fakes" / "codex.py"}
PLAN = {
    "reason": {"title": "t", "content": "c", "confidence_score": 1.0},
    "assignments": [{"task": "look", "assignee": "researcher"}, {"task": "read", "assignee": "reviewer"}],
}
PROFILE = "---\nmodel: claude/haiku\neffort: low\n---\nYou review.\n"
CODEX_PROFILE = 'model = "gpt-5.6-sol"\nmodel_reasoning_effort = "high"\n'
PLAYBOOK = (
    'name: triage\ndescription: d\nmodel: claude/opus\neffort: high\nprompt: "Do {input}"\nwith_synthesis: true\n'
)
# lionagi counts tokens with a vocabulary that tiktoken would fetch.
TOKENIZER = """
import tiktoken.registry
ranks = {bytes([byte]): byte for byte in range(256)}
for name in ("o200k_base", "cl100k_base"):
    made = tiktoken.Encoding(name, pat_str=r"(?s).", mergeable_ranks=ranks, special_tokens={})
    tiktoken.registry.ENCODINGS[name] = made
"""
BATCH = """
import json, os, sys
from lionagi.cli.main import main
for argv, env in json.loads(sys.argv[1]):
    os.environ.update(env)
    try:
        main(argv)
    except BaseException as error:
        print(type(error).__name__, file=sys.stderr)
    for name in env:
        del os.environ[name]
"""


Started = subprocess.Popen[str]


@dataclass
class Home:
    """A home with the fakes on its path, an agent profile and a playbook."""

    root: Path

    @classmethod
    def made_in(cls, root: Path) -> Self:
        """Furnish *root*."""
        for name, fake in FAKES.items():
            program = root / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(fake))} "$@"\n')
            program.chmod(0o755)
        files = {
            "python/sitecustomize.py": TOKENIZER,
            "work/.lionagi/agents/reviewer.md": PROFILE,
            "home/.lionagi/playbooks/triage.playbook.yaml": PLAYBOOK,
            "home/.codex/deep.config.toml": CODEX_PROFILE,
        }
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return cls(root)

    @property
    def profile(self) -> Path:
        """The file of the agent profile."""
        return self.root / "work/.lionagi/agents/reviewer.md"

    @property
    def dump(self) -> Path:
        """Where the fakes write how they were started."""
        return self.root / "dump.jsonl"

    @property
    def records(self) -> Path:
        """Where what was switched on writes its records."""
        return self.root / "records.jsonl"

    def at_start(self, code: str) -> None:
        """Have every Python of this home run *code* as it starts."""
        with (self.root / "python/sitecustomize.py").open("a") as file:
            file.write(code)

    def env(self, sink: HttpSink | None, **more: str) -> dict[str, str]:
        """The environment of a run that tells *sink*; without one, nothing is switched on."""
        here = Path(sys.executable).parent
        env = {
            "HOME": str(self.root / "home"),
            "PATH": os.pathsep.join([str(self.root / "bin"), str(here), "/usr/bin", "/bin"]),
            "PYTHONPATH": str(self.root / "python"),
            "FAKE_PLAN": json.dumps(PLAN),
            "FAKE_DUMP": str(self.dump),
        }
        if sink is not None:
            env |= {"DISPATCH_OTEL": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}
            env |= {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "DISPATCH_OTEL_RECORD_FILE": str(self.records)}
        return env | more

    def li(self, sink: HttpSink | None, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the console script."""
        return self._run([str(Path(sys.executable).parent / "li"), *argv], self.env(sink, **more))

    def program(self, sink: HttpSink | None, code: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program that uses lionagi."""
        return self._run([sys.executable, "-c", code], self.env(sink, **more))

    def start(self, sink: HttpSink | None, *argv: str, stdout: int = subprocess.DEVNULL, **more: str) -> Started:
        """Start the console script, and leave it running."""
        command, env = [str(Path(sys.executable).parent / "li"), *argv], self.env(sink, **more)
        return subprocess.Popen(
            command, cwd=self.root / "work", env=env, stdout=stdout, stderr=subprocess.PIPE, text=True
        )

    def batch(self, sink: HttpSink, runs: list[tuple[list[str], dict[str, str]]]) -> list[list[SinkSpan]]:
        """Run many commands in one process; give the spans of each, its root first."""
        done = self._run([sys.executable, "-c", BATCH, json.dumps(runs)], self.env(sink))
        found = traces(sink)
        assert len(found) == len(runs), done.stderr[-3000:]
        return found

    def _run(self, command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        folder = self.root / "work"
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=110, check=False)


def traces(sink: HttpSink) -> list[list[SinkSpan]]:
    """The spans that arrived, by trace, in the order in which they began, so that a root comes first."""
    found: dict[str, list[SinkSpan]] = {}
    for span in sorted(sink.spans(), key=lambda span: span.start):
        found.setdefault(span.trace_id, []).append(span)
    return list(found.values())


def tree(spans: list[SinkSpan]) -> Any:
    """The names of the spans of one trace, each with those below it; fails where there is more than one root."""
    known = {span.span_id for span in spans}
    roots = [span for span in spans if span.parent_id not in known]
    assert len(roots) == 1, [span.name for span in roots]
    assert not roots[0].parent_id

    def below(parent: SinkSpan) -> Any:
        return [(span.name, below(span)) for span in spans if span.parent_id == parent.span_id]

    return roots[0].name, below(roots[0])


def of(spans: list[SinkSpan], role: str) -> dict[str, Any]:
    """The attributes of the one step of *role*."""
    (found,) = (span.attributes for span in spans if span.attributes.get("lionagi.role") == role)
    return found


def origins(attributes: dict[str, Any]) -> tuple[str, str]:
    """Where the model and the thinking config came from."""
    return attributes["dispatch.provenance.model"], attributes["dispatch.provenance.thinking"]
