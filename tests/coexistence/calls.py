"""The calls that are made beside every neighbour, each whole, streamed, refused or abandoned, sync and async."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

HI = [{"role": "user", "content": "hi"}]
CHAT: Mapping[str, Any] = {"model": "m", "messages": HI}
STREAM: Mapping[str, Any] = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
RESPONSE: Mapping[str, Any] = {"model": "m", "input": "hi"}
MESSAGE: Mapping[str, Any] = {"model": "m", "messages": HI, "max_tokens": 9}


@dataclass(frozen=True)
class Call:
    """One call: what is called with which arguments, how its answer is used, and what came back."""

    sdk: str
    path: str
    arguments: Mapping[str, Any]
    use: str = ""
    outcome: tuple[str, str | None] = ("served", None)

    def run(self, client: Any) -> None:
        """Make the call."""
        answer = attrgetter(self.path)(client)(**self.arguments)
        if self.use == "helper":
            with answer as stream:
                for _ in stream:
                    pass
        elif self.use == "read":
            for _ in answer:
                pass
        elif self.use == "left":
            next(iter(answer))
            answer.close()

    async def arun(self, client: Any) -> None:
        """Make the call asynchronously."""
        making = attrgetter(self.path)(client)(**self.arguments)
        if self.use == "helper":
            async with making as stream:
                async for _ in stream:
                    pass
            return
        answer = await making
        if self.use == "read":
            async for _ in answer:
                pass
        elif self.use == "left":
            await anext(aiter(answer))
            await answer.close()


_CREATE = "chat.completions.create"
_ABANDONED = ("cancelled", "abandoned")
_LIMIT = ("usage_limit", "rate_limit")

KINDS: Mapping[str, Call] = {
    "chat": Call("openai", _CREATE, CHAT),
    "chat stream": Call("openai", _CREATE, STREAM, "read"),
    "chat abandoned": Call("openai", _CREATE, STREAM, "left", _ABANDONED),
    "chat limit": Call("openai", _CREATE, {**CHAT, "model": "limit"}, "", _LIMIT),
    "chat stream limit": Call("openai", _CREATE, {**STREAM, "model": "limit"}, "", _LIMIT),
    "responses": Call("openai", "responses.create", RESPONSE),
    "responses stream": Call("openai", "responses.create", {**RESPONSE, "stream": True}, "read"),
    "responses limit": Call("openai", "responses.create", {**RESPONSE, "model": "limit"}, "", _LIMIT),
    "messages": Call("anthropic", "messages.create", MESSAGE),
    "messages stream": Call("anthropic", "messages.create", {**MESSAGE, "stream": True}, "read"),
    "messages helper": Call("anthropic", "messages.stream", MESSAGE, "helper"),
    "messages abandoned": Call("anthropic", "messages.create", {**MESSAGE, "stream": True}, "left", _ABANDONED),
    "messages limit": Call("anthropic", "messages.create", {**MESSAGE, "model": "limit"}, "", _LIMIT),
}
CALLS = (*KINDS, *(f"async {name}" for name in KINDS))
NATIVE = ("messages", "messages stream", "messages helper", "messages abandoned")
"""The calls that are made once more with the spans of Anthropic's own SDK switched on."""


def call_of(name: str) -> Call:
    """The call of a name in `CALLS`."""
    return KINDS[name.removeprefix("async ")]
