"""Random keys, clicks, drags, wheel, menus, sizes and docks over the real window with real models."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .trial_run import TrialCount

ROOT = Path(__file__).resolve().parents[2]
KEYS = (
    "Left",
    "Right",
    "Up",
    "Down",
    "PageUp",
    "PageDown",
    "Home",
    "End",
    "BracketLeft",
    "0",
    "C",
    "Space",
    "G",
    "H",
    "F",
    "Escape",
    "Tab",
    "Return",
    "Plus",
    "Minus",
    "1",
    "2",
    "A",
    "Delete",
)
SPARED = ("quit", "close_window", "report", "guide", "update", "updates", "website", "licences")
"""Actions that end the window or open a browser."""


def run(*, seed: int, minutes: float, most: int, keep: Path) -> TrialCount:
    """Events in a process of its own, so that even a crash is counted."""
    count = TrialCount("monkey")
    with tempfile.TemporaryDirectory(prefix="vitviz-monkey-") as folder:
        told = Path(folder, "told.json")
        order = [
            sys.executable,
            "-m",
            "tests.trials.monkey_trials",
            "--seed",
            str(seed),
            "--events",
            str(most or 20_000),
            "--told",
            str(told),
            "--minutes",
            str(minutes),
        ]
        env = os.environ | {
            "VITVIZ_CONFIG_DIR": str(Path(folder, "config")),
            "QT_QPA_PLATFORM": "offscreen",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "HF_HUB_OFFLINE": "1",
        }
        ended = subprocess.run(order, cwd=ROOT, env=env, capture_output=True, text=True)
        found: dict[str, Any] = json.loads(told.read_text()) if told.exists() else {}
    count.opened = len(found.get("steps", []))
    count.slowest = max(found.get("seconds", [0.0]), default=0.0)
    for said in found.get("failures", []):
        count.failures.append((f"after {said['step']} events", said["said"]))
    if ended.returncode and not count.failures:
        count.failures.append(("the window", f"exit {ended.returncode}: {ended.stderr[-2000:]}"))
    if len(found.get("seconds", [])) > 20:
        p99 = statistics.quantiles(found["seconds"], n=100)[98]
        print(
            f"monkey: an event took {1000 * p99:.0f} ms at p99, {1000 * count.slowest:.0f} at most"
        )
    if count.failures:
        keep.mkdir(parents=True, exist_ok=True)
        about = {
            "kind": "monkey",
            "name": "monkey",
            "seed": seed,
            "steps": found.get("steps", []),
            "said": [said for _, said in count.failures],
        }
        (keep / f"monkey-{seed}.json").write_text(json.dumps(about, indent=1))
    return count


def replay(file: Path) -> int:
    """The same events again, in this process; 1 where something fails again."""
    about = json.loads(file.with_suffix(".json").read_text())
    monkey = _Monkey(about["seed"])
    monkey.run(len(about["steps"]), 0, about["steps"])
    for each in monkey.failures:
        print(each["step"], each["said"])
    return int(bool(monkey.failures))


class _Monkey:
    """The window, and what is done to it."""

    def __init__(self, seed: int) -> None:
        import numpy as np
        from PySide6.QtCore import QTimer, qInstallMessageHandler

        from vitviz.core.pictures.picture_files import bundled_pictures
        from vitviz.gui.app.application import application
        from vitviz.gui.app.main_window import MainWindow
        from vitviz.gui.widgets.mailbox import Mailbox
        from vitviz.models import bundled
        from vitviz.session.columns.column import ModelRequest
        from vitviz.session.session import Session
        from vitviz.session.work.jobs import Jobs

        self.app = application()
        self.failures: list[dict[str, Any]] = []
        self.steps: list[list[Any]] = []
        self.seconds: list[float] = []
        self._draw = np.random.default_rng(seed)
        sys.excepthook = lambda *error: self._fail("".join(traceback.format_exception(*error)))
        qInstallMessageHandler(self._qt_says)
        self._mailbox = Mailbox()
        self.session = Session(Jobs(self._mailbox.deliver), save=lambda _settings: "")
        self.window = MainWindow(self.session)
        self.window.resize(1200, 800)
        self.window.show()
        self.session.columns.use_model(ModelRequest(bundled()[0].name))
        self.session.open(list(bundled_pictures())[:3])
        self._closer = QTimer(interval=150)
        self._closer.timeout.connect(self._close_dialogs)
        self._closer.start()
        self._until(lambda: self.session.trace is not None, 120)

    def run(self, events: int, minutes: float, steps: list[list[Any]] | None = None) -> None:
        """So many random events, or those that were kept."""
        until = time.monotonic() + 60 * minutes if minutes else float("inf")
        for number in range(events):
            if time.monotonic() > until:
                break
            step = steps[number] if steps else self._chosen()
            self.steps.append(step)
            began = time.monotonic()
            try:
                self._do(*step)
                self.app.processEvents()
            except Exception:
                self._fail(traceback.format_exc())
            self.seconds.append(time.monotonic() - began)
            if len(self.failures) > 20:
                break
        self._until(lambda: not self.session.jobs.current, 20)
        self.window.close()
        self.app.processEvents()

    def _chosen(self) -> list[Any]:
        kinds = ("key", "click", "wheel", "drag", "action", "resize", "move", "dock", "wait")
        shares = (0.3, 0.2, 0.1, 0.05, 0.15, 0.03, 0.12, 0.02, 0.03)
        kind = str(self._draw.choice(kinds, p=shares))
        first, second, third = (float(each) for each in self._draw.random(3))
        return [kind, round(first, 4), round(second, 4), round(third, 4)]

    def _do(self, kind: str, first: float, second: float, third: float) -> None:
        from PySide6.QtCore import QPoint, Qt
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication, QDockWidget, QWidget

        window = self.window
        shown = [w for w in window.findChildren(QWidget) if w.isVisible() and w.width() > 2]
        target = shown[int(first * len(shown))] if shown else window
        spot = QPoint(int(second * target.width()), int(third * target.height()))
        match kind:
            case "key":
                key = getattr(Qt.Key, f"Key_{KEYS[int(first * len(KEYS))]}")
                modifiers = (
                    Qt.KeyboardModifier.ShiftModifier
                    if second > 0.9
                    else (Qt.KeyboardModifier.NoModifier)
                )
                QTest.keyClick(QApplication.focusWidget() or window, key, modifiers)
            case "click":
                QTest.mouseClick(target, Qt.MouseButton.LeftButton, pos=spot)
            case "move":
                QTest.mouseMove(target, spot)
            case "drag":
                other = QPoint(int(third * target.width()), int(second * target.height()))
                QTest.mousePress(target, Qt.MouseButton.LeftButton, pos=spot)
                QTest.mouseMove(target, other)
                QTest.mouseRelease(target, Qt.MouseButton.LeftButton, pos=other)
            case "wheel":
                _wheel(target, spot, 120 if first > 0.5 else -120)
            case "action":
                names = [name for name in window.actions_by_name if name not in SPARED]
                action = window.actions_by_name[names[int(second * len(names))]]
                if action.isEnabled():
                    action.trigger()
            case "resize":
                window.resize(700 + int(first * 900), 500 + int(second * 600))
            case "dock":
                docks = window.findChildren(QDockWidget)
                dock = docks[int(first * len(docks))]
                dock.setVisible(not dock.isVisible())
            case _:
                self._until(lambda: False, 0.05)

    def _close_dialogs(self) -> None:
        """Whatever asks is answered with no: a dialog would wait for ever."""
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication

        for asked in (QApplication.activePopupWidget(), QApplication.activeModalWidget()):
            if asked is not None:
                QTest.keyClick(asked, Qt.Key.Key_Escape)
                if asked.isVisible():
                    asked.close()

    def _until(self, done: Callable[[], bool], seconds: float) -> None:
        from PySide6.QtCore import QEventLoop

        until = time.monotonic() + seconds
        while not done() and time.monotonic() < until:
            self.app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)

    def _qt_says(self, _kind: Any, _context: Any, message: str) -> None:
        if "This plugin does not support" not in message:  # what has no screen says so
            self._fail(f"Qt: {message}")

    def _fail(self, said: str) -> None:
        self.failures.append({"step": len(self.steps), "said": said})


def _wheel(target: Any, spot: Any, by: int) -> None:
    from PySide6.QtCore import QCoreApplication, QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent

    event = QWheelEvent(
        QPointF(spot),
        QPointF(target.mapToGlobal(spot)),
        QPoint(),
        QPoint(0, by),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QCoreApplication.sendEvent(target, event)


def main() -> None:
    """The process in which it happens; what came of it is written even when a later event crashes."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--seed", type=int)
    asked.add_argument("--events", type=int)
    asked.add_argument("--minutes", type=float)
    asked.add_argument("--told", type=Path)
    wish = asked.parse_args()
    monkey = _Monkey(wish.seed)
    monkey.run(wish.events, wish.minutes)
    found = {"steps": monkey.steps, "seconds": monkey.seconds, "failures": monkey.failures}
    wish.told.write_text(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
