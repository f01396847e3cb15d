"""Which agent program a command line starts."""

from collections.abc import Sequence

import pytest

from otel_dispatch.argv import program_in

PROGRAMS: list[tuple[Sequence[str] | str, tuple[str, tuple[str, ...]] | None]] = [
    (["/opt/x/bin/claude", "-p"], ("claude", ("-p",))),
    (["C:\\x\\claude.CMD", "-p"], ("claude", ("-p",))),
    (["codex", "exec"], ("codex", ("exec",))),
    (["script", "-qefc", "claude -p 'a b'", "/dev/null"], ("claude", ("-p", "a b"))),
    (["script", "-q", "/dev/null", "claude", "-p"], ("claude", ("-p",))),
    (["env", "-i", "-u", "X", "A=b", "claude"], ("claude", ())),
    (["env", "-S", "A=b claude -p"], ("claude", ("-p",))),
    (["sh", "-c", "cd /x && export A=b; exec claude -p"], ("claude", ("-p",))),
    (["bash", "-lc", "cat prompt | A=b claude -p > out 2>&1"], ("claude", ("-p", "2"))),
    (["timeout", "-k", "5", "30", "nice", "-n", "5", "claude"], ("claude", ())),
    (["npx", "-y", "@anthropic-ai/claude-code@2", "-p"], ("claude", ("-p",))),
    (["npx", "--package", "x", "codex", "exec"], ("codex", ("exec",))),
    (["node", "--no-warnings", "/x/node_modules/@anthropic-ai/claude-code/cli.js", "-p"], ("claude", ("-p",))),
    ("claude -p hi", ("claude", ("-p", "hi"))),
    (["claudette", "-p"], None),
    (["git", "commit", "-m", "claude"], None),
    (["sh", "-c", "echo claude"], None),
    (["sh", "-c", "claude -p | jq ."], None),
    (["sh", "-c", "claude -p; echo done"], None),
    (["sh", "-c", "make && claude -p"], None),
    (["sh", "-c", "claude 'unbalanced"], None),
    (["sh", "script.sh", "claude"], None),
    (["node", "server.js", "claude"], None),
    (["sh", "-c"], None),
    (["env"], None),
    (["npx", "--"], None),
    ([], None),
    ("", None),
    (["sh", "-c", "sh -c 'sh -c \"sh -c claude\"'"], ("claude", ())),
]


@pytest.mark.parametrize(("argv", "expected"), PROGRAMS)
def test_the_program_is_seen_through_what_runs_it(
    argv: Sequence[str] | str, expected: tuple[str, tuple[str, ...]] | None
) -> None:
    found = program_in(argv)
    assert (found and (found.executable, found.arguments)) == expected
