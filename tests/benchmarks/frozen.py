"""The shipped program beside its sources: from the start to the window, and to the first picture.

Both run on this machine in turns, and both say in their own log when they got there. The program is
the one in dist, or what VITVIZ_FROZEN names; QT_QPA_PLATFORM=xcb measures on a real display.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from tests.benchmarks.run import BenchmarkRun, Row
from vitviz.gui.app.application import PAINTED, SHOWN

Seconds = dict[str, float]

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 60.0
# torchvision of another build than torch needs the words that the frozen one has (packaging/hooks).
_DECLARED = (
    "import runpy; runpy.run_path('packaging/hooks/torchvision_operators.py');"
    "runpy.run_module('vitviz', run_name='__main__')"
)


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; a minute."""
    from vitviz.core.pictures.picture_files import bundled_pictures

    program = Path(os.environ.get("VITVIZ_FROZEN", _ROOT / "dist" / "vitviz" / "vitviz"))
    if not program.is_file():
        return [("frozen start", "<= 1.5 s", f"{program} was not built")]
    picture = str(bundled_pictures()[0])
    starts = {"frozen": [str(program), picture], "sources": [*_sources(), picture]}
    found: dict[str, list[Seconds]] = {name: [] for name in starts}
    for round_ in range(run.few(5) + 1):
        for name, command in starts.items():
            seconds = _started(command)
            if round_:  # the first one brings the files into memory
                found[name].append(seconds)
    return [_window(found), _picture(found)]


def _window(found: dict[str, list[Seconds]]) -> Row:
    frozen, sources = (_median(found[name], SHOWN) for name in ("frozen", "sources"))
    worst = max(each[SHOWN] for each in found["frozen"])
    return (
        "frozen: window shown after start",
        "<= 1.5 s",
        f"{frozen:.2f} s (worst {worst:.2f} s; from the sources {sources:.2f} s)",
    )


def _picture(found: dict[str, list[Seconds]]) -> Row:
    frozen, sources = (_median(found[name], PAINTED) for name in ("frozen", "sources"))
    ratio = statistics.median(
        one[PAINTED] / other[PAINTED]
        for one, other in zip(found["frozen"], found["sources"], strict=True)
    )
    return (
        "frozen: first picture painted in every view",
        "<= 2 x from the sources",
        f"{ratio:.2f} x ({frozen:.2f} s / {sources:.2f} s)",
    )


def _median(found: list[Seconds], moment: str) -> float:
    return statistics.median(each[moment] for each in found)


def _sources() -> list[str]:
    alike = subprocess.run([sys.executable, "-c", "import torchvision"], capture_output=True)
    return [sys.executable, *(["-m", "vitviz"] if alike.returncode == 0 else ["-c", _DECLARED])]


def _started(command: list[str]) -> Seconds:
    """Starts it as a person does, with nothing remembered; the seconds to each moment of its log."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "VITVIZ_CONFIG_DIR": folder, "PYTHONPATH": str(_ROOT)}
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        began = time.time()
        process = subprocess.Popen(command, cwd=_ROOT, env=environment)
        try:
            return _moments(Path(folder, "vitviz.log"), process, began)
        finally:
            process.terminate()
            process.wait()


def _moments(log: Path, process: subprocess.Popen[bytes], began: float) -> Seconds:
    while time.time() - began < _PATIENCE and process.poll() is None:
        lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
        found = {
            moment: datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").timestamp() - began
            for moment in (SHOWN, PAINTED)
            for line in lines
            if line.endswith(f" {moment}")
        }
        if PAINTED in found:
            return found
        time.sleep(0.02)
    raise TimeoutError(f"{process.args} painted no picture in {_PATIENCE:.0f} s")
