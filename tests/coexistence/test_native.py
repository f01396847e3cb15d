"""Beside the spans of Anthropic's own SDK."""

from typing import ClassVar

from .harness import Coexistence, needs

needs("native")


class TestNative(Coexistence):
    peer = "native"

    variables: ClassVar = {}

    @classmethod
    def is_covered(cls, call: str) -> bool:
        return "messages" in call
