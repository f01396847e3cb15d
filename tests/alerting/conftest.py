"""What the alert tests share: a program that is here, or a skip that says why it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .debian import Missing, program


@pytest.fixture(scope="session")
def real() -> Callable[[str], str]:
    """Give the path of a real program, or skip with the reason."""

    def found(name: str) -> str:
        try:
            return program(name)
        except Missing as reason:
            pytest.skip(str(reason))

    return found
