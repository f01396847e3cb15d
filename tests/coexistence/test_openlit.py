"""Beside OpenLIT."""

from .harness import Coexistence, needs

needs("openlit")


class TestOpenLIT(Coexistence):
    peer = "openlit"
    has_native = False
