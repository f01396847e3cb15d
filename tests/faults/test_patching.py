"""Modules that are loaded anew, and other tools that wrap after us and unwrap in the wrong order."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import wrapt

import otel_dispatch
from otel_dispatch.demo.provider import Provider
from tests.conftest import Told
from tests.faults.programs import run

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
RELOADS = {
    "httpx2": "importlib.reload(httpx2)",
    "openai": "importlib.reload(openai)",
    "openai, dropped and imported again": (
        "[sys.modules.pop(name) for name in list(sys.modules) if name.partition('.')[0] == 'openai']; import openai"
    ),
}


@pytest.mark.parametrize("what", RELOADS)
def test_a_module_that_is_loaded_anew_is_neither_broken_nor_told_twice(
    provider: Provider, tmp_path: Path, what: str
) -> None:
    code = f"""
import importlib, sys, httpx2, openai
def call(model):
    with openai.OpenAI() as client:
        assert client.chat.completions.create(model=model, messages=HI).choices
call("before")
{RELOADS[what]}
call("after")
import otel_dispatch
otel_dispatch.uninstrument()
call("never")
"""
    ran = run(provider, tmp_path, code)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    told = ran.told()
    assert told.pop("before") == ("served", None)
    # A class that is made anew lies below no seam of ours; it is never observed twice, and calls go on.
    assert set(told) <= {"after"}
    assert len(provider.seen) == 3


def with_wrapt(calls: list[str]) -> Callable[[], None]:
    """Wrap as a tool built on wrapt does; give what unwraps."""

    def wrapper(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        calls.append("theirs")
        return wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper("httpx2", "Client.send", wrapper)

    def unwrap() -> None:
        # As OpenTelemetry's instrumentations do it.
        setattr(httpx2.Client, "send", vars(httpx2.Client)["send"].__wrapped__)  # noqa: B010

    return unwrap


def by_hand(calls: list[str]) -> Callable[[], None]:
    """Wrap as a plain monkeypatch does; give what puts back what was there."""
    before = httpx2.Client.send

    def send(self: httpx2.Client, *args: Any, **kwargs: Any) -> Any:
        calls.append("theirs")
        return before(self, *args, **kwargs)

    httpx2.Client.send = send  # type: ignore[method-assign]
    return lambda: setattr(httpx2.Client, "send", before)


TOOLS = {"wrapt": with_wrapt, "by hand": by_hand}


@pytest.fixture
def send_as_it_is() -> Any:
    """Puts the library's own back, whatever a test leaves there."""
    before = vars(httpx2.Client)["send"]
    yield before
    otel_dispatch.uninstrument()
    httpx2.Client.send = before  # type: ignore[method-assign]


def post(provider: Provider) -> int:
    with httpx2.Client() as client:
        return client.post(f"{provider.url}/v1/chat/completions", json=BODY).status_code


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_wraps_after_us_and_unwraps_before_us_leaves_all_as_it_was(
    make_told: Callable[[], Told], provider: Provider, send_as_it_is: Any, tool: str
) -> None:
    calls: list[str] = []
    told = make_told()
    unwrap = TOOLS[tool](calls)
    assert (post(provider), len(told.spans()), calls) == (200, 1, ["theirs"])
    unwrap()
    assert (post(provider), len(told.spans()), calls) == (200, 2, ["theirs"])
    otel_dispatch.uninstrument()
    assert vars(httpx2.Client)["send"] is send_as_it_is


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_unwraps_after_we_have_left_puts_back_something_that_works_and_tells_nothing(
    make_told: Callable[[], Told], provider: Provider, send_as_it_is: Any, tool: str
) -> None:
    calls: list[str] = []
    told = make_told()
    unwrap = TOOLS[tool](calls)
    otel_dispatch.uninstrument()
    assert (post(provider), len(told.spans()), calls) == (200, 0, ["theirs"])
    unwrap()
    assert (post(provider), len(told.spans()), calls) == (200, 0, ["theirs"])


@pytest.mark.parametrize("tool", TOOLS)
def test_after_the_wrong_order_we_can_be_switched_on_again_and_tell_each_call_once(
    make_told: Callable[[], Told], provider: Provider, send_as_it_is: Any, tool: str
) -> None:
    calls: list[str] = []
    make_told()
    unwrap = TOOLS[tool](calls)
    otel_dispatch.uninstrument()
    again = make_told()
    assert (post(provider), len(again.spans())) == (200, 1)
    unwrap()
    assert (post(provider), len(again.spans())) == (200, 2)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_wrapped_before_us_and_unwraps_under_us_costs_at_most_our_telling(
    make_told: Callable[[], Told], provider: Provider, send_as_it_is: Any, tool: str
) -> None:
    calls: list[str] = []
    unwrap = TOOLS[tool](calls)
    told = make_told()
    assert (post(provider), len(told.spans())) == (200, 1)
    unwrap()
    assert post(provider) == 200
    assert len(told.spans()) <= 2
    otel_dispatch.uninstrument()
    assert post(provider) == 200


def test_a_module_that_is_reloaded_in_this_process_can_be_switched_off(
    make_told: Callable[[], Told], provider: Provider
) -> None:
    told = make_told()
    importlib.reload(httpx2)
    assert (post(provider), len(told.spans())) == (200, 1)
    otel_dispatch.uninstrument()
    assert not isinstance(vars(httpx2.Client)["send"], wrapt.FunctionWrapper)
