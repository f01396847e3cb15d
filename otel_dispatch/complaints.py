"""The failures that OpenAI-shaped answers report in their bodies, whatever their status, in each provider's shape."""

from collections.abc import Mapping
from typing import Any

from .bodies import Fields, hear_error, is_given
from .record import Reply
from .thinking import as_map
from .vocabulary import count_of, text_of

_STATUS_DIGITS = 3


class Answered(Fields):
    """The top-level fields of an answer that may say that it is none."""

    object: Any = None
    choices: Any = None
    error: Any = None
    code: Any = None
    type: Any = None
    error_type: Any = None
    error_code: Any = None
    errors: Any = None
    base_resp: Any = None
    x_groq: Any = None


def hear_complaint(told: Answered, reply: Reply) -> bool:
    """Note the failure that *told* reports; whether it reports one."""
    found = _complaint_in(told)
    if found is None:
        return False
    hear_failure(found, reply)
    return True


def hear_failure(error: object, reply: Reply) -> None:
    """Note the failure that an *error* reports, and what OpenRouter's metadata adds to it."""
    first = as_map(error[0] if isinstance(error, list) and error else error)
    hear_error({**first, "code": None} if _is_number_beside_word(first) else first, reply)
    metadata = as_map(first.get("metadata"))
    reply.upstream = text_of(metadata.get("provider_name")) or reply.upstream
    if "flagged_input" in metadata:
        reply.code = "flagged_input"


def _complaint_in(told: Answered) -> Any:
    if told.error is not None and is_given(told.error):
        # xAI puts the code, and TGI the type, beside an error that is text.
        beside = {"code": told.code, "type": told.error_type or told.type}
        return told.error if isinstance(told.error, (dict, list)) else beside
    if told.base_resp is not None and (status := count_of(as_map(told.base_resp).get("status_code"))):
        # MiniMax; its numbers mean other things elsewhere.
        return {"code": f"base_resp.{status}"}
    if told.x_groq is not None and is_given(as_map(told.x_groq).get("error")):
        return {}
    return _bare_complaint_in(told) if told.choices is None else None


def _bare_complaint_in(told: Answered) -> Any:
    if is_given(told.errors) and isinstance(told.errors, list):
        return told.errors  # Cloudflare
    # vLLM of old, Mistral, Cerebras, DashScope and SiliconFlow put the error's fields at the top level, Baidu a number.
    is_bare = told.object == "error" or is_given(told.code) or is_given(told.error_code)
    return {"code": told.code, "type": told.type} if is_bare else None


def _is_number_beside_word(error: Mapping[str, Any]) -> bool:
    # Mistral counts its errors, as Z.AI does, with numbers of its own, but also names them.
    code = error.get("code")
    is_number = isinstance(code, str) and code.isdecimal() and len(code) != _STATUS_DIGITS
    return is_number and is_given(error.get("type"))
