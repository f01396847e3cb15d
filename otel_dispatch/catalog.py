"""Who answers at which hosts and what is spoken there: the table of the providers."""

from dataclasses import dataclass
from typing import Final

from .vocabulary import WireFormat

_A, _C, _R = WireFormat.ANTHROPIC_NATIVE, WireFormat.OPENAI_COMPAT, WireFormat.OPENAI_RESPONSES


@dataclass(frozen=True, slots=True)
class Provider:
    """Who answers at some hosts (``*`` is a wildcard label) and what is spoken there, the default first.

    ``semconv`` is the well-known value of OpenTelemetry's provider name, where there is one; ``deployments`` says
    that what a request there names is a deployment of the user's own naming, and no model.
    """

    name: str
    hosts: tuple[str, ...]
    speaks: tuple[WireFormat, ...] = (_C,)
    semconv: str | None = None
    deployments: bool = False


# The domains of AWS's partitions for China, the European Union and governments, beside those that the table names.
_AWS_ELSEWHERE: Final = (
    "api.amazonwebservices.com.cn",
    "amazonaws.eu",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
)

# Hosts from harn's catalog and the providers' own documentation, wire formats from the latter.
PROVIDERS: Final = (
    Provider("anthropic", ("api.anthropic.com",), (_A, _C), "anthropic"),
    # Where Anthropic itself answers behind another's door.
    Provider("anthropic_aws", ("aws-external-anthropic.*.api.aws",), (_A, _C), "anthropic"),
    Provider("anthropic_google_cloud", ("claude.googleapis.com",), (_A, _C), "anthropic"),
    Provider("openai", ("api.openai.com", "*.api.openai.com"), (_C, _R), "openai"),
    Provider(
        "azure_openai",
        ("*.openai.azure.com", "*.openai.azure.us", "*.cognitiveservices.azure.com"),
        (_C, _R),
        "azure.ai.openai",
        True,
    ),
    Provider("azure_ai", ("*.services.ai.azure.com",), (_C, _A, _R), "azure.ai.inference", True),
    Provider("openrouter", ("openrouter.ai",), (_C, _R, _A)),
    Provider("huggingface", ("router.huggingface.co", "api-inference.huggingface.co"), (_C, _R, _A)),
    Provider(
        "gemini",
        ("generativelanguage.googleapis.com",),
        (WireFormat.GEMINI, WireFormat.GEMINI_INTERACTIONS, _C),
        "gcp.gemini",
    ),
    Provider(
        "vertex",
        ("aiplatform.googleapis.com", "*-aiplatform.googleapis.com", "aiplatform.*.rep.googleapis.com"),
        (WireFormat.GEMINI, _A, _C, _R),
        "gcp.vertex_ai",
    ),
    Provider(
        "bedrock",
        (
            *("bedrock-runtime.*.amazonaws.com", "bedrock-runtime-fips.*.amazonaws.com", "bedrock-mantle.*.api.aws"),
            *("bedrock-runtime.*.amazonaws.com.cn", "bedrock-runtime.*.api.aws", "bedrock-runtime-fips.*.api.aws"),
            "*.bedrock-runtime.*.vpce.amazonaws.com",
            *(f"bedrock-runtime.*.{suffix}" for suffix in _AWS_ELSEWHERE),
        ),
        (WireFormat.BEDROCK_CONVERSE, _A, _C, _R),
        "aws.bedrock",
    ),
    Provider("mistral", ("api.mistral.ai", "api.*.mistral.ai", "codestral.mistral.ai"), (_C, _R), "mistral_ai"),
    Provider("cohere", ("api.cohere.com", "api.cohere.ai"), (WireFormat.COHERE, _C), "cohere"),
    Provider("xai", ("api.x.ai", "*.api.x.ai"), (_C, _R, _A), "x_ai"),
    Provider("together", ("api.together.xyz", "api.together.ai")),
    Provider("groq", ("api.groq.com",), (_C, _R), "groq"),
    Provider("cerebras", ("api.cerebras.ai",)),
    Provider("deepseek", ("api.deepseek.com",), (_C, _A), "deepseek"),
    Provider("fireworks", ("api.fireworks.ai", "*.api.fireworks.ai"), (_C, _R, _A)),
    Provider("perplexity", ("api.perplexity.ai",), (_C, _R), "perplexity"),
    Provider(
        "dashscope",
        (
            *("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com"),
            *("*.dashscope.aliyuncs.com", "*.maas.aliyuncs.com"),
        ),
        (_C, _A, _R),
    ),
    Provider("minimax", ("api.minimax.io", "api.minimaxi.com", "api.minimax.chat"), (_C, _A)),
    Provider("zai", ("api.z.ai", "open.bigmodel.cn"), (_C, _A)),
    Provider("moonshot", ("api.moonshot.ai", "api.moonshot.cn"), (_C, _A), "moonshot_ai"),
    Provider("baseten", ("inference.baseten.co", "*.api.baseten.co"), (_C, _A)),
    Provider("deepinfra", ("api.deepinfra.com",), (_C, _A)),
    Provider("sambanova", ("api.sambanova.ai",), (_C, _R, _A)),
    Provider("nvidia", ("integrate.api.nvidia.com",)),
    Provider("nebius", ("api.tokenfactory.nebius.com", "api.studio.nebius.com")),
    Provider("flexai", ("tokens.flex.ai",)),
    Provider("hyperbolic", ("api.hyperbolic.xyz",)),
    Provider("siliconflow", ("api.siliconflow.com", "api.siliconflow.cn"), (_C, _A)),
    Provider("parasail", ("api.parasail.io",)),
    Provider("atlas", ("api.atlascloud.ai",)),
    Provider("github_models", ("models.github.ai", "models.inference.ai.azure.com")),
    Provider("vercel_ai_gateway", ("ai-gateway.vercel.sh",), (_C, _R, _A)),
    # Its gateway passes on what each provider behind it speaks.
    Provider(
        "cloudflare_ai_gateway",
        ("gateway.ai.cloudflare.com", "api.cloudflare.com"),
        (_C, _R, _A, WireFormat.GEMINI, WireFormat.COHERE, WireFormat.BEDROCK_CONVERSE),
    ),
    Provider("inception", ("api.inceptionlabs.ai",)),
    Provider("friendli", ("api.friendli.ai",)),
    Provider("volcengine_ark", ("ark.cn-beijing.volces.com",), (_C, _R, _A)),
    Provider("hunyuan", ("api.hunyuan.cloud.tencent.com",)),
    Provider("qianfan", ("qianfan.baidubce.com",)),
    Provider("ollama", ("ollama.com", "api.ollama.com"), (WireFormat.OLLAMA, _C, _R, _A)),
)
