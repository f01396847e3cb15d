"""A provider whose answers are the same each time, ids and all, so that what is said of two calls can be compared."""

from otel_dispatch.demo.provider import (
    Answer,
    Provider,
    Seen,
    chat,
    chat_stream,
    error,
    messages,
    messages_stream,
    responses,
    responses_stream,
)

WORDS = ["Hello ", "from ", "m."]
WHOLE = {
    "completions": chat("".join(WORDS), model="m", usage=(9, 12)),
    "responses": responses("".join(WORDS), model="m", usage=(9, 12)),
    "messages": messages("".join(WORDS), model="m", usage=(9, 12)),
}
STREAMED = {
    "completions": chat_stream(WORDS, model="m", usage=(9, 12)),
    "responses": responses_stream(WORDS, model="m", usage=(9, 12)),
    "messages": messages_stream(WORDS, model="m", usage=(9, 12)),
}
LIMITS = {
    "completions": error("openai", 429, "requests", "rate_limit_exceeded"),
    "responses": error("openai", 429, "requests", "rate_limit_exceeded"),
    "messages": error("anthropic", 429, "rate_limit_error"),
}


class Canned(Provider):
    """Answers every request from the tables above."""

    def _answer(self, seen: Seen) -> Answer:
        word = seen.path.rpartition("/")[2]
        if seen.json["model"] == "limit":
            return LIMITS[word]
        return (STREAMED if seen.json.get("stream") else WHOLE)[word]
