"""Fuzzing that is led by coverage: one process of atheris for one target, as libFuzzer needs it."""

import sys

import atheris

with atheris.instrument_imports(include=["otel_dispatch", "fuzz.targets"]):
    from .targets import targets


def main(arguments: list[str]) -> None:
    """Fuzz the target that is named first; what follows is for libFuzzer."""
    name, *options = arguments
    atheris.Setup([sys.argv[0], *options], targets()[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
