"""Beside OpenLLMetry."""

from .harness import Coexistence, needs

needs("openllmetry")


class TestOpenLLMetry(Coexistence):
    peer = "openllmetry"

    @classmethod
    def is_live(cls, call: str) -> bool:
        # Its wrappers of the Responses API and of Anthropic's SDK do not make their span the current one.
        return "chat" in call
