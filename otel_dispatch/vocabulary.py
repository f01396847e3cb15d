"""The closed vocabularies of the record, and what makes a foreign value fit to be written."""

import re
from enum import StrEnum

from .legible import LIMIT as LIMIT
from .legible import clean as clean

MAX_INT = 2**63 - 1
"""The largest integer OTLP can carry; a larger one is no count of ours."""


class Kind(StrEnum):
    """What was dispatched: an entry point of a host, a model call, or the launch of an agent program."""

    RUN_SKILL = "run_skill"
    REPORT_BUG = "report_bug"
    FLEET_DISPATCH = "fleet_dispatch"
    AGENT = "agent"
    LLM_CALL = "llm_call"
    CLI_LAUNCH = "cli_launch"


class Field(StrEnum):
    """The five facts whose origin is recorded."""

    PROVIDER = "provider"
    MODEL = "model"
    WIRE_FORMAT = "wire_format"
    THINKING = "thinking"
    TOOL_FORMAT = "tool_format"


class Origin(StrEnum):
    """Where the value of a field came from (harn's provenance vocabulary, closed)."""

    OPERATOR_PIN = "operator_pin"
    PIPELINE_INPUT = "pipeline_input"
    ESCALATION_OVERRIDE = "escalation_override"
    CATALOG_DEFAULT = "catalog_default"
    INHERITED = "inherited_from_primary"
    UNKNOWN = "unknown"


class WireFormat(StrEnum):
    """The dialect that was spoken on the wire; harn's labels where it has one."""

    ANTHROPIC_NATIVE = "anthropic_native"
    OPENAI_COMPAT = "openai_compat"
    OPENAI_RESPONSES = "openai_responses"
    OLLAMA = "ollama"
    GEMINI = "gemini"
    GEMINI_INTERACTIONS = "gemini_interactions"
    BEDROCK_CONVERSE = "bedrock_converse"
    COHERE = "cohere"
    CLAUDE_CLI = "claude_cli"
    CODEX_CLI = "codex_cli"
    UNKNOWN = "unknown"


class ToolFormat(StrEnum):
    """How tools were offered: through the provider's own channel, not at all, or in the text."""

    NATIVE = "native"
    NONE = "none"
    JSON = "json"
    TEXT = "text"
    UNKNOWN = "unknown"


class ThinkingMode(StrEnum):
    """The thinking config that was sent; nothing sent is the provider's default, which is not off."""

    OFF = "off"
    ENABLED = "enabled"
    ADAPTIVE = "adaptive"
    EFFORT = "effort"
    BETWEEN_TOOLS = "between_tools"
    PROVIDER_DEFAULT = "provider_default"
    UNKNOWN = "unknown"


class OutcomeKind(StrEnum):
    """What came back; the first five are harn's."""

    SERVED = "served"
    EMPTY_RECOVERED = "empty_completion_transient_recovered"
    EMPTY_TERMINAL = "empty_completion_terminal"
    USAGE_LIMIT = "usage_limit"
    PROVIDER_ERROR = "provider_error"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    SUPERSEDED = "superseded"


class OutcomeClass(StrEnum):
    """Why it came back so, for usage_limit, provider_error and cancelled."""

    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    BILLING = "billing"
    AUTH = "auth"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    CONTEXT_OVERFLOW = "context_overflow"
    CONTENT_FILTER = "content_filter"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    MALFORMED_RESPONSE = "malformed_response"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


class Mismatch(StrEnum):
    """Two facts that should agree and do not."""

    MODEL_SERVED = "model.served"
    PROVIDER_HOST = "provider.host"
    PROVIDER_REPORTED = "provider.reported"
    WIRE_FORMAT_EXPECTED = "wire_format.expected"


# ASCII: a sentence in a script that writes no spaces is no word.
_WORD = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_LONGEST_TAG = 128

FAILED = frozenset({OutcomeKind.USAGE_LIMIT, OutcomeKind.PROVIDER_ERROR, OutcomeKind.EMPTY_TERMINAL})
"""The outcomes that make a span of ours an error."""


def count_of(value: object) -> int | None:
    """*value* as a count, or None where it is no non-negative integer that OTLP can carry."""
    if type(value) is int:
        return value if 0 <= value <= MAX_INT else None
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INT:
        return value
    return None


def text_of(value: object) -> str | None:
    """*value* as a non-empty clean string, or None."""
    if not isinstance(value, str):
        return None
    if len(value) <= LIMIT and value.isprintable():
        return value or None
    return clean(value) or None


def tag_of(value: object) -> str | None:
    """*value* as a name or an id, or None: a prompt that hides behind one is longer, or has lines."""
    is_short = isinstance(value, str) and len(value) <= _LONGEST_TAG and "\n" not in value
    return text_of(value) if is_short else None


def word_of(value: object) -> str | None:
    """*value* as one word of a machine's vocabulary, or None: a sentence is content."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


ENTRY_KINDS = frozenset(str(kind) for kind in Kind) - {"llm_call", "cli_launch"}
"""The kinds that an entry point can have."""
