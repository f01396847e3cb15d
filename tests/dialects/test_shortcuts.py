"""What most bodies and events look like is read by a shorter way, which says the same as the full one."""

import json
import sys
from typing import Any

import pytest

from otel_dispatch import bodies
from otel_dispatch.dialects import Dialect, dialects
from otel_dispatch.record import Reply
from tests.dialects.samples import Samples, changed, part_at, paths_in, samples

ALL_SAMPLES = samples()
TEXTS = ["null", "true", "7", '""', '" "', '"x"', '"\\ud83d"', "[]", '[{"text":"x"}]', '{"text":"x"}']
ALL = pytest.mark.parametrize("dialect", dialects(), ids=lambda dialect: dialect.name)


def variants(body: Any) -> list[bytes]:
    """*body*, and *body* with one of its parts changed or left out."""
    found = [json.dumps(body).encode()]
    for path in paths_in(body):
        found += [changed(body, path, text) for text in TEXTS]
        without = json.loads(json.dumps(body))
        del part_at(without, path[:-1])[path[-1]]
        found.append(json.dumps(without).encode())
    return found


def events_of(mine: Samples) -> list[Any]:
    return [json.loads(data) for stream in mine.streams for data in mine.events(stream) if data[:1] == b"{"]


def told_by_all(dialect: Dialect) -> dict[tuple[object, bytes], Any]:
    """What each request, answer and event says, the event first of all and when most is known."""
    mine = ALL_SAMPLES[dialect.name]
    told: dict[tuple[object, bytes], Any] = {}
    for body in mine.requests:
        told.update({(dialect.request, data): dialect.request(data, mine.path) for data in variants(body)})
    for read, bodies_read in ((dialect.reply, mine.answers), (dialect.event, events_of(mine))):
        for data in (data for body in bodies_read for data in variants(body)):
            replies = Reply(), Reply(model="m", id="i")
            for reply in replies:
                read(data, reply)
                # Of the providers that a gateway names in every chunk of a chat the first is believed.
                reply.upstream = None
            told[read, data] = replies
    return told


@ALL
def test_either_way_says_the_same(dialect: Dialect, monkeypatch: pytest.MonkeyPatch) -> None:
    told, refused = told_by_all(dialect), []
    for name, module in list(sys.modules.items()):
        if name.startswith("otel_dispatch.dialects.") and getattr(module, "plain", None) is bodies.plain:
            monkeypatch.setattr(module, "plain", lambda _, data: refused.append(data))
    for place, expected in told_by_all(dialect).items():
        assert told[place] == expected, place
    # One that has no shorter way says the same anyhow.
    assert (
        refused or not hasattr(sys.modules[dialect.event.__module__], "plain") or not ALL_SAMPLES[dialect.name].streams
    )
