"""How each neighbour is switched on, and the spans it opens around calls, in a process that has providers."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from opentelemetry import trace

Outer = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Peer:
    """A neighbour: a module that only it has, what switches it on, and its spans that are no model call."""

    module: str
    activate: Callable[[], None]
    outers: Mapping[str, Outer] = field(default_factory=dict)
    generation: Outer | None = None
    """What opens its span of a call by hand, around an SDK that it does not know."""


def _instrumentors(*names: str) -> Callable[[], None]:
    def activate() -> None:
        for name in names:
            module, _, cls = name.partition(":")
            getattr(import_module(module), cls)().instrument()

    return activate


def _span(name: str, attributes: Mapping[str, Any]) -> Outer:
    return lambda: trace.get_tracer("app").start_as_current_span(name, attributes=attributes)


def _traceloop(kind: str) -> Outer:
    # What the decorators of Traceloop's SDK put on their spans, under the names of its conventions.
    return _span(f"step.{kind}", {"traceloop.span.kind": kind, "traceloop.entity.name": "step", "gen_ai.system": "x"})


def _openinference(kind: str) -> Outer:
    def outer() -> Any:
        module: Any = import_module("openinference.instrumentation")
        tracer = module.OITracer(trace.get_tracer("app"), config=module.TraceConfig())
        return tracer.start_as_current_span(kind, openinference_span_kind=kind)

    return outer


def _genai(method: str, *args: str, **kwargs: str) -> Outer:
    def outer() -> Any:
        handler: Any = import_module("opentelemetry.util.genai.handler").TelemetryHandler()
        return getattr(handler, method)(*args, **kwargs)

    return outer


def _langfuse(kind: str) -> Outer:
    return lambda: import_module("langfuse").get_client().start_as_current_observation(name="step", as_type=kind)


def _logfire() -> None:
    module: Any = import_module("logfire")
    module.instrument_openai()
    module.instrument_anthropic()


def _openlit() -> None:
    # Without a price list of ours it fetches its own.
    http = ["httpx", "requests", "urllib", "urllib3", "aiohttp-client"]
    import_module("openlit").init(pricing_json="{}", disabled_instrumentors=http)


def _start_langfuse() -> None:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    import_module("langfuse").Langfuse(public_key="pk", secret_key="sk", span_exporter=InMemorySpanExporter())
    import_module("langfuse.openai")


_PLAIN: Mapping[str, Outer] = {
    "invoke_agent": _span("invoke_agent a", {"gen_ai.operation.name": "invoke_agent", "gen_ai.system": "x"}),
    "execute_tool": _span("execute_tool t", {"gen_ai.operation.name": "execute_tool"}),
    "plain": _span("chat", {}),
}
_OPENLLMETRY = ("workflow", "task", "agent", "tool")
_OPENINFERENCE = ("agent", "chain", "tool")
_LANGFUSE = ("span", "agent", "tool", "chain")

PEERS: Mapping[str, Peer] = {
    "openllmetry": Peer(
        "opentelemetry.semconv_ai",
        _instrumentors(
            "opentelemetry.instrumentation.openai:OpenAIInstrumentor",
            "opentelemetry.instrumentation.anthropic:AnthropicInstrumentor",
        ),
        {kind: _traceloop(kind) for kind in _OPENLLMETRY},
    ),
    "openinference": Peer(
        "openinference.instrumentation",
        _instrumentors(
            "openinference.instrumentation.openai:OpenAIInstrumentor",
            "openinference.instrumentation.anthropic:AnthropicInstrumentor",
        ),
        {kind: _openinference(kind) for kind in _OPENINFERENCE},
        _openinference("llm"),
    ),
    "genai": Peer(
        "opentelemetry.util.genai",
        _instrumentors(
            "opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor",
            "opentelemetry.instrumentation.genai.anthropic:AnthropicInstrumentor",
        ),
        {
            "agent": _genai("invoke_local_agent", agent_name="a", request_model="m"),
            "workflow": _genai("workflow", "w"),
            "tool": _genai("tool", "t"),
        },
        _genai("inference", "p", request_model="m"),
    ),
    "logfire": Peer("logfire", _logfire, {"span": lambda: import_module("logfire").span("step")}),
    "openlit": Peer("openlit", _openlit, {"trace": lambda: import_module("openlit").start_trace("step")}),
    "langfuse": Peer(
        "langfuse",
        _start_langfuse,
        {kind: _langfuse(kind) for kind in _LANGFUSE},
        _langfuse("generation"),
    ),
    "contrib": Peer(
        "opentelemetry.instrumentation.httpx",
        _instrumentors(
            "opentelemetry.instrumentation.httpx:HTTPXClientInstrumentor",
            "opentelemetry.instrumentation.httpx:HTTPX2ClientInstrumentor",
            "opentelemetry.instrumentation.aiohttp_client:AioHttpClientInstrumentor",
            "opentelemetry.instrumentation.requests:RequestsInstrumentor",
            "opentelemetry.instrumentation.urllib3:URLLib3Instrumentor",
            "opentelemetry.instrumentation.botocore:BotocoreInstrumentor",
        ),
    ),
    "native": Peer("anthropic.lib", lambda: None),
}


def outers_of(peer: Peer) -> Mapping[str, Outer]:
    """The spans that are opened around calls beside *peer*: its own, and those that anybody may open."""
    return {**_PLAIN, **peer.outers}
