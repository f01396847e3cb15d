"""What ``doctor`` finds of others that make spans of model calls here; where one does, ours go onto its span."""

import os
import re
from importlib import metadata
from pathlib import Path
from typing import Final

from .finding import Finding, State

_PART: Final = "others"
_LIBRARIES: Final = (
    "openai|anthropic|bedrock|cohere|google-generativeai|groq|langchain|llamaindex|mistralai|ollama|openai-agents|"
    "replicate|sagemaker|together|vertexai|watsonx"
)
# The first that fits a distribution's name is its maker.
_MAKERS: Final = (
    ("OpenTelemetry GenAI", r"opentelemetry-instrumentation-(genai-.+|.+-v2|google-genai)"),
    (
        "OpenLLMetry",
        f"traceloop-sdk|opentelemetry-instrumentation-({_LIBRARIES})",
    ),
    ("OpenInference", "openinference-instrumentation(-.+)?"),
    ("Logfire", "logfire"),
    ("OpenLIT", "openlit"),
    ("Langfuse", "langfuse"),
)
_ANTHROPIC: Final = "ANTHROPIC_OPEN_TELEMETRY"


def of_neighbours() -> list[Finding]:
    """A finding for each maker of such spans that is installed."""
    found: dict[str, set[str]] = {}
    for distribution in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.name or "").lower()
        maker = next((maker for maker, pattern in _MAKERS if re.fullmatch(pattern, name)), None)
        if maker is not None:
            found.setdefault(maker, set()).add(f"{name} {distribution.version}")
    others = [Finding(_PART, maker, State.NOTE, ", ".join(sorted(names))) for maker, names in sorted(found.items())]
    return [*others, *_of_anthropic()] or [Finding(_PART, "instrumentations", State.NOTE, "none installed")]


def _of_anthropic() -> list[Finding]:
    try:
        distribution = metadata.distribution("anthropic")
    except metadata.PackageNotFoundError:
        return []
    if not Path(str(distribution.locate_file("anthropic/_tracing.py"))).exists():
        return []
    if _is("", "false"):
        told = f"off ({_ANTHROPIC}=false): its calls get spans of ours"
    elif _is("_TRACES_CONTENT_MODE", "content"):
        told = f"on, with prompts and answers ({_ANTHROPIC}_TRACES_CONTENT_MODE=content)"
    else:
        told = "on: its spans carry what we find"
    return [Finding(_PART, "Anthropic SDK's spans", State.NOTE, told)]


def _is(suffix: str, word: str) -> bool:
    return os.environ.get(_ANTHROPIC + suffix, "").lower() == word
