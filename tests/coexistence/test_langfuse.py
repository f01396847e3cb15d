"""Beside Langfuse's wrapper of openai."""

from .harness import Coexistence, needs

needs("langfuse")


class TestLangfuse(Coexistence):
    peer = "langfuse"

    @classmethod
    def is_covered(cls, call: str) -> bool:
        return "messages" not in call

    @classmethod
    def is_live(cls, call: str) -> bool:
        # Its wrapper does not make its generation the current span.
        return False
