"""Which agent program a command line starts, seen through shells, script(1), env, npx and the like."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

from .dialects import Cli, clis

Words = list[str]

_DEEPEST: Final = 6
_LONGEST: Final = 262_144
_SUFFIXES: Final = (".exe", ".cmd", ".bat", ".ps1")
_JOINTS: Final = frozenset({";", "&&", "||", "|", "&", "\n", "|&"})
_REDIRECTS: Final = frozenset("<>")
# What may come before a program in a shell and says nothing to stdout.
_SILENT: Final = frozenset({"cd", "export", "set", "source", ".", "ulimit", "umask", "true", ":", "unset"})


@dataclass(frozen=True, slots=True)
class Program:
    """An agent program in a command line: the name of its file, its arguments, and variables that the line sets."""

    cli: Cli
    executable: str
    arguments: tuple[str, ...]
    assigned: Mapping[str, str] = field(default_factory=dict)


def program_in(argv: Sequence[str] | str) -> Program | None:
    """The agent program that *argv*, a list or a line for the shell, starts, or None.

    None also where the exit and the stdout of the whole would not be that program's.
    """
    if isinstance(argv, str):
        return _in_line(argv, 0) if _is_worth_splitting(argv) else None
    return _in_words(list(argv), 0) if argv and may_be_program(argv[0]) else None


def may_be_program(path: str) -> bool:
    """Whether the file at *path* is an agent program by its name, or may run one."""
    name = name_of(path)
    return name in _executables() or name in _WRAPPERS


def name_of(path: str) -> str:
    """The name of a program's file, without its folder and Windows' suffixes."""
    name = path[max(path.rfind("/"), path.rfind("\\")) + 1 :].lower()
    return name[:-4] if name.endswith(_SUFFIXES) else name


def _in_words(words: Words, depth: int) -> Program | None:
    if not words or depth > _DEEPEST:
        return None
    name, rest = name_of(words[0]), words[1:]
    if (cli := _executables().get(name)) is not None:
        return Program(cli, name, tuple(rest))
    look = _WRAPPERS.get(name)
    return look(rest, depth + 1) if look is not None else None


def _in_line(line: str, depth: int) -> Program | None:
    if depth > _DEEPEST or not _is_worth_splitting(line):
        return None
    try:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, ""
        tokens = list(lexer)
    except ValueError:
        return None
    *before, last = _commands(tokens)
    # What another command says to stdout, and how it ends, would be taken for the program's.
    if any(joint != "|" and (not words or words[0] not in _SILENT) for words, joint in before):
        return None
    return _assigned(last[0], depth)


def _commands(tokens: Words) -> list[tuple[Words, str]]:
    found: list[tuple[Words, str]] = [([], "")]
    is_target = False
    for token in tokens:
        if token in _JOINTS:
            found[-1] = (found[-1][0], token)
            found.append(([], ""))
        elif set(token) & _REDIRECTS and not token.strip("<>&|"):
            is_target = True
        elif is_target:
            is_target = False
        else:
            found[-1][0].append(token)
    return found if found[-1][0] or len(found) == 1 else found[:-1]


def _assigned(words: Words, depth: int) -> Program | None:
    # NAME=value before a command; exec and command say nothing of what they run.
    set_here: dict[str, str] = {}
    while words and (words[0] in ("exec", "command") or _is_assignment(words[0])):
        name, equals, value = words.pop(0).partition("=")
        if equals:
            set_here[name] = value
    found = _in_words(words, depth)
    return found and replace(found, assigned={**set_here, **found.assigned})


def _is_assignment(word: str) -> bool:
    return word.partition("=")[0].isidentifier() and "=" in word


def _is_worth_splitting(line: str) -> bool:
    return len(line) <= _LONGEST and any(name in line for name in _executables())


def _shell(words: Words, depth: int) -> Program | None:
    for place, word in enumerate(words):
        if not word.startswith("-"):
            return None
        if not word.startswith("--") and "c" in word:
            return _in_line(words[place + 1], depth) if place + 1 < len(words) else None
    return None


def _script(words: Words, depth: int) -> Program | None:
    for place, word in enumerate(words):
        if word.startswith("--command="):
            return _in_line(word.partition("=")[2], depth)
        if word == "--command" or (word.startswith("-") and not word.startswith("--") and word.endswith("c")):
            return _in_line(words[place + 1], depth) if place + 1 < len(words) else None
    # BSD's has no such option: script [-q] file command …
    plain = _after_options(words, frozenset({"-t", "-T"}))
    return _in_words(plain[1:], depth)


def _env(words: Words, depth: int) -> Program | None:
    rest = words
    while rest and (rest[0].startswith("-") and rest[0] != "--"):
        if rest[0] in ("-S", "--split-string"):
            return _in_line(" ".join(rest[1:]), depth)
        rest = rest[2:] if rest[0] in ("-u", "--unset", "-C", "--chdir") else rest[1:]
    return _assigned(rest[1:] if rest[:1] == ["--"] else list(rest), depth)


def _behind(*takes: str, skip: int = 0) -> Callable[[Words, int], Program | None]:
    """A wrapper that runs what follows its options and *skip* words; the options in *takes* have a value."""
    return lambda words, depth: _in_words(_after_options(words, frozenset(takes))[skip:], depth)


def _package(words: Words, depth: int) -> Program | None:
    # npx -y @anthropic-ai/claude-code …, or the path to its script under node_modules.
    rest = _after_options(words, frozenset({"-p", "--package", "-r", "--require", "--import"}))
    while rest and rest[0] in ("dlx", "exec", "x", "run", "--"):
        rest = _after_options(rest[1:], frozenset())
    if not rest:
        return None
    place = rest[0].replace("\\", "/")
    for cli in clis():
        if f"/{cli.package}/" in place or place == cli.package or place.startswith(f"{cli.package}@"):
            return Program(cli, cli.executables[0], tuple(rest[1:]))
    return _in_words(rest, depth) if name_of(place) in _executables() else None


def _after_options(words: Words, takes: frozenset[str]) -> Words:
    place = 0
    while place < len(words) and words[place].startswith("-") and words[place] != "--":
        place += 2 if words[place] in takes else 1
    return words[place + 1 :] if words[place : place + 1] == ["--"] else words[place:]


@cache
def _executables() -> dict[str, Cli]:
    return {name: cli for cli in clis() for name in cli.executables}


_WRAPPERS: Final[dict[str, Callable[[Words, int], Program | None]]] = {
    **dict.fromkeys(("sh", "bash", "dash", "zsh", "ksh"), _shell),
    **dict.fromkeys(("npx", "bunx", "node", "bun", "deno", "pnpm", "yarn"), _package),
    **dict.fromkeys(("nohup", "setsid", "ionice", "chrt", "caffeinate"), _behind("-c", "-n", "-p")),
    "script": _script,
    "env": _env,
    "nice": _behind("-n", "--adjustment"),
    "stdbuf": _behind("-i", "-o", "-e"),
    "timeout": _behind("-s", "--signal", "-k", "--kill-after", skip=1),
    "gtimeout": _behind("-s", "--signal", "-k", "--kill-after", skip=1),
}
