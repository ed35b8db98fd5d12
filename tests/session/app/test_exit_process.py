"""A process that is left ends at once, and nothing that was to be written is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import atexit, sys
from vitviz.session.app.exit_process import leave

class Heavy:
    def __del__(self):
        print("taken apart")

heavy = Heavy()
atexit.register(lambda: open(sys.argv[1], "w").write("at the end"))
print("said", end="")
leave(3)
"""


def test_what_was_registered_is_done_and_the_rest_is_left(tmp_path: Path) -> None:
    written = tmp_path / "written.txt"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(written)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "said", "")
    assert written.read_text() == "at the end"
