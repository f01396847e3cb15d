"""What holds beside every neighbour: one suite, which each neighbour's file inherits and says its exceptions in."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from otel_dispatch import attributes as a
from tests.conftest import VARIABLES

from .calls import CALLS, NATIVE, call_of
from .canned import Canned
from .peers import PEERS, outers_of

ROOT = Path(__file__).parents[2]
ALONE, THEY_FIRST, WE_FIRST = "alone", "they first", "we first"
ORDERS = (THEY_FIRST, WE_FIRST)
OURS = "otel_dispatch"
NAMES = frozenset(word for word in vars(a).values() if isinstance(word, str))
STATED = (
    "dispatch.provider",
    "dispatch.model",
    "dispatch.wire_format",
    "dispatch.provenance.provider",
    "dispatch.provenance.model",
    "dispatch.provenance.wire_format",
    "dispatch.provenance.thinking",
    "dispatch.provenance.tool_format",
)
WIRES = {"chat": "openai_compat", "responses": "openai_responses", "messages": "anthropic_native"}
OUTER_CALLS = 2

Span = Mapping[str, Any]


def is_here(peer: str) -> bool:
    """Whether the packages of *peer* are installed in this environment."""
    try:
        return importlib.util.find_spec(PEERS[peer].module) is not None
    except ModuleNotFoundError:
        return False


def needs(peer: str) -> None:
    """Skip the calling module where the packages of *peer* are not installed."""
    if not is_here(peer):
        pytest.skip(f"not installed here: python3 dev.py matrix {peer}", allow_module_level=True)


@dataclass(frozen=True)
class Seen:
    """What was told beside one neighbour: by it alone, twice, and in both orders of being switched on."""

    alone: tuple[Any, Any]
    beside: Mapping[str, Any]

    def spans(self, order: str, call: str) -> list[Span]:
        """The spans of one call."""
        found: list[Span] = self.beside[order]["told"][call]["spans"]
        return found

    def pairs(self, order: str, call: str) -> list[tuple[Span, Span, Span]]:
        """Each span of the neighbour's, as it was alone, once and again, and as it is beside us."""
        once, again = (run["told"][call]["spans"] for run in self.alone)
        beside = [span for span in self.spans(order, call) if span["scope"] != OURS]
        return list(zip(once, again, beside, strict=True))


