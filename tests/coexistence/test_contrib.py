"""Beside OpenTelemetry's instrumentations of the HTTP clients, whose spans are no model calls."""

import pytest

from .calls import CALLS
from .harness import ORDERS, OURS, Coexistence, Seen, needs

needs("contrib")


class TestContrib(Coexistence):
    peer = "contrib"

    @classmethod
    def is_live(cls, call: str) -> bool:
        # A request's span lies inside ours.
        return False

    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("order", ORDERS)
    def test_the_span_of_the_request_lies_in_ours(self, seen: Seen, order: str, call: str) -> None:
        (ours,) = [span for span in seen.spans(order, call) if span["scope"] == OURS]
        (theirs,) = [span for span in seen.spans(order, call) if span["scope"] != OURS]
        assert theirs["parent"] == ours["id"]
        assert theirs["name"] == "POST"
