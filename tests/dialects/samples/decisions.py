"""What the dialects of decisions.py read."""

from otel_dispatch.demo.provider import error
from tests.dialects.samples import TEXT, Samples, whole
from tests.wires import gemini
from tests.wires.ollama import ollama_error, systemone
from tests.wires.openai import decision

_CHANCES = [{"value": TEXT, "probability": 0.75}, {"value": True, "probability": 0.25}]
_LEVELS = [{"label": TEXT, "value": 0, "probability": 1.0}]
_OPENAI = (
    {"type": "predicate", "name": TEXT, "probability": 0.75},
    {"type": "choice", "name": None, "choice": TEXT, "confidence": 0.5, "probabilities": _CHANCES},
    {"type": "score", "name": None, "score": 0.5, "confidence": 0.5, "probabilities": _LEVELS},
    {"type": "refusal", "name": TEXT},
)
_NAMED = (
    {"type": "noul", "noul": 0.95, "confidence": 0.95},
    {"type": "choice", "choice": TEXT, "probabilities": {TEXT: 1.0}, "confidence": 1.0},
    {"type": "score", "score": 0.5, "legend": {"0": TEXT}, "probabilities": {"0": 1.0}, "confidence": 1.0},
)
_QUESTIONS = {
    TEXT: {"type": "noul", "instructions": TEXT, "criteria": {"true": TEXT, "false": TEXT}},
    "b": {"type": "choice", "instructions": [{"type": "text", "text": TEXT}], "criteria": {TEXT: TEXT, "z": ""}},
    "c": {"type": "score", "instructions": TEXT, "criteria": [TEXT, TEXT]},
}

SAMPLES = {
    "decisions": Samples(
        path="/v1/decisions",
        requests=[
            {
                "model": "m",
                "input": [
                    {"role": "user", "content": [{"type": "input_text", "text": TEXT}]},
                    {"type": "function_call_output", "call_id": "c", "output": TEXT},
                ],
                "questions": [
                    {"type": "predicate", "name": TEXT, "instructions": TEXT},
                    {"type": "choice", "instructions": TEXT, "choices": [{"value": TEXT}, {"value": True}]},
                    {"type": "score", "instructions": TEXT, "levels": [{"label": TEXT, "description": TEXT}]},
                ],
                "safety_identifier": TEXT,
                "prompt_cache_key": TEXT,
            },
            {"model": "models/m", "input": [{"type": "text", "text": TEXT}], "questions": _QUESTIONS},
        ],
        answers=[
            *whole(
                decision(*_OPENAI, model="m"),
                decision({"type": "refusal", "name": TEXT}, model="m"),
                error("openai", 429, "requests", "rate_limit_exceeded", TEXT),
            ),
            gemini.decision(*_NAMED),
            gemini.undecided("safety"),
            gemini.undecided(TEXT),
            gemini.failure(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", TEXT),
        ],
        needed=frozenset({"model", "input", "questions"}),
        streamed=False,
    ),
    "systemone": Samples(
        path="/v1/systemone",
        requests=[{"model": "m", "state": {"a": TEXT, "b": [TEXT]}, "questions": _QUESTIONS, "keep_alive": "5m"}],
        answers=whole(systemone(*_NAMED, usage=(9, 12)), ollama_error(404, TEXT)),
        needed=frozenset({"model", "state", "questions"}),
        streamed=False,
    ),
}
