"""Calls through the real SDKs, each with the words that explain it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anthropic
import boto3
import cohere
import httpx
import ollama
import openai
from botocore.config import Config
from google import genai
from google.genai import types

from otel_dispatch.demo import provider as wire
from otel_dispatch.demo.provider import Answer
from tests.wires import bedrock, gemini
from tests.wires import cohere as cohere_wire
from tests.wires import ollama as ollama_wire

HI: Any = [{"role": "user", "content": "hi"}]
TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {}}}


def chat(url: str, **options: Any) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        client.chat.completions.create(**{"model": "m", "messages": HI, **options})


def chat_where_the_environment_says(_: str, **options: Any) -> None:
    with openai.OpenAI(api_key="k", max_retries=0) as client:
        client.chat.completions.create(model="m", messages=HI, **options)


def respond(url: str, **options: Any) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        client.responses.create(model="m", input="hi", **options)


def azure(url: str, **options: Any) -> None:
    with openai.AzureOpenAI(azure_endpoint=url, api_key="k", api_version="2025-01-01", max_retries=0) as client:
        client.chat.completions.create(model="m", messages=HI, **options)


def message(url: str, **options: Any) -> None:
    with anthropic.Anthropic(base_url=url, api_key="k", max_retries=0) as client:
        client.messages.create(model="m", max_tokens=1024, messages=HI, **options)


def message_where_the_environment_says(_: str, **options: Any) -> None:
    with anthropic.Anthropic(api_key="k", max_retries=0) as client:
        client.messages.create(model="m", max_tokens=1024, messages=HI, **options)


def generate(url: str, **options: Any) -> None:
    http = types.HttpOptions(base_url=url)
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(**options) if options else None)
    with httpx.Client(trust_env=False) as carrier:
        http.httpx_client = carrier
        client = genai.Client(api_key="k", vertexai=False, http_options=http)
        client.models.generate_content(model="m", contents="hi", config=config)


def ask_ollama(url: str, **options: Any) -> None:
    client = ollama.Client(host=url, timeout=5)
    client.chat(model="m", messages=HI, **options)
    client._client.close()


def ask_cohere(url: str, **options: Any) -> None:
    with httpx.Client() as carrier:
        client = cohere.ClientV2(api_key="k", base_url=url, httpx_client=carrier)
        client.chat(model="m", messages=HI, **options)


def converse(url: str, **options: Any) -> None:
    client: Any = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="k",
        endpoint_url=url,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    client.converse(modelId="m", messages=[{"role": "user", "content": [{"text": "hi"}]}], **options)
    client.close()


CHAT = wire.chat("Hello.", model="m")
MESSAGE = wire.messages("Hello.", model="m")
RESPONSE = wire.responses("Hello.", model="m", reasoning_effort=None)
CONTENT = gemini.whole(gemini.content("Hello.", model="m"))


@dataclass
class Case:
    """A call: how it is really made, what is answered, and how it is explained; ``{url}`` and ``{port}`` are filled."""

    name: str
    call: Callable[..., None]
    answer: Answer
    words: str
    options: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    primary: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None


OPENAI = "--base-url {url}/v1 --wire-format openai_compat --model m"
CLAUDE = "--base-url {url} --wire-format anthropic_native --model m"
OWN = "127.0.0.1:{port}="
PRIMARY = {"provider": "minimax", "model": "MiniMax-M2"}

CASES = [
    Case("a local host", chat, CHAT, OPENAI),
    Case("an effort", chat, CHAT, f"{OPENAI} --thinking high", {"reasoning_effort": "high"}),
    Case("no effort", chat, CHAT, f"{OPENAI} --thinking off", {"reasoning_effort": "none"}),
    Case(
        "a host that the user names, and its usual format",
        chat,
        CHAT,
        "--base-url {url}/v1 --model m",
        env={"DISPATCH_OTEL_PROVIDERS": f"{OWN}openai"},
    ),
    Case(
        "a format that its provider does not speak",
        chat,
        CHAT,
        OPENAI,
        env={"DISPATCH_OTEL_PROVIDERS": f"{OWN}bedrock"},
    ),
    Case(
        "a base URL from the environment",
        chat_where_the_environment_says,
        CHAT,
        "--wire-format openai_compat --model m",
        env={"OPENAI_BASE_URL": "{url}/v1"},
    ),
    Case("a model that is pinned", chat, CHAT, OPENAI, env={"OPENAI_MODEL": "m"}),
    Case(
        "what the user lists as pins",
        chat,
        CHAT,
        f"{OPENAI} --thinking low",
        {"reasoning_effort": "low"},
        {"DISPATCH_OTEL_PINS": "MINE,EFFORT,WHERE", "MINE": "m", "EFFORT": "low", "WHERE": "{url}"},
    ),
    Case(
        "tools",
        chat,
        CHAT,
        "--base-url {url}/v1/chat/completions --body {body}",
        {"tools": [TOOL]},
        body={"model": "m", "messages": HI, "tools": [TOOL]},
    ),
    Case(
        "a body with spellings of its own",
        chat,
        CHAT,
        f"{OPENAI} --body {{body}}",
        {"extra_body": {"enable_thinking": True, "thinking_budget": 512}},
        body={"model": "other", "messages": HI, "enable_thinking": True, "thinking_budget": 512},
    ),
    Case("a model inside an escalation", chat, CHAT, OPENAI, primary={"provider": "local", "model": "MiniMax-M2"}),
    Case("the primary's own model", chat, CHAT, OPENAI, primary={"provider": "openai", "model": "m"}),
    Case("another primary", chat, CHAT, OPENAI, env={"OPENAI_MODEL": "m"}, primary=PRIMARY),
    Case("a response", respond, RESPONSE, "--base-url {url}/v1 --wire-format openai_responses --model m"),
    Case(
        "a response with an effort",
        respond,
        wire.responses("Hello.", model="m", reasoning_effort="low"),
        "--base-url {url}/v1/responses --model m --thinking low",
        {"reasoning": {"effort": "low"}},
    ),
    Case(
        "a deployment",
        azure,
        CHAT,
        "--base-url {url} --model m",
        env={"DISPATCH_OTEL_PROVIDERS": f"{OWN}azure_openai"},
    ),
    Case("a message", message, MESSAGE, CLAUDE),
    Case(
        "a message with a budget",
        message,
        MESSAGE,
        f"{CLAUDE} --thinking 2048",
        {"thinking": {"type": "enabled", "budget_tokens": 2048}},
    ),
    Case("an adaptive message", message, MESSAGE, f"{CLAUDE} --thinking adaptive", {"thinking": {"type": "adaptive"}}),
    Case(
        "a message with an effort", message, MESSAGE, f"{CLAUDE} --thinking max", {"output_config": {"effort": "max"}}
    ),
    Case(
        "a message to a URL that names the format",
        message,
        MESSAGE,
        "--base-url {url}/anthropic --model m",
    ),
    Case(
        "what Anthropic's variables say",
        message_where_the_environment_says,
        MESSAGE,
        "--wire-format anthropic_native --model m",
        env={"ANTHROPIC_BASE_URL": "{url}", "ANTHROPIC_MODEL": "m"},
    ),
    Case(
        "what Anthropic's variables say, inside an escalation",
        message_where_the_environment_says,
        MESSAGE,
        "--wire-format anthropic_native --model m",
        env={"ANTHROPIC_BASE_URL": "{url}", "DISPATCH_OTEL_PROVIDERS": f"{OWN}minimax"},
        primary=PRIMARY,
    ),
    Case("content", generate, CONTENT, "--base-url {url} --wire-format gemini --model m"),
    Case(
        "content with a level",
        generate,
        CONTENT,
        "--base-url {url} --wire-format gemini --model models/m --thinking high",
        {"thinking_level": "HIGH"},
    ),
    Case(
        "content with a budget",
        generate,
        CONTENT,
        "--base-url {url} --wire-format gemini --model m --thinking 512",
        {"thinking_budget": 512},
    ),
    Case(
        "content without thinking",
        generate,
        CONTENT,
        "--base-url {url} --model m --thinking off",
        {"thinking_budget": 0},
        {"DISPATCH_OTEL_PROVIDERS": f"{OWN}gemini"},
    ),
    Case(
        "Ollama",
        ask_ollama,
        ollama_wire.ollama_chat(),
        "--base-url {url} --wire-format ollama --model m --thinking on",
        {"think": True},
    ),
    Case(
        "Ollama where its variable says",
        ask_ollama,
        ollama_wire.ollama_chat(),
        "--wire-format ollama --model m --thinking low",
        {"think": "low"},
        {"OLLAMA_HOST": "127.0.0.1:{port}"},
    ),
    Case(
        "Cohere",
        ask_cohere,
        cohere_wire.cohere_chat(),
        "--base-url {url} --wire-format cohere --model m --thinking 512",
        {"thinking": cohere.Thinking(type="enabled", token_budget=512)},
    ),
    Case(
        "Converse",
        converse,
        bedrock.converse(),
        "--base-url {url} --wire-format bedrock_converse --model m --thinking 2048",
        {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2048}}},
    ),
]
