"""Beside Logfire."""

from .harness import Coexistence, needs

STREAMS = ("stream", "helper", "abandoned")

needs("logfire")


class TestLogfire(Coexistence):
    peer = "logfire"

    @classmethod
    def is_open_to_the_end(cls, call: str) -> bool:
        # It ends the span of a stream before that is read, and tells the rest on a span of its own.
        return "limit" in call or not any(word in call for word in STREAMS)

    @classmethod
    def lets_events_pass(cls, call: str) -> bool:
        # What ends while it suppresses what is below its span is dropped by its processors, events too.
        return not cls.is_open_to_the_end(call)

    @classmethod
    def lets_native_pass(cls, call: str) -> bool:
        # Of a span below its own it drops what ends before the call returns; our facts are lost with that.
        return call != "messages"
