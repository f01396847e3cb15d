"""The audit of the dependencies: what is found, what is clean, and that no answer is neither."""

import json
import subprocess
from typing import Any

import pytest

import audit_deps

KNOWN = {"name": "idna", "version": "3.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.7"], "description": "x"}]}
FINE = {"name": "wrapt", "version": "2.0", "vulns": []}
NOBODY = "the database knows none of the packages: a mirror may answer in its place; nothing is known."
UNKNOWN = {"name": "ours", "skip_reason": "not found"}


def done(*packages: Any, code: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], code, json.dumps({"dependencies": packages, "fixes": []}), "")


@pytest.mark.parametrize(
    ("packages", "code", "out", "err"),
    [
        ([FINE], 0, "1 packages looked up: no known vulnerabilities.\n", ""),
        (
            [FINE, KNOWN],
            1,
            "idna 3.0: PYSEC-1, mended in 3.7\n2 packages looked up: 1 known vulnerabilities.\n",
            "",
        ),
        ([FINE, UNKNOWN], 2, "1 packages looked up: no known vulnerabilities.\n", "audit-deps: not looked up: ours.\n"),
        (
            [UNKNOWN],
            2,
            "",
            f"audit-deps: {NOBODY}\n",
        ),
    ],
    ids=["clean", "vulnerable", "in part", "not at all"],
)
def test_what_the_database_says_is_told(
    packages: list[Any], code: int, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit_deps.told(done(*packages)) == code
    assert capsys.readouterr() == (out, err)


@pytest.mark.parametrize("stdout", ["", "no JSON", "[]", "{}"])
def test_no_answer_is_not_a_clean_one(stdout: str, capsys: pytest.CaptureFixture[str]) -> None:
    silent = subprocess.CompletedProcess([], 1, stdout, "Traceback\nConnectionError: no route\n")
    assert audit_deps.told(silent) == 2
    assert capsys.readouterr().err == (
        "audit-deps: the database could not be asked (ConnectionError: no route); nothing is known.\n"
    )


def test_what_it_does_not_know_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit_deps.main(["--fast"]) == 2
    assert capsys.readouterr() == ("", "audit-deps: the only argument is --dev.\n")
