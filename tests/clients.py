"""Clients of the SDKs for a local server."""

from typing import Any

import anthropic
import openai

from otel_dispatch.demo.provider import Provider
from tests.conftest import Told

HI: Any = [{"role": "user", "content": "hi"}]


def chat_client(provider: Provider, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", **options)


def claude_client(provider: Provider, told: Told | None = None, **options: Any) -> anthropic.Anthropic:
    native: Any = {"tracer_provider": told.tracer_provider} if told else False
    return anthropic.Anthropic(base_url=provider.url, api_key="k", open_telemetry=native, **options)