def run(peer: str, order: str, url: str, out: Path, variables: Mapping[str, str]) -> Any:
    """Run the program beside *peer* in a process of its own; give what was told."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(VARIABLES)}
    command = [sys.executable, "-m", "tests.coexistence.program", peer, order, url, str(out)]
    done = subprocess.run(command, cwd=ROOT, env={**env, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text(encoding="utf-8"))


class Coexistence:
    """What holds beside the neighbour *peer*."""

    peer: ClassVar[str]
    variables: ClassVar[Mapping[str, str]] = {"ANTHROPIC_OPEN_TELEMETRY": "false"}

    has_native: ClassVar[bool] = True
    """Whether Anthropic's SDK, in the version that the neighbour supports, has spans of its own."""

    @classmethod
    def lets_native_pass(cls, call: str) -> bool:
        """Whether a span that Anthropic's SDK opens for *call* gets past it."""
        return True

    @classmethod
    def is_covered(cls, call: str) -> bool:
        """Whether the neighbour has a span for *call* at all."""
        return True

    @classmethod
    def is_live(cls, call: str) -> bool:
        """Whether its span is the current one while the request is sent."""
        return True

    @classmethod
    def is_open_to_the_end(cls, call: str) -> bool:
        """Whether its span is still open when the outcome is known."""
        return True

    @classmethod
    def lets_events_pass(cls, call: str) -> bool:
        """Whether an event that is told when *call* ends gets past it."""
        return True

    @pytest.fixture(scope="class")
    @classmethod
    def seen(cls, tmp_path_factory: pytest.TempPathFactory) -> Seen:
        folder = tmp_path_factory.mktemp(cls.peer)
        orders = (ALONE, ALONE, *ORDERS)
        with Canned() as provider, ThreadPoolExecutor(2) as pool:
            runs = [
                pool.submit(run, cls.peer, order, provider.url, folder / str(n), cls.variables)
                for n, order in enumerate(orders)
            ]
            first, again, *beside = [one.result() for one in runs]
        return Seen((first, again), dict(zip(ORDERS, beside, strict=True)))

    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("order", ORDERS)
    def test_one_span_of_a_call_carries_the_record(self, seen: Seen, order: str, call: str) -> None:
        spans = seen.spans(order, call)
        (told,) = [span for span in spans if "dispatch.provider" in span["attributes"]]
        is_joined = self.is_covered(call) and self.is_live(call)
        assert (told["scope"] != OURS) is is_joined
        assert len([span for span in spans if span["scope"] == OURS]) == (not is_joined)
        facts = told["attributes"]
        assert set(STATED) <= facts.keys()
        assert facts["dispatch.model"] == call_of(call).arguments["model"]
        assert facts["dispatch.wire_format"] == WIRES[call.removeprefix("async ").split()[0]]
        is_known = not is_joined or self.is_open_to_the_end(call)
        assert _outcome_of(told) == (call_of(call).outcome if is_known else (None, None))

    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("order", ORDERS)
    def test_the_event_of_a_call_tells_its_outcome(self, seen: Seen, order: str, call: str) -> None:
        events = seen.beside[order]["told"][call]["events"]
        told = [(event["dispatch.outcome.kind"], event.get("dispatch.outcome.class")) for event in events]
        assert told == ([call_of(call).outcome] if self.lets_events_pass(call) else [])

    @pytest.mark.parametrize("order", ORDERS)
    def test_every_call_is_counted_under_its_outcome(self, seen: Seen, order: str) -> None:
        assert seen.beside[order]["counted"] == Counter(call_of(call).outcome[0] for call in CALLS)

    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("order", ORDERS)
    def test_what_the_neighbour_says_of_a_call_stays(self, seen: Seen, order: str, call: str) -> None:
        pairs = seen.pairs(order, call)
        assert bool(pairs) is self.is_covered(call)
        for once, again, beside in pairs:
            for part in ("scope", "name", "kind", "status", "has_ended"):
                assert beside[part] == once[part], part
            assert _steady(once["attributes"], again["attributes"], beside["attributes"]) == {}
            assert beside["attributes"].keys() - once["attributes"].keys() <= NAMES
            assert [name for name, _ in beside["events"]] == [name for name, _ in once["events"]]
            for (_, first), (_, second), (_, now) in zip(
                once["events"], again["events"], beside["events"], strict=True
            ):
                assert _steady(first, second, now) == {}
                assert now.keys() == first.keys()

    @pytest.mark.parametrize("call", NATIVE)
    @pytest.mark.parametrize("order", ORDERS)
    def test_anthropics_own_span_is_the_one_where_it_is_on(self, seen: Seen, order: str, call: str) -> None:
        if not self.has_native:
            assert f"{call}, native" not in seen.beside[order]["told"]
            return
        told = [span for span in seen.spans(order, f"{call}, native") if "dispatch.provider" in span["attributes"]]
        found = [(span["scope"], *_outcome_of(span)) for span in told]
        expected = ("com.anthropic.sdk.python", *call_of(call).outcome)
        assert found == ([expected] if self.lets_native_pass(call) else [])

    @pytest.mark.parametrize("order", ORDERS)
    def test_a_span_around_calls_is_not_mistaken_for_one(self, seen: Seen, order: str) -> None:
        outers = [f"in {name}" for name in outers_of(PEERS[self.peer])]
        assert outers
        for name in outers:
            outer, *calls = seen.spans(order, name)
            told = [span for span in calls if "dispatch.provider" in span["attributes"]]
            assert not NAMES & {key for key in outer["attributes"] if key.startswith("dispatch.")}, name
            assert [span["attributes"]["dispatch.outcome.kind"] for span in told] == ["served"] * OUTER_CALLS, name

    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize("key", ["suppress_instrumentation", "suppress_language_model_instrumentation"])
    def test_where_spans_are_suppressed_none_is_ours(self, seen: Seen, order: str, key: str) -> None:
        assert [span for span in seen.spans(order, key) if span["scope"] == OURS] == []

    @pytest.mark.parametrize("order", ORDERS)
    def test_suppressed_http_spans_do_not_silence_us(self, seen: Seen, order: str) -> None:
        spans = seen.spans(order, "suppress_http_instrumentation")
        assert len([span for span in spans if "dispatch.provider" in span["attributes"]]) == OUTER_CALLS

    @pytest.mark.parametrize("order", ORDERS)
    def test_a_call_below_its_span_opened_by_hand_is_told_there(self, seen: Seen, order: str) -> None:
        told = seen.beside[order]["told"].get("in generation", {"spans": []})["spans"]
        assert [_outcome_of(span) for span in told] == [("served", None)] * (PEERS[self.peer].generation is not None)

    @pytest.mark.parametrize("order", ORDERS)
    def test_nothing_of_ours_fails(self, seen: Seen, order: str) -> None:
        assert seen.beside[order]["faults"] == []


def _outcome_of(span: Span) -> tuple[str | None, str | None]:
    facts = span["attributes"]
    return facts.get("dispatch.outcome.kind"), facts.get("dispatch.outcome.class")


def _steady(once: Mapping[str, Any], again: Mapping[str, Any], beside: Mapping[str, Any]) -> dict[str, Any]:
    """What differs from *once*, but for what differs in any two runs: times, and tracebacks, which show our frames."""
    return {
        name: (value, beside.get(name))
        for name, value in once.items()
        if name not in beside
        or not (_is_volatile(name, value, again.get(name)) or _timeless(value) == _timeless(beside[name]))
    }


def _is_volatile(name: str, once: Any, again: Any) -> bool:
    return isinstance(once, float) or once != again or name == "exception.stacktrace"


def _timeless(value: Any) -> Any:
    # A message may say how long something took.
    return re.sub(r"\d+\.\d+s", "s", value) if isinstance(value, str) else value
