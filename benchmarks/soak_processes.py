"""The soak's processes: started by us, spoken to by lines with a deadline, ended by their own id."""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

ROOT: Final = Path(__file__).parents[1]
_STARTS_WITHIN: Final = 60.0


class SilentError(Exception):
    """A process of the soak's own did not answer in time."""


class Child:
    """A module of ours in a process of its own, which prints lines and ends when its standard input does."""

    def __init__(self, module: str, *arguments: str, **variables: str) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "DISPATCH_OTEL", "TRACEPARENT"))}
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            cwd=ROOT,
            env={**kept, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        self._module = module
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._complaints.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def ask(self, **told: Any) -> None:
        """Send it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()

    def answer(self, seconds: float = _STARTS_WITHIN) -> Any:
        """Give its next line, decoded."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            line = None
        if line is None:
            raise SilentError(f"{self._module} gave no answer within {seconds:.0f} s: {self.complaints()[-500:]}")
        return json.loads(line)

    def so_far(self) -> list[Any]:
        """Give the lines that have come, decoded."""
        found = []
        while not self._lines.empty():
            line = self._lines.get()
            found += [] if line is None else [json.loads(line)]
        return found

    def complaints(self) -> str:
        """What it has written to standard error."""
        self._complaints.seek(0)
        return self._complaints.read().decode(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def leave(self, seconds: float = 30) -> float:
        """Tell it that nothing more comes; give how many seconds it took to leave."""
        assert self._process.stdin is not None
        began = time.perf_counter()
        self._process.stdin.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        return time.perf_counter() - began

    def kill(self) -> None:
        """End it, now."""
        self._process.kill()
        self._process.wait()
        # Killed, its end of the pipe is closed, and the reader with it.
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()


class Collector:
    """A collector that comes and goes at one port; it counts the spans that came."""

    def __init__(self) -> None:
        self._child = Child("soak_collector", "0")
        self.port = int(self._child.answer())
        self.spans, self.was_away = 0, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.__exit__(None, None, None)

    @property
    def url(self) -> str:
        """Where it takes what comes."""
        return f"http://127.0.0.1:{self.port}"

    def stay(self) -> None:
        """Leave it as it is."""

    def kill(self) -> None:
        """End it without a warning."""
        self._child.kill()
        self.was_away = True

    def restart(self) -> None:
        """Start it anew at the same port."""
        self._child.kill()
        self.count()
        self._child.__exit__(None, None, None)
        self._child = Child("soak_collector", str(self.port))
        self._child.answer()

    def hang(self) -> None:
        """Have it hold its connections and answer nothing."""
        self._child.send(signal.SIGSTOP)
        self.was_away = True

    def go_on(self) -> None:
        """Have it answer again."""
        self._child.send(signal.SIGCONT)

    def count(self) -> int:
        """Give how many spans have come."""
        self.spans += sum(self._child.so_far())
        return self.spans
