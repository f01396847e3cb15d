"""What Google's APIs share: how they count tokens, and how they report a failure."""

from ..bodies import hear_error, is_given, maps_in, note_usage
from ..codes import is_code
from ..record import Reply, Usage
from ..thinking import as_map
from ..vocabulary import count_of

# Of a 400 or 403, why (google.rpc.ErrorInfo): a wrong key is an "invalid argument" to Gemini.
_REASONS = frozenset({"API_KEY_INVALID", "BILLING_DISABLED"})


def note_tokens(
    kept: Usage,
    *,
    input: object = None,  # noqa: A002 - as the record names it
    tools: object = None,
    output: object = None,
    thoughts: object = None,
    cached: object = None,
) -> None:
    """Keep the tokens that Google counts apart from one another in the sums that semconv knows.

    The prompt and what tools put into it are the input, cached or not; the answer and the thoughts are the output.
    """
    if (prompt := count_of(input)) is not None:
        if tools is None:
            kept.input = prompt
        else:
            note_usage(kept, input=prompt + (count_of(tools) or 0))
    if output is None and thoughts is None and cached is None:
        return
    visible, thought = count_of(output), count_of(thoughts)
    if visible is None and kept.output is not None:
        # A chunk may repeat but one of the two.
        visible = kept.output - (kept.reasoning or 0)
    note_usage(kept, reasoning=thought, cache_read=cached)
    if visible is not None or thought is not None:
        note_usage(kept, output=(visible or 0) + (kept.reasoning or 0))


def hear_google_error(error: object, reply: Reply) -> None:
    """Note the failure that Google's error body or event reports (https://google.aip.dev/193)."""
    hear_error(error, reply)
    reasons = [detail.get("reason") for detail in maps_in(as_map(error).get("details"))]
    reply.code = next((reason for reason in reasons if isinstance(reason, str) and reason in _REASONS), reply.code)


def hear_block(reason: object, reply: Reply) -> None:
    """Note that a prompt was not let through, for a *reason* that is a word of Google's; nothing where it was."""
    if is_given(reason):
        hear_error({"code": reason if isinstance(reason, str) and is_code(reason) else "content_filter"}, reply)
