"""Write the API's pages from its docstrings to build/docs: ``python3 dev.py docs``.

pdoc has an environment of its own, the row ``api-docs`` of the matrix.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

import matrix

ROW: Final = "api-docs"
MODULES: Final = ("otel_dispatch", "otel_dispatch.hosts", "otel_dispatch.testing", "otel_dispatch.vocabulary")
TARGET: Final = matrix.ROOT / "build" / "docs"


def command(python: Path, target: Path) -> list[str]:
    """What writes the pages to *target*; a warning of pdoc's is an error."""
    return [str(python), "-W", "error", "-m", "pdoc", "--docformat", "markdown", "-o", str(target), *MODULES]


def main() -> int:
    """Write the pages; give an exit code."""
    row = next(row for row in matrix.rows() if row.name == ROW)
    if not matrix.prepare(row):
        sys.stderr.write("docs: pdoc could not be installed; the lines above say why.\n")
        return 1
    done = subprocess.run(command(row.python, TARGET), cwd=matrix.ROOT, check=False)  # noqa: S603 - our own tool
    if done.returncode == 0:
        sys.stdout.write(f"{TARGET / 'index.html'}\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
