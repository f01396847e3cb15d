"""Who answers at a host, what is spoken there, and what the environment pins."""

import logging

import pytest

from otel_dispatch.catalog import PROVIDERS
from otel_dispatch.pins import Pins, pins
from otel_dispatch.providers import (
    default_wire_format,
    endpoint_at,
    host_of,
    is_expected,
    is_known,
    is_own_host,
    semconv_name,
)
from otel_dispatch.record import Endpoint
from otel_dispatch.vocabulary import WireFormat

KEY = "sk-live-4291"

AT = [
    ("api.anthropic.com", "anthropic"),
    ("api.openai.com", "openai"),
    ("us.api.openai.com", "openai"),
    ("API.OpenAI.com.", "openai"),
    ("contoso.openai.azure.com", "azure_openai"),
    ("contoso.services.ai.azure.com", "azure_ai"),
    ("openrouter.ai", "openrouter"),
    ("generativelanguage.googleapis.com", "gemini"),
    ("us-central1-aiplatform.googleapis.com", "vertex"),
    ("aiplatform.eu.rep.googleapis.com", "vertex"),
    ("bedrock-runtime.eu-central-1.amazonaws.com", "bedrock"),
    ("bedrock-runtime.eusc-de-east-1.amazonaws.eu", "bedrock"),
    ("bedrock-runtime.us-iso-east-1.c2s.ic.gov", "bedrock"),
    ("bedrock-mantle.us-east-1.api.aws", "bedrock"),
    ("aws-external-anthropic.us-east-1.api.aws", "anthropic_aws"),
    ("claude.googleapis.com", "anthropic_google_cloud"),
    ("api.eu.mistral.ai", "mistral"),
    ("api.x.ai", "xai"),
    ("api.together.xyz", "together"),
    ("api.groq.com", "groq"),
    ("api.minimaxi.com", "minimax"),
    ("open.bigmodel.cn", "zai"),
    ("us.api.fireworks.ai", "fireworks"),
    ("dashscope-us.aliyuncs.com", "dashscope"),
    ("coding-intl.dashscope.aliyuncs.com", "dashscope"),
    ("cn-hongkong.dashscope.aliyuncs.com", "dashscope"),
    ("ws1.ap-southeast-1.maas.aliyuncs.com", "dashscope"),
    ("maas.aliyuncs.com", "unknown"),
    ("localhost", "local"),
    ("ollama.localhost", "local"),
    ("127.0.0.1", "local"),
    ("127.3.2.1", "local"),
    ("::1", "local"),
    ("[::1]", "local"),
    ("::ffff:127.0.0.1", "local"),
    ("::ffff:10.0.0.1", "unknown"),
    ("10.0.0.1", "unknown"),
    ("gateway.internal", "unknown"),
    ("openai.com", "unknown"),
    ("api.openai.com.evil.example", "unknown"),
    ("evilapi.openai.com", "unknown"),
    ("openai.azure.com.evil.example", "unknown"),
    ("", "unknown"),
]


@pytest.mark.parametrize(("host", "provider"), AT)
def test_a_host_tells_the_provider(host: str, provider: str) -> None:
    assert endpoint_at(host, 443) == Endpoint(host.lower().strip("[].") or "", 443, provider)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_every_provider_is_found_at_each_host_of_its_own(provider: object) -> None:
    for pattern in provider.hosts:
        host = pattern.replace("*", "x1")
        assert (endpoint_at(host, 443).provider, is_own_host(host)) == (provider.name, True)
    assert is_known(provider.name)
    assert default_wire_format(provider.name) is provider.speaks[0]
    assert all(is_expected(spoken, provider.name) for spoken in provider.speaks)


SPOKEN: list[tuple[str, WireFormat]] = [
    ("bedrock", WireFormat.OPENAI_RESPONSES),
    ("perplexity", WireFormat.OPENAI_RESPONSES),
    ("sambanova", WireFormat.OPENAI_RESPONSES),
    *((name, WireFormat.ANTHROPIC_NATIVE) for name in ("baseten", "fireworks", "huggingface", "sambanova")),
    ("volcengine_ark", WireFormat.ANTHROPIC_NATIVE),
    *(
        ("cloudflare_ai_gateway", spoken)
        for spoken in (WireFormat.GEMINI, WireFormat.COHERE, WireFormat.BEDROCK_CONVERSE, WireFormat.ANTHROPIC_NATIVE)
    ),
]


@pytest.mark.parametrize(("provider", "spoken"), SPOKEN)
def test_what_a_provider_documents_beside_its_default_is_expected_of_it(provider: str, spoken: WireFormat) -> None:
    assert is_expected(spoken, provider)
    assert default_wire_format(provider) is not spoken


