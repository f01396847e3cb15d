"""What a request lets a gateway choose from, and what of the choice the record tells."""

import json
from typing import Any

import pytest

from otel_dispatch.departure import arrived, dispatch_of
from otel_dispatch.dialects.openai_compat import CHAT
from otel_dispatch.origins import Known
from otel_dispatch.pins import Pins
from otel_dispatch.record import Endpoint, Reply, Request, Requested

GATEWAY = Endpoint("openrouter.ai", 443, "openrouter")


def asked(**body: Any) -> Request:
    request = CHAT.request(json.dumps({"messages": [], **body}).encode(), "")
    assert request is not None
    return request


def vercel(**options: Any) -> dict[str, Any]:
    return {"providerOptions": {"gateway": options}}


MODELS: list[tuple[dict[str, Any], str | None, tuple[str, ...]]] = [
    ({"model": "m"}, "m", ()),
    ({"model": "m", "models": ["n", "o"]}, "m", ("n", "o")),
    ({"model": "m", "models": ["m", "n", "n"]}, "m", ("n",)),
    ({"models": ["m", "n"]}, "m", ("n",)),
    ({"model": "", "models": ["m"]}, "m", ()),
    ({"model": "m", **vercel(models=["n"])}, "m", ("n",)),
    ({"model": "m", "models": ["n"], **vercel(models=["o"])}, "m", ("n", "o")),
    ({"model": "m", "fallbacks": ["n", {"model": "o", "messages": []}]}, "m", ("n", "o")),
    ({"model": "m", "models": "n"}, "m", ()),
    ({"model": "m", "models": [3, None, {}, ""]}, "m", ()),
    ({"model": "m", "providerOptions": 3}, "m", ()),
    ({"model": "m", "providerOptions": {"gateway": [3]}}, "m", ()),
    ({"models": []}, None, ()),
    ({"model": "m", "models": [str(n) for n in range(99)]}, "m", tuple(str(n) for n in range(16))),
]


@pytest.mark.parametrize(("body", "model", "fallbacks"), MODELS)
def test_the_first_model_is_asked_for_and_the_others_are_fallbacks(
    body: dict[str, Any], model: str | None, fallbacks: tuple[str, ...]
) -> None:
    assert (asked(**body).model, asked(**body).fallbacks) == (model, fallbacks)


UPSTREAMS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ()),
    ({"provider": {"order": ["one", "two"]}}, ("one", "two")),
    ({"provider": {"only": ["one"]}}, ("one",)),
    ({"provider": {"only": ["one", "two"]}}, ()),
    ({"provider": {"order": ["two"], "only": ["one", "two"]}}, ("two",)),
    ({"provider": {"sort": "price", "allow_fallbacks": False}}, ()),
    ({"provider": {"order": "one", "only": 3}}, ()),
    ({"provider": "one"}, ()),
    (vercel(order=["one", "two"]), ("one", "two")),
    (vercel(only=["one"]), ("one",)),
    (vercel(only=["one", "two"]), ()),
    ({"providerOptions": {"openai": {"order": ["one"]}}}, ()),
]


@pytest.mark.parametrize(("body", "expected"), UPSTREAMS)
def test_upstreams_are_those_that_are_to_be_tried_in_order(body: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert asked(model="m", **body).upstreams == expected


CHOSEN: list[tuple[dict[str, Any], Reply, set[str]]] = [
    ({"models": ["m", "n"]}, Reply(model="m"), set()),
    ({"models": ["m", "n"]}, Reply(model="m-2025-01-02"), set()),
    ({"models": ["m", "n"]}, Reply(model="n"), {"model"}),
    ({"models": ["m", "n"]}, Reply(model="vendor/n-2025-01-02"), {"model"}),
    ({"models": ["m", "n"]}, Reply(model="o"), set()),
    ({"model": "m"}, Reply(model="n"), set()),
    ({"model": "m", "provider": {"order": ["one", "two"]}}, Reply(upstream="One"), set()),
    ({"model": "m", "provider": {"order": ["one", "two"]}}, Reply(upstream="Two"), {"provider"}),
    ({"model": "m", "provider": {"order": ["deepinfra/turbo"]}}, Reply(upstream="DeepInfra"), set()),
    ({"model": "m", "provider": {"order": ["amazon-bedrock"]}}, Reply(upstream="Amazon Bedrock"), set()),
    ({"model": "m", "provider": {"only": ["one", "two"]}}, Reply(upstream="Two"), set()),
    ({"model": "m"}, Reply(upstream="Two"), set()),
    (vercel(order=["one"], models=["n"]) | {"model": "m"}, Reply(model="n", upstream="two"), {"model", "provider"}),
]


@pytest.mark.parametrize(("body", "reply", "overridden"), CHOSEN)
def test_what_the_gateway_chose_instead_is_an_escalation_override(
    body: dict[str, Any], reply: Reply, overridden: set[str]
) -> None:
    request = asked(**body)
    departed = dispatch_of(request, GATEWAY, Known(), Requested(), Pins())
    origins = arrived(departed, request, reply).provenance
    assert {name for name in ("provider", "model") if getattr(origins, name) == "escalation_override"} == overridden


@pytest.mark.parametrize(
    ("path", "endpoint", "mismatch"),
    [
        ("/v1/chat/completions", Endpoint("h.example", 443, "unknown"), ("model.served",)),
        ("/openai/deployments/mine/chat/completions", Endpoint("h.example", 443, "unknown"), ()),
        ("/openai/v1/chat/completions", Endpoint("c.openai.azure.com", 443, "azure_openai"), ()),
        ("/models/chat/completions", Endpoint("c.services.ai.azure.com", 443, "azure_ai"), ()),
    ],
)
def test_a_deployment_names_no_model_that_another_could_be_served_instead_of(
    path: str, endpoint: Endpoint, mismatch: tuple[str, ...]
) -> None:
    request = CHAT.request(b'{"model":"mine","messages":[]}', path)
    assert request is not None
    departed = dispatch_of(request, endpoint, Known(), Requested(), Pins())
    assert arrived(departed, request, Reply(model="gpt-4o")).mismatch == mismatch
