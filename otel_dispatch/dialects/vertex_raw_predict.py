"""Vertex AI's rawPredict, behind whose path are the models of many makers.

https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/use-partner-models
"""

import re
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from .. import compat
from ..bodies import decode, is_filled, is_text
from ..record import Request
from ..vocabulary import WireFormat, text_of
from . import Dialect, anthropic_native
from .clouds import asked_of, chat_at, read_piece, read_whole

_PUBLISHED: Final = re.compile(r"/publishers/([^/]+)/models/([^/]+):\w+$")
_COUNTER: Final = "count-tokens"


class _OpenSent(compat.Asked):
    anthropic_version: Any = None


_open_sent = msgspec.json.Decoder(_OpenSent)


def read_raw_request(body: bytes, path: str) -> Request | None:
    """What a ``POST …/publishers/{publisher}/models/{id}:rawPredict`` or ``:streamRawPredict`` asks for.

    None where tokens are only counted, and for an endpoint of the user's own, which may be anything.
    """
    publisher, model = _published_in(path)
    if model is None or model == _COUNTER:
        return None
    stream = path.endswith(":streamRawPredict")
    if publisher == "anthropic":
        return _claude(body, model, stream)
    sent = decode(_open_sent, body)
    if sent is None:
        return None
    if text_of(sent.anthropic_version) is not None:
        return _claude(body, model, stream)
    if is_filled(sent.messages):
        return chat_at(sent, path, model, stream)
    # Codestral's fill-in-the-middle, which no path tells from a chat; another maker's prompt may be for a picture.
    is_middle = publisher == "mistralai" and is_text(sent.prompt)
    return asked_of(compat.request_in(sent, path, "text_completion"), model, stream) if is_middle else None


def _claude(body: bytes, model: str, stream: bool) -> Request | None:
    sent = anthropic_native.asked_in(body)
    return None if sent is None else anthropic_native.request_in(sent, model, stream)


@lru_cache(256)
def _published_in(path: str) -> tuple[str, str | None]:
    """The publisher and the model that *path* names."""
    found = _PUBLISHED.search(path)
    return (found[1], text_of(unquote(found[2]))) if found else ("", None)


RAW_PREDICT = Dialect(
    "vertex_raw_predict",
    WireFormat.ANTHROPIC_NATIVE,
    (":rawPredict", ":streamRawPredict"),
    read_raw_request,
    read_whole,
    read_piece,
)
DIALECTS = (RAW_PREDICT,)
