"""Every name we write to a backend, once, with its source.

A name from OpenTelemetry's conventions is used wherever one exists (semantic-conventions-genai of October 2026
and the stable core registry); the rest lies under ``dispatch.``, this project's own namespace.
"""

from typing import Final

SCOPE: Final = "otel_dispatch"
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"

# semconv-genai, client inference and agent spans
OPERATION: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
USAGE_INPUT: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE: Final = "gen_ai.usage.cache_write.input_tokens"
USAGE_REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
AGENT_NAME: Final = "gen_ai.agent.name"
SKILL_NAME: Final = "gen_ai.skill.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
TOKEN_TYPE: Final = "gen_ai.token.type"

# Marks of other people's inference spans: semconv before 1.37, and OpenInference
SYSTEM: Final = "gen_ai.system"
OPENINFERENCE_KIND: Final = "openinference.span.kind"

# semconv core. Backends of 2026 still read peer.service; 1.44 renames it to service.peer.name.
PEER_SERVICE: Final = "peer.service"
SERVICE_PEER_NAME: Final = "service.peer.name"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
HTTP_STATUS: Final = "http.response.status_code"
HTTP_RESEND_COUNT: Final = "http.request.resend_count"
ERROR_TYPE: Final = "error.type"
OPENAI_API_TYPE: Final = "openai.api.type"
PROCESS_EXECUTABLE: Final = "process.executable.name"
PROCESS_EXIT_CODE: Final = "process.exit.code"
SERVICE_NAME: Final = "service.name"

# ours
KIND: Final = "dispatch.kind"
PROVIDER: Final = "dispatch.provider"
MODEL: Final = "dispatch.model"
WIRE_FORMAT: Final = "dispatch.wire_format"
TOOL_FORMAT: Final = "dispatch.tool_format"
BASE_URL_HOST: Final = "dispatch.base_url_host"
THINKING_MODE: Final = "dispatch.thinking.mode"
THINKING_ENABLED: Final = "dispatch.thinking.enabled"
THINKING_BUDGET: Final = "dispatch.thinking.budget_tokens"
THINKING_LEVEL: Final = "dispatch.thinking.level"
PROVENANCE_PROVIDER: Final = "dispatch.provenance.provider"
PROVENANCE_MODEL: Final = "dispatch.provenance.model"
PROVENANCE_WIRE_FORMAT: Final = "dispatch.provenance.wire_format"
PROVENANCE_THINKING: Final = "dispatch.provenance.thinking"
PROVENANCE_TOOL_FORMAT: Final = "dispatch.provenance.tool_format"
INHERITED: Final = "dispatch.inherited"
INHERITED_FIELDS: Final = "dispatch.inherited_fields"
REQUESTED_PROVIDER: Final = "dispatch.requested.provider"
REQUESTED_MODEL: Final = "dispatch.requested.model"
PRIMARY_PROVIDER: Final = "dispatch.primary.provider"
PRIMARY_MODEL: Final = "dispatch.primary.model"
REPORTED_PROVIDER: Final = "dispatch.reported.provider"
MISMATCH: Final = "dispatch.mismatch"
DEFINITION_HASH: Final = "dispatch.agent.definition_hash"
OUTCOME_KIND: Final = "dispatch.outcome.kind"
OUTCOME_CLASS: Final = "dispatch.outcome.class"
OUTCOME_TOKENS: Final = "dispatch.outcome.completion_tokens"
OUTCOME_CONTENT_LEN: Final = "dispatch.outcome.content_len"
OUTCOME_EMPTY_RETRIES: Final = "dispatch.outcome.empty_retries"
ROLLUP_CALLS: Final = "dispatch.rollup.calls"
ROLLUP_MODELS: Final = "dispatch.rollup.models"
ROLLUP_PROVIDERS: Final = "dispatch.rollup.providers"
ROLLUP_INHERITED: Final = "dispatch.rollup.inherited_calls"
ROLLUP_EMPTY: Final = "dispatch.rollup.empty_terminal_calls"
ROLLUP_TOKENS: Final = "dispatch.rollup.output_tokens"
FIELD: Final = "dispatch.field"

OURS: Final = "dispatch."
"""The prefix that tells a name of ours from everybody else's."""

# instruments; the last two are semconv's, under the names that shipping Python packages of 2026 emit
METRIC_CALLS: Final = "dispatch.calls"
METRIC_INHERITED: Final = "dispatch.inherited"
METRIC_DURATION: Final = "dispatch.duration"
METRIC_CLIENT_DURATION: Final = "gen_ai.client.operation.duration"
METRIC_CLIENT_TOKENS: Final = "gen_ai.client.token.usage"

EVENT_RESOLVED: Final = "dispatch.resolved"
