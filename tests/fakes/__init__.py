"""Programs at the edge of the machine, in place of the real ones: `install` puts them on a PATH."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent


def install(folder: Path, *names: str) -> dict[str, str]:
    """Put the programs of *names* (``claude`` and ``codex`` where none is named) into *folder*; give their environment.

    ``FAKE_MODE`` says how a session goes, ``FAKE_DUMP`` names a file that gets the arguments and the environment, one
    JSON object a start, and ``FAKE_NESTED`` is Python code that a child of the program runs, as one of its tools would.
    """
    for name in names or ("claude", "codex"):
        file, program = folder / name, str(HERE / f"{name}.py")
        # Without site: a child of the test's own Python must not instrument itself.
        file.write_text(f"#!{sys.executable} -IS\nimport runpy\nrunpy.run_path({program!r}, run_name='__main__')\n")
        file.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "FAKE_PYTHON": sys.executable}
