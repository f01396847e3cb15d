"""The inputs that fuzzing starts from: the samples of the dialects' tests, and what was found before."""

import hashlib
import json
from pathlib import Path
from typing import Final

from tests.dialects.samples import samples

CORPUS: Final = Path(__file__).parent / "corpus"

_SMALL: Final = 4096
_OTHERS: Final = {
    "claude_cli": [
        b'{"type":"system","subtype":"init","session_id":"s","model":"m"}\n{"type":"assistant","message":{"model":"m"}}',
        b"-p\nhi\n--model\nsonnet\n--effort\nhigh\n--settings\n{}",
    ],
    "codex_cli": [
        b'{"type":"thread.started","thread_id":"t"}\n{"type":"turn.completed","usage":{"input_tokens":3}}',
        b'exec\n--json\n-m\nm\n-c\nmodel_providers.x.base_url="http://h"\n-p\nprofile\nhi',
    ],
    "framing": [b'event: a\ndata: {"x":1}\n\ndata: y\r\n\r\n: note\n\n{"error":\n{}}', b'{"a":1}\n\n{"b":2}'],
    "scope": [
        b'{"role":"escalation","primary":{"model":"m"},"resolved":[["model","m","pipeline_input"]]}',
        b'{"provenance":{"model":"operator_pin"},"requested":{"model":"x"}}',
        b"00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
    ],
    "settings": [b'a.b.c={x="y",z=[1,2.5,2026-11-21]}', b'"env":{"ANTHROPIC_MODEL":"m"},"model":"n"}'],
    "address": [b"https://user:key@Api.OpenAI.com:443/v1?key=k#f", b"//[::1]:4000", b"b\xc3\xbccher.example"],
}


def seeds_of(target: str) -> list[bytes]:
    """The inputs for *target*: those of the samples, and those of the committed corpus."""
    found = sorted((CORPUS / target).glob("*")) if (CORPUS / target).is_dir() else []
    return [*_samples_of(target), *(path.read_bytes() for path in found)]


def keep(target: str, data: bytes) -> Path:
    """Put *data* into the corpus of *target*, under a name that its content gives it."""
    path = CORPUS / target / hashlib.sha256(data).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _samples_of(target: str) -> list[bytes]:
    if target in _OTHERS:
        return _OTHERS[target]
    mine = samples()[target]
    bodies = [json.dumps(body).encode() for body in (*mine.requests, *mine.answers)]
    path = [mine.path.encode() + b"\n" + bodies[0]] if mine.path else []
    return [*bodies, *path, *(stream[:_SMALL] for stream in mine.streams)]