def test_no_host_and_no_name_stands_twice() -> None:
    hosts = [host for provider in PROVIDERS for host in provider.hosts]
    names = [provider.name for provider in PROVIDERS]
    assert (len(hosts), len(names)) == (len(set(hosts)), len(set(names)))


def test_a_provider_that_nobody_knows_is_expected_to_speak_anything() -> None:
    assert not is_known("mine")
    assert default_wire_format("mine") is None
    assert is_expected(WireFormat.COHERE, "mine")
    assert not is_expected(WireFormat.COHERE, "openai")
    assert [semconv_name(name) for name in ("mine", "groq", "azure_openai", "openrouter", "unknown")] == [
        *("mine", "groq", "azure.ai.openai", "openrouter", "unknown")
    ]
    assert not is_own_host("127.0.0.1")


@pytest.mark.parametrize("provider", ["openai", "azure_openai", "azure_ai", "bedrock", "vertex"])
def test_responses_are_no_surprise_where_openais_sdk_sends_them(provider: str) -> None:
    assert is_expected(WireFormat.OPENAI_RESPONSES, provider)


OWN = [
    ("gpu1=vllm", "gpu1", 8000, "vllm"),
    ("gpu1=vllm", "GPU1.", 8000, "vllm"),
    (" GPU1 = vllm , gpu2=tgi,", "gpu2", 80, "tgi"),
    ("gpu1:8000=vllm,gpu1:8001=tgi", "gpu1", 8000, "vllm"),
    ("gpu1:8000=vllm,gpu1:8001=tgi", "gpu1", 8001, "tgi"),
    ("gpu1:8000=vllm,gpu1:8001=tgi", "gpu1", 8002, "unknown"),
    ("gpu1=any,gpu1:8000=vllm", "gpu1", 8000, "vllm"),
    ("gpu1=any,gpu1:8000=vllm", "gpu1", None, "any"),
    ("*.corp.example=gateway", "llm.corp.example", 443, "gateway"),
    ("*.corp.example=gateway", "corp.example", 443, "unknown"),
    ("api.openai.com=proxy", "api.openai.com", 443, "proxy"),
    ("localhost:11434=ollama", "localhost", 11434, "ollama"),
    ("[::1]:8000=vllm", "::1", 8000, "vllm"),
    ("[::1]=vllm", "::1", 9, "vllm"),
    ("*.corp.example:8443=gateway", "llm.corp.example", 8443, "gateway"),
    ("*.corp.example:8443=gateway", "llm.corp.example", 443, "unknown"),
    ("*.corp.example=any,*.corp.example:8443=gateway", "llm.corp.example", 8443, "gateway"),
    ("bücher.example=ours", "xn--bcher-kva.example", 443, "ours"),
    ("Bücher.example:8443=ours", "xn--bcher-kva.example", 8443, "ours"),
    ("*.bücher.example=ours", "llm.xn--bcher-kva.example", 443, "ours"),
    ("gpu1.=vllm", "gpu1", 80, "vllm"),
    ("gpu1.:8000=vllm,*.corp.example.=gateway", "gpu1", 8000, "vllm"),
    ("gpu1.:8000=vllm,*.corp.example.=gateway", "a.corp.example.", 80, "gateway"),
    ("münchen:8443=ours", "xn--mnchen-3ya", 8443, "ours"),
    ("gpu1=a\tb", "gpu1", 80, "a b"),
    ("gpu1=" + "x" * 999, "gpu1", 80, "x" * 256),
]


@pytest.mark.parametrize(("listed", "host", "port", "provider"), OWN)
def test_a_list_of_the_users_own_comes_first(
    monkeypatch: pytest.MonkeyPatch, listed: str, host: str, port: int | None, provider: str
) -> None:
    monkeypatch.setenv("DISPATCH_OTEL_PROVIDERS", listed)
    assert endpoint_at(host, port).provider == provider


@pytest.mark.parametrize(
    "entry", ["gpu9", "=vllm", "gpu9=", "=", f"https://{KEY}@gpu9/v1=vllm", f"{KEY}@gpu9=vllm", "ü" * 70 + "=vllm"]
)
def test_a_bad_entry_costs_one_warning_without_its_text_and_only_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, entry: str
) -> None:
    monkeypatch.setenv("DISPATCH_OTEL_PROVIDERS", f"gpu1=vllm,{entry},,gpu2={hash(entry)}")
    with caplog.at_level(logging.WARNING, "otel_dispatch"):
        found = [endpoint_at(host, port).provider for host in ("gpu1", "gpu2", "gpu9") for port in (1, 2)]
    assert found == ["vllm", "vllm", str(hash(entry)), str(hash(entry)), "unknown", "unknown"]
    (record,) = caplog.records
    assert record.getMessage() == "DISPATCH_OTEL_PROVIDERS: entry 2 is not of the form host=provider and is left out."


