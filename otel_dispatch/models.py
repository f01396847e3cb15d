"""When two model ids name the same model."""

import re
from functools import lru_cache

# Aliases that move: -latest, -0 (Anthropic), :latest (Ollama). Snapshots that do not: -2024-08-06, @20250514, -0613,
# -08-2024 (Cohere), -04-17 (Gemini's previews), -250615 (Volcengine).
_ALIAS = re.compile(r"(-latest|-default|-0|:latest)$")
_SNAPSHOT = re.compile(r"-(20\d{6}|20\d\d-\d\d-\d\d|\d\d-20\d\d|\d\d-\d\d|\d{4}|2\d(0[1-9]|1[0-2])[0-3]\d|00\d)$")
# What Bedrock adds: us.anthropic.claude-…-v1:0, openai.gpt-…-1:0; and OpenAI: text-embedding-ada-002-v2.
_BEDROCK = re.compile(
    r"^([\w-]+\.)?(ai21|amazon|anthropic|cohere|deepseek|meta|minimax|mistral|moonshot|openai|qwen|writer|zai)\."
    r"|(?<=\d{8})-v\d+$|(?<=-00\d)-v\d+$|-v?\d+:\d+$"
)

# How a gateway is to serve a model, and not which: OpenRouter's variants and presets, Hugging Face's choice of a
# provider, a deployment at Fireworks.
_ROUTE = re.compile(
    r"(:(nitro|floor|exacto|online|fastest|cheapest|preferred|baseten|cerebras|cohere|deepinfra|featherless-ai"
    r"|fireworks-ai|groq|hf-inference|hyperbolic|nebius|novita|nscale|ovhcloud|publicai|sambanova|scaleway|together"
    r"|zai-org))?(@preset/.*|#accounts/.*)?$"
)
# OpenRouter writes the version with a dot where the maker's id has a dash.
_DOT = re.compile(r"(?<=\d)\.(?=\d)")

# A tuned model of Gemini, an endpoint of Vertex or Volcengine, a preset of OpenRouter and a profile or model that the
# user made in Bedrock bear names of the user's own, which tell nothing of what is behind; neither does the name of one
# of OpenRouter's own routers (openrouter/auto).
_OWN_NAME = re.compile(
    r"\s*(tunedmodels/|endpoints/|@preset/|openrouter/[^/]+$|ep-(m-)?\d{14}-"
    r"|arn:[^/]+:(application-inference-profile|provisioned-model|custom-model(-deployment)?"
    r"|imported-model|endpoint|prompt)/)",
    re.IGNORECASE,
)


@lru_cache(512)
def is_same_model(requested: str, served: str) -> bool:
    """Whether *served* is *requested* or a dated snapshot of it; a route prefix (``openai/…``) does not count."""
    asked, got = _plain(requested), _plain(served)
    if asked == got or _OWN_NAME.match(requested) or _OWN_NAME.match(served):
        return True
    bases = _SNAPSHOT.sub("", asked), _SNAPSHOT.sub("", got)
    # Two different snapshots of one model are two models.
    return bases[0] == bases[1] and (asked == bases[0] or got == bases[1])


def _plain(model: str) -> str:
    last = _ROUTE.sub("", model.strip().lower()).rpartition("/")[2]
    return _ALIAS.sub("", _DOT.sub("-", _BEDROCK.sub("", last)).replace("@", "-"))
