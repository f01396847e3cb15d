"""Feeds what other people's bytes reach in us with anything: a development tool, not part of the wheel."""
