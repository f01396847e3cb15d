"""Builds the Jaeger that the tests ask: by Go, from its module proxy, once a machine, and behind everything else.

`python -m tests.backends.install` builds it by hand; dev.py does so beside the first run of the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

MODULE: Final = "github.com/jaegertracing/jaeger"
VERSION: Final = "v1.76.0"
"""Jaeger 2.13.0: the last version that Go knows by a tag, because the path of the module has no /v2."""

FOLDER: Final = "DISPATCH_JAEGER_BUILD"
"""Names the folder in which a build that dev.py has started leaves `FAILED`."""

UNTIL: Final = "DISPATCH_JAEGER_UNTIL"
"""When the tests no longer wait for that build, in Unix seconds."""

FAILED: Final = "failed"
USUAL: Final = Path("/usr/local/go/bin/go")
HOW: Final = "set DISPATCH_JAEGER_URL or DISPATCH_JAEGER_BIN, put jaeger on PATH, or run dev.py test where Go is"
NICE: Final = 19


class CannotBuildError(Exception):
    """Jaeger cannot be built here; the message says why."""


def built() -> Path:
    """Return where a Jaeger that was built lies, whether or not it does."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "otel_dispatch" / f"jaeger-{VERSION}"


def go_found() -> str | None:
    """Return Go from PATH, or from where its own archive puts it."""
    return shutil.which("go") or (str(USUAL) if USUAL.exists() else None)


def awaited() -> Path | str:
    """Return the Jaeger that was built, waiting for a build that goes on, or the reason why there is none."""
    folder = os.environ.get(FOLDER)
    until = os.environ.get(UNTIL)
    if built().exists():
        return built()
    if folder is None or until is None:
        return f"no Jaeger: {HOW}"
    while time.time() < float(until):
        if (failed := Path(folder) / FAILED).exists():
            return f"no Jaeger could be built: {failed.read_text(encoding='utf-8')}"
        time.sleep(0.5)
        if built().exists():
            return built()
    return "no Jaeger yet: its build takes longer than the tests wait, and the next run goes on with it"


def build() -> Path:
    """Return Jaeger's binary, built if it was not; raises CannotBuildError."""
    target = built()
    if target.exists():
        return target
    go = go_found()
    if go is None:
        raise CannotBuildError("there is no Go on PATH")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="jaeger-") as folder:
        made = Path(folder) / "jaeger"
        write_module(go, Path(folder))
        # One at a time: the tests want the other processors.
        flags = ["-mod=mod", "-p=1", "-trimpath", "-ldflags", "-s -w", "-o", str(made)]
        run(go, Path(folder), "build", *flags, f"{MODULE}/cmd/jaeger")
        beside = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.move(made, beside)
        # Another build may have been faster: each puts a whole file in place.
        beside.replace(target)
    return target


def write_module(go: str, folder: Path) -> None:
    """Make *folder* a module of our own that needs Jaeger and has its replacements, which `go install` refuses."""
    run(go, folder, "mod", "init", "otel_dispatch/jaeger")
    jaeger: dict[str, Any] = json.loads(run(go, folder, "mod", "download", "-json", f"{MODULE}@{VERSION}"))
    # Jaeger's own sums, checked as part of Jaeger: not every mirror of the sum database has them all.
    shutil.copyfile(Path(jaeger["Dir"]) / "go.sum", folder / "go.sum")
    run(go, folder, "mod", "edit", "-require", f"{MODULE}@{VERSION}")
    replaced = json.loads(run(go, folder, "mod", "edit", "-json", jaeger["GoMod"])).get("Replace") or []
    for each in replaced:
        run(go, folder, "mod", "edit", "-replace", f"{versioned(each['Old'])}={versioned(each['New'])}")


def versioned(module: dict[str, str]) -> str:
    """Return a module as Go's command line takes it."""
    return module["Path"] + (f"@{module['Version']}" if "Version" in module else "")


def run(go: str, folder: Path, *arguments: str) -> str:
    """Return what Go prints; raises CannotBuildError with its last line."""
    settings = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOWORK": "off", "GOMAXPROCS": "1"}
    environment = {**os.environ, **settings}
    done = subprocess.run([go, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        raise CannotBuildError(f"go {arguments[0]}: {said[-1].strip()}")
    return done.stdout


def main() -> int:
    """Build it at a low priority, print where it lies, and return an exit code."""
    os.nice(NICE)
    # As an exit, so that what lies in the temporary folder goes with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        print(build())
    except (CannotBuildError, OSError) as reason:
        if folder := os.environ.get(FOLDER):
            (Path(folder) / FAILED).write_text(str(reason), encoding="utf-8")
        print(reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
