"""Hosts whose Python is told to be strict: they see what they would without us, and their calls are observed."""

from pathlib import Path

import pytest

from otel_dispatch.demo.provider import Provider
from tests.faults.programs import run

CODE = """
    import json, os, httpx2, urllib3
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    with httpx2.Client() as client, urllib3.PoolManager() as pool:
        for library in ("httpx2", "urllib3"):
            body = json.dumps({"model": library, "messages": HI}).encode()
            headers = {"content-type": "application/json"}
            if library == "httpx2":
                client.post(url, content=body, headers=headers).raise_for_status()
            else:
                pool.request("POST", url, body=body, headers=headers)
"""


@pytest.mark.parametrize("flags", [("-b",), ("-bb",), ("-W", "error"), ("-OO",), ("-I",)], ids=" ".join)
def test_a_strict_python_is_given_no_reason_and_its_calls_are_observed(
    provider: Provider, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    ran = run(provider, tmp_path, CODE, flags=flags)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert ran.told() == {"httpx2": ("served", None), "urllib3": ("served", None)}
