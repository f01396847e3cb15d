"""Beside OpenInference."""

from .harness import Coexistence, needs

needs("openinference")


class TestOpenInference(Coexistence):
    peer = "openinference"

    @classmethod
    def is_live(cls, call: str) -> bool:
        # The request of `messages.stream` leaves when the block is entered, outside its span.
        return "helper" not in call
