"""Beside OpenTelemetry's own GenAI instrumentations."""

from .harness import Coexistence, needs

needs("genai")


class TestGenAI(Coexistence):
    peer = "genai"
