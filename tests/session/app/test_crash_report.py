"""A sudden end leaves a report that the next start tells of once; a quiet end leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vitviz.session.app.crash_report import KEPT, earlier, reports_folder

ROOT = Path(__file__).resolve().parents[3]
_START = (
    "from vitviz.session.app.crash_report import CrashReporter; r = CrashReporter()\n"
    "assert r.start() == ''\n"
)


def ended(code: str) -> subprocess.CompletedProcess[str]:
    """A vitviz of its own that comes to an end."""
    return subprocess.run(
        [sys.executable, "-c", _START + code], cwd=ROOT, capture_output=True, text=True
    )


def test_a_quiet_end_leaves_nothing() -> None:
    assert ended("").returncode == 0
    assert list(reports_folder().iterdir()) == []
    assert earlier() == ()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ZeroDivisionError('by 7')", "ZeroDivisionError: by 7"),
        ("import faulthandler; faulthandler._sigsegv()", "Fatal Python error: Segmentation fault"),
        (
            "import threading; t = threading.Thread(target=lambda: [][3]); t.start(); t.join()",
            "IndexError: list index out of range",
        ),
    ],
)
def test_a_sudden_end_is_told_once_and_kept(code: str, reason: str) -> None:
    done = ended(code)
    told = earlier()
    assert len(told) == 1
    assert reason in told[0]
    kept = next(reports_folder().iterdir())
    assert str(kept) in told[0]
    text = kept.read_text()
    assert text.startswith("vitviz ")
    assert reason in text
    assert earlier() == ()
    if "Error: " in reason:
        assert reason in done.stderr, "the terminal is told as well"


def test_what_was_told_at_once_is_not_told_again() -> None:
    done = ended(
        "import sys; r.tell = print\n"
        "try: 1 / 0\nexcept ZeroDivisionError: sys.excepthook(*sys.exc_info())"
    )
    assert "Something went wrong (ZeroDivisionError" in done.stdout
    assert earlier() == ()
    assert ended("r.end(); raise KeyError('later')").returncode == 1
    assert earlier() == ()


def test_old_reports_go_and_running_ones_stay() -> None:
    folder = reports_folder()
    folder.mkdir(parents=True)
    for index in range(KEPT + 3):
        (folder / f"crash-2026010{index}-1.txt").write_text("head\nValueError")
    running, forgotten = folder / "running-now-1.txt", folder / "running-then-2.txt"
    running.write_text("head\n")
    forgotten.write_text("head\n")
    month_ago = time.time() - 30 * 24 * 3600
    os.utime(forgotten, (month_ago, month_ago))
    assert earlier() == ()
    assert running.exists()
    assert not forgotten.exists()
    left = sorted(path.name for path in folder.glob("crash-*"))
    assert left == [f"crash-2026010{index}-1.txt" for index in range(3, KEPT + 3)]


def test_a_folder_that_cannot_be_written_is_said(config_folder: Path) -> None:
    config_folder.parent.mkdir(exist_ok=True)
    config_folder.write_text("a file where the folder should be")
    from vitviz.session.app.crash_report import CrashReporter

    assert "no crash report can be written" in CrashReporter().start()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights otherwise")
def test_a_report_is_for_this_user_alone() -> None:
    assert ended("raise ZeroDivisionError").returncode == 1
    (report,) = reports_folder().iterdir()
    assert report.stat().st_mode & 0o777 == 0o600