HOSTS = [
    ("https://api.openai.com/v1", "api.openai.com"),
    ("https://api.openai.com:8443/v1?x=1#f", "api.openai.com"),
    ("HTTPS://API.OpenAI.COM/v1", "api.openai.com"),
    ("https://api.openai.com./v1", "api.openai.com"),
    (" https://api.openai.com/v1", "api.openai.com"),
    (f"https://user:{KEY}@h.example/v1", "h.example"),
    (f"https://{KEY}@h.example:8443?x=1", "h.example"),
    (f"https://h.example?api_key={KEY}", "h.example"),
    (f"https://h.example#{KEY}", "h.example"),
    (f"https://h.example/{KEY}@x/", "h.example"),
    (f"{KEY}@h.example", "h.example"),
    (f"user:{KEY}@h.example:80/v1", "h.example"),
    ("h.example/v1?next=https://other.example/", "h.example"),
    ("//h.example/v1", "h.example"),
    ("localhost:11434", "localhost"),
    ("localhost", "localhost"),
    ("127.0.0.1:8080/v1", "127.0.0.1"),
    ("http://u:p@[::1]:8080/x", "::1"),
    ("[2001:DB8::1]:443", "2001:db8::1"),
    ("https://B\u00dccher.example/", "xn--bcher-kva.example"),
    ("http://[::1", ""),
    ("http://[zz]/", ""),
    ("https://" + "\u00fc" * 99 + ".example", ""),
    (":11434", ""),
    ("https://", ""),
    ("https:///v1", ""),
    ("", ""),
]


@pytest.mark.parametrize(("url", "host"), HOSTS)
def test_of_a_url_only_the_host_is_kept(url: str, host: str) -> None:
    assert host_of(url) == host
    assert KEY not in host_of(url)


@pytest.mark.parametrize(
    "url", ["https://a\udcffb/", "http://a\x00b/", "http://a\nb/", "x" * 999, "http://%zz/", "@@@"]
)
def test_a_host_is_fit_to_be_written_whatever_the_url(url: str) -> None:
    host = host_of(url)
    assert len(host.encode()) <= 256
    assert host == "" or host.isprintable()


PINNED = [
    ({}, Pins()),
    ({"ANTHROPIC_MODEL": " opus "}, Pins(models=frozenset({"opus"}))),
    ({"ANTHROPIC_MODEL": " ", "OPENAI_BASE_URL": ""}, Pins()),
    ({"OPENAI_BASE_URL": f"https://u:{KEY}@gw.example:1/v1"}, Pins(hosts=frozenset({"gw.example"}))),
    ({"OLLAMA_HOST": "gpu1:11434"}, Pins(hosts=frozenset({"gpu1"}))),
    ({"OLLAMA_HOST": ":11434"}, Pins()),
    ({"OLLAMA_API_BASE": "http://gpu1:11434"}, Pins(hosts=frozenset({"gpu1"}))),
    ({"SMART_MODEL": "x"}, Pins()),
    ({"SMART_MODEL": "x", "DISPATCH_OTEL_PINS": "SMART_MODEL, OTHER,"}, Pins(values=frozenset({"x"}))),
    (
        {"GATEWAY": "https://gw.example/v1", "DISPATCH_OTEL_PINS": "GATEWAY"},
        Pins(hosts=frozenset({"gw.example"}), values=frozenset({"https://gw.example/v1"})),
    ),
    (
        {"OPENAI_MODEL": "m", "DISPATCH_OTEL_PINS": "OPENAI_MODEL"},
        Pins(models=frozenset({"m"}), values=frozenset({"m"})),
    ),
]


@pytest.mark.parametrize(("environ", "expected"), PINNED)
def test_the_environment_pins_models_hosts_and_what_the_user_lists(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: Pins
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert pins() == expected


def test_pins_are_those_of_this_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for value in ("one", "two", None, "one"):
        if value is None:
            monkeypatch.delenv("OPENAI_MODEL")
        else:
            monkeypatch.setenv("OPENAI_MODEL", value)
        seen.append(pins().models)
    assert seen == [frozenset({"one"}), frozenset({"two"}), frozenset(), frozenset({"one"})]
