"""A thousand made-up names make no thousand series; spans tell each."""

import threading
from collections.abc import Callable

import httpx
import pytest

from otel_dispatch.demo.provider import Provider
from otel_dispatch.labels import MOST, OTHER, Labels
from tests.conftest import Told, eventually

CALLS = MOST + 20


def labels_of(told: Told, metric: str, label: str) -> set[object]:
    return {dict(point)[label] for point in told.points(metric) if label in dict(point)}


def test_made_up_models_make_no_series_of_their_own(told: Told, provider: Provider) -> None:
    with httpx.Client() as client:
        for n in range(CALLS):
            body = {"model": f"made-up-{n}", "messages": [{"role": "user", "content": "hi"}]}
            client.post(f"{provider.url}/v1/chat/completions", json=body)
    eventually(lambda: len(told.spans()) == CALLS)
    models = {str((span.attributes or {})["dispatch.model"]) for span in told.spans()}
    assert models == {f"made-up-{n}" for n in range(CALLS)}
    for metric, label in (
        ("dispatch.calls", "dispatch.model"),
        ("gen_ai.client.operation.duration", "gen_ai.request.model"),
        ("gen_ai.client.token.usage", "gen_ai.response.model"),
    ):
        found = labels_of(told, metric, label)
        assert found == {OTHER, *(f"made-up-{n}" for n in range(MOST))}, metric
    assert sum(told.points("dispatch.calls").values()) == CALLS


def test_a_number_that_is_one_too_many_is_left_out() -> None:
    labels = Labels()
    for port in range(MOST):
        assert labels.bounded({"server.port": port}) == {"server.port": port}
    assert labels.bounded({"server.port": MOST, "error.type": "timeout"}) == {"error.type": "timeout"}
    assert labels.bounded({"server.port": 0}) == {"server.port": 0}


def test_what_is_not_known_stays_unknown_and_each_label_has_room_of_its_own() -> None:
    labels = Labels()
    for n in range(2 * MOST):
        labels.bounded({"dispatch.model": f"m{n}"})
    assert labels.bounded({"dispatch.model": "unknown", "dispatch.provider": "p"}) == {
        "dispatch.model": "unknown",
        "dispatch.provider": "p",
    }
    assert labels.bounded({"dispatch.model": "m0"}) == {"dispatch.model": "m0"}


@pytest.mark.parametrize("name", ["dispatch.model"])
def test_threads_together_have_no_more_room(name: str) -> None:
    labels, told = Labels(), set[str]()

    def work(first: int) -> Callable[[], None]:
        return lambda: told.update(labels.bounded({name: f"m{first}-{n}"})[name] for n in range(MOST))

    threads = [threading.Thread(target=work(first)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(told) == MOST + 1
    assert OTHER in told
