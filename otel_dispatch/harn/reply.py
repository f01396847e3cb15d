"""What a response line says of an answer: who served it, its usage, and whether anything was in it."""

from collections.abc import Mapping
from typing import Any

from ..record import Reply, Usage
from ..vocabulary import count_of
from .words import name_of


def reply_of(told: Mapping[str, Any]) -> Reply:
    """The answer that the response line *told* tells; its text is measured and let go."""
    reply = Reply(model=name_of(told.get("model")), upstream=name_of(told.get("provider")), usage=usage_of(told))
    reply.stop(name_of(told.get("stop_reason")))
    text = told.get("text")
    reply.unread = not isinstance(text, str)
    reply.say(text if isinstance(text, str) else "")
    reply.committed = bool(told.get("tool_calls")) or has_thoughts(told)
    return reply


def has_thoughts(told: Mapping[str, Any]) -> bool:
    """Whether the answer came with thoughts."""
    thinking = told.get("thinking")
    return isinstance(thinking, str) and bool(thinking.strip())


def usage_of(told: Mapping[str, Any]) -> Usage:
    """The tokens that *told* tells; harn writes 0 where the provider reported none, so a lone 0 is not told."""
    if told.get("accounting_status") == "unknown":
        return Usage()
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    given, output, read, written = (count_of(told.get(name)) for name in names)
    cached = (read or 0) + (written or 0)
    # A sum of the cache above the input shows that the provider counts it beside the input, and not in it.
    whole = given + cached if given and cached > given else given
    return Usage(whole or None, output if output or given else None, read or None, written or None)
