"""A Jaeger and a Tempo that answer from a list of spans, as far as their query APIs are documented."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from otel_dispatch.demo.answer import Answer
from otel_dispatch.demo.server import Seen, Served

Json = dict[str, Any]


def span(trace: int, number: int, above: int | None, name: str, at: float, seconds: float = 1.0, **words: Any) -> Json:
    """A span in Jaeger's spelling that began *at* (Unix seconds); an underscore in a key of *words* is a dot."""
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{number:016x}",
        **({} if above is None else {"parentSpanId": f"{above:016x}"}),
        "name": name,
        "kind": 3,
        "startTimeUnixNano": str(round(at * 1e9)),
        "endTimeUnixNano": str(round((at + seconds) * 1e9)),
        "attributes": [{"key": key, "value": wrapped(value)} for key, value in words.items()],
    }


def call(trace: int, number: int, above: int | None, at: float, seconds: float = 1.0, **more: Any) -> Json:
    """The span of a model call that was served."""
    words = {
        "gen_ai.operation.name": "chat",
        "dispatch.kind": "llm_call",
        "dispatch.provider": "minimax",
        "dispatch.model": "MiniMax-M2",
        "dispatch.inherited": False,
        "dispatch.inherited_fields": "",
        "dispatch.outcome.kind": "served",
    }
    return span(trace, number, above, "chat MiniMax-M2", at, seconds, **{**words, **more})


def inherited(*fields: str) -> Json:
    """The words of a dispatch that inherited *fields*."""
    return {"dispatch.inherited": True, "dispatch.inherited_fields": ",".join(fields)}


def run(trace: int, number: int, above: int | None, at: float, seconds: float, name: str, **more: Any) -> Json:
    """The span of a run of the skill *name*."""
    words = {"gen_ai.operation.name": "invoke_agent", "dispatch.kind": "run_skill", "gen_ai.skill.name": name}
    rest = {"dispatch.inherited": False, "dispatch.inherited_fields": "", "dispatch.outcome.kind": "served"}
    return span(trace, number, above, f"invoke_agent {name}", at, seconds, **{**words, **rest, **more})


def wrapped(value: object) -> Json:
    """*value* as OTLP's one-entry object."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def traces(service: str, spans: Iterable[Json]) -> Json:
    """A message of traces."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


def in_base64(spans: Iterable[Json]) -> list[Json]:
    """*spans* as Tempo spells their ids."""
    return [{key: _base64(value) if key.endswith("Id") else value for key, value in each.items()} for each in spans]


def _base64(digits: str) -> str:
    return base64.b64encode(bytes.fromhex(digits)).decode()


def began(each: Json) -> float:
    """When a span began, in Unix seconds."""
    return int(each["startTimeUnixNano"]) / 1e9


def answer(told: object, **more: Any) -> Answer:
    """*told* as JSON."""
    return Answer(headers={"content-type": "application/json"}, body=json.dumps(told).encode(), **more)


@dataclass
class Backend(Served):
    """What both have: the spans by service, and every request that came."""

    spans: dict[str, list[Json]] = field(default_factory=dict)
    prefix: str = ""
    seen: list[Seen] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{self.prefix}"

    def _answer(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        parts = urlsplit(seen.path)
        if not parts.path.startswith(self.prefix):
            return Answer(status=404, body=b"no such page")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return self.told(parts.path.removeprefix(self.prefix), query)

    def told(self, path: str, query: Mapping[str, str]) -> Answer:
        raise NotImplementedError

    def of_trace(self, trace: str) -> list[Json]:
        return [each for spans in self.spans.values() for each in spans if each["traceId"] == trace]


@dataclass
class Jaeger(Backend):
    """A Jaeger of at least 2.19, which searches by attributes, or an older one, which does not."""

    is_old: bool = False
    packed: bool = True

    def told(self, path: str, query: Mapping[str, str]) -> Answer:
        if path == "/api/v3/services":
            return answer({"services": sorted(self.spans)})
        if path.startswith("/api/v3/traces/"):
            return self._of(self.of_trace(path.rpartition("/")[2]))
        return self._of(self._search(query)) if path == "/api/v3/traces" else Answer(status=404, body=b"")

    def _of(self, spans: list[Json]) -> Answer:
        if not spans:
            return answer({"error": {"httpCode": 404, "message": "No traces found"}}, status=404)
        return answer({"result": traces("any", spans)}, gzip=self.packed)

    def _search(self, query: Mapping[str, str]) -> list[Json]:
        service, least, most, depth, attributes = (query.get(name, "") for name in self._names())
        wanted = {} if self.is_old else json.loads(attributes or "{}")
        begin, end = (datetime.fromisoformat(each).timestamp() for each in (least, most))
        found = [
            each["traceId"]
            for each in self.spans[service]
            if begin <= began(each) <= end and wanted.items() <= _texts(each).items()
        ]
        # The newest first, and no more than were asked for.
        ids = list(dict.fromkeys(reversed(found)))[: int(depth)]
        return [each for trace in ids for each in self.of_trace(trace)]

    def _names(self) -> tuple[str, ...]:
        if self.is_old:
            return "query.service_name", "query.start_time_min", "query.start_time_max", "query.num_traces", "-"
        names = ("serviceName", "startTimeMin", "startTimeMax", "searchDepth", "attributes")
        return tuple(f"query.{name}" for name in names)


def _texts(each: Json) -> dict[str, str]:
    values = {word["key"]: next(iter(word["value"].values())) for word in each["attributes"]}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


@dataclass
class Tempo(Backend):
    """A Tempo of 2.7 or later, or an older one that gives a trace at its first address alone."""

    is_old: bool = False
    status: str = "COMPLETE"

    def told(self, path: str, query: Mapping[str, str]) -> Answer:
        if path == "/api/status/buildinfo" and not self.is_old:
            return answer({"version": "3.0.3", "revision": "ab12"})
        if path == "/api/echo":
            return Answer(headers={"content-type": "text/plain"}, body=b"echo")
        if path == "/api/search":
            return answer({"traces": [{"traceID": each.lstrip("0")} for each in self._search(query)], "metrics": {}})
        address = "/api/traces/" if self.is_old else "/api/v2/traces/"
        spans = in_base64(self.of_trace(path.removeprefix(address))) if path.startswith(address) else []
        if not spans:
            return Answer(status=404, body=b"trace not found")
        told = traces("any", spans)
        return answer({"batches": told["resourceSpans"]} if self.is_old else {"trace": told, "status": self.status})

    def _search(self, query: Mapping[str, str]) -> list[str]:
        begin, end = int(query["start"]), int(query["end"])
        assert begin < end
        assert query["q"] == '{ span.dispatch.kind != "" }'
        mine = [each for spans in self.spans.values() for each in spans if "dispatch.kind" in _texts(each)]
        found = [each["traceId"] for each in mine if begin <= began(each) <= end]
        return list(dict.fromkeys(found))[: int(query["limit"])]
