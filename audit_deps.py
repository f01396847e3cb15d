"""Compare the locked dependencies with the database of known vulnerabilities (pip-audit, by uv)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
PIP_AUDIT = "pip-audit==2.10.1"
SECONDS = 300
CLEAN, VULNERABLE, NOT_LOOKED = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Audit what the package and its extras need, with ``--dev`` also what its tests need; give the exit code."""
    if arguments not in ([], ["--dev"]):
        return fail("the only argument is --dev.")
    uv = shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv")
    if uv is None:
        return fail("uv is missing.")
    with tempfile.TemporaryDirectory(prefix="audit-") as folder:
        wanted = Path(folder, "requirements.txt")
        if said := exported(uv, wanted, arguments):
            return fail(f"the lock file cannot be read ({said}).")
        return told(asked(uv, wanted))


def exported(uv: str, wanted: Path, arguments: list[str]) -> str:
    """Write the locked requirements to *wanted*; give why that cannot be, or nothing."""
    groups = [] if arguments else ["--no-dev"]
    command = [uv, "export", "--quiet", "--locked", "--all-extras", "--no-emit-project", *groups, "-o", str(wanted)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return last_line(done.stderr) if done.returncode else ""


def asked(uv: str, wanted: Path) -> subprocess.CompletedProcess[str]:
    """Have pip-audit look the requirements in *wanted* up; it installs and changes nothing."""
    command = [uv, "tool", "run", PIP_AUDIT, "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    try:
        command += ["--requirement", str(wanted)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, NOT_LOOKED, "", f"no answer within {SECONDS} s")


def told(done: subprocess.CompletedProcess[str]) -> int:
    """Print what was found and give the exit code; no answer is not a clean one."""
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return fail(f"the database could not be asked ({last_line(done.stderr)}); nothing is known.")
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if len(unknown) == len(packages):
        return fail("the database knows none of the packages: a mirror may answer in its place; nothing is known.")
    rows = list(findings(packages))
    looked = len(packages) - len(unknown)
    print("\n".join([*rows, f"{looked} packages looked up: {len(rows) or 'no'} known vulnerabilities."]))
    if unknown:
        return fail(f"not looked up: {', '.join(unknown)}.")
    return VULNERABLE if rows else CLEAN


def findings(packages: list[dict[str, Any]]) -> Iterator[str]:
    """Yield one line a known vulnerability: the package, its version, the id, and where it is mended."""
    for package in packages:
        for each in package.get("vulns", ()):
            mended = ", ".join(each.get("fix_versions", ())) or "no version yet"
            yield f"{package['name']} {package['version']}: {each['id']}, mended in {mended}"


def last_line(text: str) -> str:
    """Give the last line of what a program said, bounded."""
    return (text.strip().splitlines() or ["it said nothing"])[-1][:200]


def fail(sentence: str) -> int:
    """Print one sentence to stderr and give the code for "nothing is known"."""
    print(f"audit-deps: {sentence}", file=sys.stderr, flush=True)
    return NOT_LOOKED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
