"""Runs a backend's real program on free loopback ports, and stops it."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from .asking import PATIENCE, polled

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


@contextlib.contextmanager
def running(
    command: Sequence[str], variables: Mapping[str, str], log: Path, is_ready: Callable[[], bool]
) -> Iterator[None]:
    """Run a program while the block runs, from when it is ready on; raises RuntimeError with its log if it never is."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        polled(lambda: process.poll() is not None or is_ready())
        if process.poll() is not None or not is_ready():
            raise RuntimeError(f"{Path(command[0]).name} did not start:\n{log.read_text(errors='replace')[-4000:]}")
        yield
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process, by force if it does not go."""
    process.terminate()
    try:
        process.wait(PATIENCE / 4)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Return distinct loopback ports that nothing listens on."""
    # Below those that the system gives to connections, one of which could take a port before the program does; and
    # not by a seed that another worker of the tests has, too.
    candidates = random.SystemRandom().sample(range(20_000, 32_000), 1000)
    return list(itertools.islice(filter(is_free, candidates), count))


def is_free(port: int) -> bool:
    """Return whether a program could listen on a loopback port."""
    with contextlib.closing(socket.socket()) as candidate:
        return candidate.connect_ex(("127.0.0.1", port)) != 0
