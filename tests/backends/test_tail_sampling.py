"""What a real Jaeger stores and counts with tail-sampling.yaml laid over its configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .asking import polled
from .prometheus import series_in
from .sending import ATTRIBUTES, sent

pytestmark = pytest.mark.timeout(900)  # a Jaeger may first have to be built

ORDINARY = {
    "dispatch.kind": "llm_call",
    "dispatch.inherited": False,
    "dispatch.outcome.kind": "served",
    "dispatch.model": "MiniMax-M2",
}
STORED = {
    "inherited": {"dispatch.inherited": True},
    "mismatch": {"dispatch.mismatch": "model.served"},
    "empty": {"dispatch.outcome.kind": "empty_completion_terminal"},
    "limited": {"dispatch.outcome.kind": "usage_limit"},
    "failed": {"dispatch.outcome.kind": "provider_error"},
}


def test_what_went_wrong_is_stored_and_of_the_rest_the_share_that_is_asked_for(
    own_jaeger: Callable[..., Any], service: str
) -> None:
    with own_jaeger("tail-sampling.yaml", JAEGER_DECISION_WAIT="1s", JAEGER_KEEP_PERCENT="0") as jaeger:
        ordinary = [sent(jaeger.otlp_url, service, ORDINARY) for _ in range(3)]
        wrong = {name: sent(jaeger.otlp_url, service, {**ORDINARY, **change}) for name, change in STORED.items()}
        for name, trace_id in wrong.items():
            assert jaeger.trace(trace_id), name
        assert [jaeger.trace(trace_id, patience=0) for trace_id in ordinary] == [[]] * 3
        # All are counted, stored or not.
        polled(lambda: counted(jaeger, service) == len(ordinary) + len(wrong))
        assert counted(jaeger, service) == len(ordinary) + len(wrong)


def test_the_share_of_the_rest_can_be_all(own_jaeger: Callable[..., Any], service: str) -> None:
    with own_jaeger("tail-sampling.yaml", JAEGER_DECISION_WAIT="1s", JAEGER_KEEP_PERCENT="100") as jaeger:
        assert jaeger.trace(sent(jaeger.otlp_url, service, ORDINARY))


def test_both_overlays_may_be_used_at_once_and_nothing_need_listen_for_the_second(
    own_jaeger: Callable[..., Any], service: str
) -> None:
    wait = {"JAEGER_DECISION_WAIT": "1s", "JAEGER_PROMETHEUS_URL": "http://127.0.0.1:9"}
    with own_jaeger("tail-sampling.yaml", "spm.yaml", **wait) as jaeger:
        assert jaeger.trace(sent(jaeger.otlp_url, service, ATTRIBUTES))


def counted(jaeger: Any, service: str) -> float:
    """Return how many spans of a service have been counted."""
    series = series_in(jaeger.metrics())
    return sum(
        each.value
        for each in series
        if each.name == "traces_span_metrics_calls_total" and each.labels["service_name"] == service
    )
