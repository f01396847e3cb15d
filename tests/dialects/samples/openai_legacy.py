"""What the dialects of openai_legacy.py read."""

from otel_dispatch.demo.provider import error
from tests.dialects.samples import TEXT, Samples, streamed, whole
from tests.wires.openai import completion, completion_stream, embeddings

_WORDS = TEXT.split(" ")
_PROMPT = {
    "model": "m",
    "prompt": TEXT,
    "suffix": TEXT,
    "stream": True,
    "max_tokens": 50,
    "stop": [TEXT],
    "user": TEXT,
    "metadata": {"x": TEXT},
    "models": ["m", "n"],
    "provider": {"order": ["One", "Two"], "only": ["One"]},
}
_INPUT = {
    "model": "m",
    "input": [TEXT, TEXT],
    "dimensions": 3,
    "user": TEXT,
    "encoding_format": "float",
    "metadata": {"x": TEXT},
    "stream": True,
}
_REFUSED = error("openai", 429, "requests", "rate_limit_exceeded", TEXT)

SAMPLES = {
    "openai_completions": Samples(
        path="/v1/completions",
        requests=[_PROMPT],
        answers=whole(completion(TEXT, model="m"), completion("", model="m"), completion(TEXT, model="m"), _REFUSED),
        streams=streamed(completion_stream(_WORDS, model="m"), completion_stream([], model="m", done=False)),
        needed=frozenset({"model", "prompt"}),
    ),
    "openai_embeddings": Samples(
        path="/v1/embeddings",
        requests=[_INPUT],
        answers=whole(
            embeddings(model="m", vectors=[[0.5], TEXT], usage={"prompt_tokens": 9, "total_tokens": 9}),
            embeddings(model="m", vectors=[TEXT]),
            _REFUSED,
        ),
        needed=frozenset({"model", "input"}),
        output_tokens=None,
    ),
}
