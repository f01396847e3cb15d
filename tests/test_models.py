"""When two model ids name the same model."""

import pytest

from otel_dispatch.models import is_same_model

SAME = [
    ("gpt-4o", "gpt-4o"),
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4o-2024-08-06", "gpt-4o"),
    ("gpt-4", "gpt-4-0613"),
    ("gpt-3.5-turbo", "gpt-3.5-turbo-0125"),
    ("o1", "o1-2024-12-17"),
    ("GPT-4o ", "gpt-4o"),
    ("openai/gpt-4o", "gpt-4o-2024-08-06"),
    ("models/gemini-2.0-flash", "gemini-2.0-flash-001"),
    ("gemini-2.5-flash-preview", "gemini-2.5-flash-preview-04-17"),
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("claude-sonnet-4-0", "claude-sonnet-4-20250514"),
    ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
    ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250929"),
    ("claude-3-5-sonnet", "claude-3-5-sonnet-20240620-v1:0"),
    ("us.anthropic.claude-3-5-sonnet-20240620-v1:0", "claude-3-5-sonnet-20240620"),
    ("bedrock/anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku"),
    ("mistral-small-latest", "mistral-small-2503"),
    ("command-r", "command-r-08-2024"),
    ("llama3", "llama3:latest"),
    ("accounts/fireworks/models/llama-v3p1-8b", "llama-v3p1-8b"),
    ("", ""),
    ("text-embedding-ada-002", "text-embedding-ada-002-v2"),
    ("openai/gpt-5.2:nitro", "openai/gpt-5.2"),
    ("openai/gpt-5.2:online", "openai/gpt-5.2-2026-01-02"),
    ("deepseek-ai/DeepSeek-R1:fireworks-ai", "deepseek-ai/DeepSeek-R1"),
    ("zai-org/GLM-4.6:cheapest", "glm-4.6"),
    ("google/gemini-2.0-flash-001@preset/email-copywriter", "google/gemini-2.0-flash-001"),
    ("openai/gpt-5.2:floor@preset/x", "gpt-5.2"),
    ("@preset/email-copywriter", "google/gemini-2.0-flash-001"),
    ("openrouter/auto", "anthropic/claude-sonnet-4.5"),
    ("openrouter/anthropic/claude-sonnet-4.5", "claude-sonnet-4.5"),
    ("accounts/fireworks/models/kimi-k2p5#accounts/me/deployments/d1", "accounts/fireworks/models/kimi-k2p5"),
    ("anthropic/claude-opus-4.1", "claude-opus-4-1-20250805"),
    ("doubao-seed-1-6", "doubao-seed-1-6-250615"),
    ("ep-20240604064637-wnlhx", "doubao-seed-1-6-250615"),
    ("ep-m-20240604064637-wnlhx", "doubao-seed-1-6-250615"),
]
DIFFERENT = [
    ("gpt-4o", "gpt-4o-mini"),
    ("gpt-4o", "gpt-4o-mini-2024-07-18"),
    ("gpt-4", "gpt-4-turbo"),
    ("gpt-4-0613", "gpt-4-0314"),
    ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
    ("claude-sonnet-4-5", "claude-sonnet-4-6"),
    ("claude-sonnet-4-5", "claude-opus-4-5-20251101"),
    ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20251001"),
    ("llama3:8b", "llama3:70b"),
    ("llama3", "llama3:70b"),
    ("gemini-1.5-pro-001", "gemini-1.5-pro-002"),
    ("claude-3-5-sonnet@20240620", "claude-3-5-sonnet-20241022"),
    ("deepseek-v3", "deepseek-v2"),
    ("deepseek-chat", "deepseek-reasoner"),
    ("gpt-4o", ""),
    ("openai/gpt-5.2:nitro", "openai/gpt-5.1"),
    ("openai/gpt-5.2:free", "openai/gpt-5.2"),
    ("deepseek-ai/DeepSeek-R1:together", "deepseek-ai/DeepSeek-V3"),
    ("google/gemini-2.0-flash-001@preset/x", "google/gemini-2.5-flash"),
    ("openrouter/anthropic/claude-sonnet-4.5", "claude-opus-4.5"),
    ("doubao-seed-1-6-250615", "doubao-seed-1-6-251015"),
    ("gemini-2.5-flash", "gemini-2.0-flash"),
    ("model-999999", "model"),
    ("text-embedding-ada-002", "text-embedding-ada-001"),
]


@pytest.mark.parametrize(("requested", "served"), SAME)
def test_a_snapshot_an_alias_and_a_route_are_the_same_model(requested: str, served: str) -> None:
    assert is_same_model(requested, served)


@pytest.mark.parametrize(("requested", "served"), DIFFERENT)
def test_another_model_or_another_snapshot_is_not(requested: str, served: str) -> None:
    assert not is_same_model(requested, served)


@pytest.mark.parametrize(("one", "other"), SAME + DIFFERENT)
def test_it_does_not_matter_which_of_two_was_asked_for(one: str, other: str) -> None:
    assert is_same_model(one, other) == is_same_model(other, one)
