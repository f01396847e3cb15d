"""Run a small agent host against a local provider: no key, no network, no Docker. One of its calls goes astray."""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from .. import attributes as a
from .. import recordfile
from ..legible import LINE, clean
from . import DONE, FOUND_WRONG, UsageError
from .destination import Answer, Destination, Word, answer_of, connection, destination
from .run import Run
from .runs import print_runs, runs_in

_SDKS: Final = ("openai", "anthropic")
_PROVIDERS: Final = ("minimax", "anthropic", "openai")
_SERVICE: Final = "otel-dispatch-demo"
_JAEGER: Final = 16686
_SECONDS: Final = 60
# What an outer run or the user's own set-up left, and what would lead the demo's calls elsewhere.
_UNWANTED: Final = frozenset(
    {
        "DISPATCH_OTEL_ENTRYPOINTS",
        "DISPATCH_OTEL_PINS",
        "DISPATCH_OTEL_SCOPE",
        "TRACEPARENT",
        "TRACESTATE",
        "SMART_MODEL",
    }
)
_SIGNALS: Final = ("TRACES", "METRICS", "LOGS")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what ``demo`` takes."""
    parser.add_argument("--record", metavar="FILE", help="append the records to FILE (default: a new temporary file)")
    parser.add_argument("--endpoint", metavar="URL", help="send spans there (default: as the environment says)")


def run(arguments: Namespace) -> int:
    """Run the demo and print what was recorded."""
    if any(find_spec(name) is None for name in _SDKS):
        raise UsageError("the demo needs the openai and anthropic SDKs: pip install 'otel-dispatch[demo]'")
    env = _environment(arguments.endpoint)
    where = destination(env)
    if arguments.endpoint is not None and not where.is_valid:
        raise UsageError("--endpoint is no URL like http://localhost:4318")
    record, before = _record_file(arguments.record)
    env[recordfile.VARIABLE] = str(Path(record).absolute())
    answer = answer_of(where)
    if answer.word is not Word.ANSWERS and where.exporters == ("otlp",):
        # Nothing is lost, and the pipeline need not wait at its exit for somebody who is not there.
        env.update({f"DISPATCH_OTEL_{signal}_EXPORTER": "none" for signal in _SIGNALS})
    code = _run_pipeline(env)
    runs = [each for each in runs_in(record)[before:] if each.is_entry]
    if code or not runs:
        why = f"ended with {code}" if code else "was not observed"
        print(f"The demo's pipeline {why}; `otel-dispatch doctor` may tell why.", file=sys.stderr)
        return FOUND_WRONG
    print_runs(runs)
    print(f"\n{_filled(_pointer(runs))}\n")
    print(f"Records  {clean(record, LINE)}")
    print(_filled(clean(f"Spans    {_spans(where, answer, env)}", LINE), indent="         "))
    return DONE


def _record_file(asked: str | None) -> tuple[str, int]:
    if asked is None:
        descriptor, path = tempfile.mkstemp(prefix="otel-dispatch-demo-", suffix=".jsonl")
        os.close(descriptor)
        return path, 0
    try:
        Path(asked).open("ab").close()
    except OSError as error:
        raise UsageError(f"{asked} cannot be written: {error.strerror}.") from error
    return asked, sum(1 for each in runs_in(asked) if each.is_entry)


def _environment(endpoint: str | None) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    env["DISPATCH_OTEL"] = "1"
    if not env.get("OTEL_SERVICE_NAME"):
        env.setdefault("DISPATCH_OTEL_SERVICE_NAME", _SERVICE)
    # A proxy would not find our 127.0.0.1.
    for name in ("NO_PROXY", "no_proxy"):
        env[name] = ",".join(filter(None, (env.get(name), "127.0.0.1")))
    if endpoint is not None:
        env["DISPATCH_OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
        for signal in _SIGNALS:
            env.pop(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", None)
            env.pop(f"DISPATCH_OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", None)
    return env


def _run_pipeline(env: Mapping[str, str]) -> int:
    with _providers() as urls:
        places = ",".join(f"{url.removeprefix('http://')}={name}" for name, url in urls.items())
        own = {f"DEMO_{name.upper()}_URL": url for name, url in urls.items()}
        try:
            return subprocess.run(
                [sys.executable, "-m", "otel_dispatch.demo.pipeline"],
                env={**env, **own, "DISPATCH_OTEL_PROVIDERS": places},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                timeout=_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise UsageError(f"the demo's pipeline took more than {_SECONDS} s and was stopped") from None


@contextmanager
def _providers() -> Iterator[dict[str, str]]:
    from ..demo.provider import Provider, error, messages

    minimax, anthropic, openai = Provider(), Provider(), Provider()
    answers = (messages("Done.", model="MiniMax-M2"), messages("", model="MiniMax-M2", usage=(9, 7)))
    limit = error("anthropic", 429, "rate_limit_error", None, "Slow down.")
    # In the order in which the pipeline asks: one skill, an empty answer and its retry, a skill too many.
    minimax.script(answers[0], answers[1], answers[0], limit)
    with minimax, anthropic, openai:
        yield dict(zip(_PROVIDERS, (minimax.url, anthropic.url, openai.url), strict=True))


def _pointer(runs: list[Run]) -> str:
    astray = [each for each in runs if "provider" in each.inherited_fields]
    if not astray:
        return "No run inherited anything."
    found = astray[-1]
    return (
        f"Look at {found.name}: the escalation chose {found.model}, nobody chose its provider, and so the call went to "
        f"{found.provider} ({a.PROVENANCE_PROVIDER} = inherited_from_primary)."
    )


def _spans(where: Destination, answer: Answer, env: Mapping[str, str]) -> str:
    if not where.is_otlp:
        return f"{', '.join(where.exporters) or 'not exported'}, as OTEL_TRACES_EXPORTER says"
    if answer.word is not Word.ANSWERS:
        return f"not sent: {where.origin} {answer}. Start Jaeger with `docker compose up -d` and run this again."
    if connection(where.host, _JAEGER).word is not Word.ANSWERS:
        return f"sent to {where.origin}"
    service = env.get("DISPATCH_OTEL_SERVICE_NAME") or env["OTEL_SERVICE_NAME"]
    return f"http://{where.host}:{_JAEGER}/search?{urlencode({'service': service}, quote_via=quote)}"


def _filled(text: str, indent: str = "") -> str:
    width = min(shutil.get_terminal_size().columns, 100)
    # A link that is broken is no link.
    return textwrap.fill(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
