"""Random keys, clicks, drags, wheel, menus, sizes and docks over the real window with real models."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
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


LATE = 0.25
"""Seconds without a beat after which it is written down what the window does."""

SHARES = {
    "key": 0.28,
    "click": 0.18,
    "double": 0.02,
    "menu": 0.03,
    "wheel": 0.1,
    "drag": 0.05,
    "action": 0.14,
    "resize": 0.03,
    "move": 0.11,
    "dock": 0.02,
    "drop": 0.01,
    "wait": 0.03,
}
"""How often each kind of event comes."""


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
            "PYTHONFAULTHANDLER": "1",
            "OMP_NUM_THREADS": "1",
            "VITVIZ_CONFIG_DIR": str(Path(folder, "config")),
            "QT_QPA_PLATFORM": "offscreen",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "HF_HUB_OFFLINE": "1",
        }
        ended = subprocess.run(order, cwd=ROOT, env=env, capture_output=True, text=True)
        found = _told(told)
        if (stacks := told.with_suffix(".stacks")).exists() and stacks.stat().st_size:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"monkey-{seed}.stacks").write_bytes(stacks.read_bytes())
    count.opened = len(found["steps"])
    count.slowest = max(found["stalls"], default=0.0)
    for said in found["failures"]:
        count.failures.append((f"after {said['step']} events", said["said"]))
    if ended.returncode:
        count.failures.append(("the window", f"exit {ended.returncode}: {ended.stderr[-6000:]}"))
    if len(found["stalls"]) > 20:
        for name in ("stalls", "work"):
            print(_stood_still(found, name), flush=True)
    if count.failures:
        keep.mkdir(parents=True, exist_ok=True)
        about = {
            "kind": "monkey",
            "name": "monkey",
            "seed": seed,
            "steps": found["steps"],
            "said": [said for _, said in count.failures],
        }
        (keep / f"monkey-{seed}.json").write_text(json.dumps(about, indent=1))
    return count


def _told(file: Path) -> dict[str, list[Any]]:
    """What a run wrote down as it went, a line each: steps with their stalls, and failures."""
    found: dict[str, list[Any]] = {
        "steps": [],
        "stalls": [],
        "work": [],
        "what": [],
        "failures": [],
    }
    for line in file.read_text().splitlines() if file.exists() else ():
        said = json.loads(line)
        if "said" in said:
            found["failures"].append(said)
        elif "stall" in said:
            found["stalls"].append(said["stall"])
            found["work"].append(said["work"])
            found["what"].append(said["what"])
        else:
            found["steps"].append(said["step"])
    return found


def _stood_still(found: dict[str, list[Any]], name: str) -> str:
    """How long the window stood still, by the clock or by its own work, and at what longest.

    On a machine that does other things too the clock counts these, its own work does not.
    """
    seconds = found[name]
    worst = sorted(zip(seconds, found["what"], strict=False), reverse=True)[:5]
    said = ", ".join(f"{1000 * each:.0f} ms {what}" for each, what in worst)
    p99 = statistics.quantiles(seconds, n=100)[98]
    return f"monkey: {name} {1000 * p99:.0f} ms at p99 of events, at most: {said}"


def replay(file: Path) -> int:
    """The same events again, in this process; 1 where something fails again."""
    about = json.loads(file.with_suffix(".json").read_text())
    monkey = _Monkey(about["seed"], file.with_suffix(".told"))
    monkey.run(len(about["steps"]), 0, about["steps"])
    for each in monkey.failures:
        print(each["step"], each["said"])
    return int(bool(monkey.failures))


class _Monkey:
    """The window, and what is done to it."""

    def __init__(self, seed: int, told: Path) -> None:
        import numpy as np
        from PySide6.QtCore import Qt, QTimer, qInstallMessageHandler

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
        self._step = 0
        self._told = told.open("w", buffering=1)
        self._stacks, self._watching = told.with_suffix(".stacks"), threading.Event()
        self._longest, self._beat = 0.0, time.monotonic()
        self._work, self._busy = 0.0, time.thread_time()
        self._what, self._answer = "", 0
        """What was done last, in words; which entry of an open menu is chosen next, 0 for none."""
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
        for name in SPARED:
            if name in self.window.actions_by_name:
                self.window.actions_by_name[name].setEnabled(False)
        self._heart = QTimer(interval=10, timerType=Qt.TimerType.PreciseTimer)
        self._heart.timeout.connect(self._beats)
        self._until(lambda: self.session.trace is not None and not self.session.jobs.current, 120)

    def run(self, events: int, minutes: float, steps: list[list[Any]] | None = None) -> None:
        """So many random events, or those that were kept."""
        until = time.monotonic() + 60 * minutes if minutes else float("inf")
        self._heart.start()
        threading.Thread(target=self._watch, args=(threading.get_ident(),), daemon=True).start()
        for number in range(events):
            if time.monotonic() > until or len(self.failures) > 20:
                break
            step = steps[number] if steps else self._chosen()
            self._step += 1
            self._tell({"step": step})
            at = self._pointed_at(*step[1:])
            self._longest, self._beat = 0.0, time.monotonic()
            self._work, self._busy = 0.0, time.thread_time()
            try:
                self._do(*step, *at)
                self.app.processEvents()
            except Exception:
                self._fail(traceback.format_exc())
            self._beats()
            told = {"stall": round(self._longest, 4), "work": round(self._work, 4)}
            self._tell(told | {"what": self._what})
        self._watching.set()
        self._until(lambda: not self.session.jobs.current, 20)
        self.window.close()
        self.app.processEvents()

    def _chosen(self) -> list[Any]:
        kind = str(self._draw.choice(list(SHARES), p=list(SHARES.values())))
        first, second, third = (float(each) for each in self._draw.random(3))
        return [kind, round(first, 4), round(second, 4), round(third, 4)]

    def _pointed_at(self, first: float, second: float, third: float) -> tuple[Any, Any]:
        """A widget and a place in it; looking for it is the monkey's work, not the window's."""
        from PySide6.QtCore import QPoint
        from PySide6.QtWidgets import QWidget

        shown = [w for w in self.window.findChildren(QWidget) if w.isVisible() and w.width() > 2]
        target = shown[int(first * len(shown))] if shown else self.window
        return target, QPoint(int(second * target.width()), int(third * target.height()))

    def _do(
        self, kind: str, first: float, second: float, third: float, target: Any, spot: Any
    ) -> None:
        from PySide6.QtCore import QPoint, Qt
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication, QDockWidget

        window = self.window
        self._what = kind
        match kind:
            case "key":
                self._what = KEYS[int(first * len(KEYS))]
                key = getattr(Qt.Key, f"Key_{KEYS[int(first * len(KEYS))]}")
                modifiers = (
                    Qt.KeyboardModifier.ShiftModifier
                    if second > 0.9
                    else (Qt.KeyboardModifier.NoModifier)
                )
                QTest.keyClick(QApplication.focusWidget() or window, key, modifiers)
            case "click":
                self._what = f"click on {type(target).__name__}"
                QTest.mouseClick(target, Qt.MouseButton.LeftButton, pos=spot)
            case "double":
                QTest.mouseDClick(target, Qt.MouseButton.LeftButton, pos=spot)
            case "menu":
                self._answer = int(first * 12)
                _context_menu(target, spot)
            case "drop":
                self._drop(first)
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
                self._what = f"action {action.data()}"
                if action.isEnabled():
                    self._answer = int(third * 12)
                    action.trigger()
            case "resize":
                window.resize(700 + int(first * 900), 500 + int(second * 600))
            case "dock":
                docks = window.findChildren(QDockWidget)
                dock = docks[int(first * len(docks))]
                dock.setVisible(not dock.isVisible())
            case _:
                self._until(lambda: False, 0.05)

    def _drop(self, which: float) -> None:
        """Pictures, a folder, a broken file, or what is none, as they are dropped on the window."""
        from vitviz.core.pictures.picture_files import bundled_pictures

        whole = list(bundled_pictures())
        odd = [ROOT / "README.md", ROOT / "no such file.png", ROOT / "tests" / "files_of_0_1"]
        kinds = [whole[:1], whole[1:4], [whole[0].parent], *([each] for each in odd)]
        self.session.open(kinds[int(which * len(kinds))])

    def _close_dialogs(self) -> None:
        """An entry of a menu is chosen now and then; whatever else asks is answered with no, as a
        dialog would wait for ever.
        """
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication

        popup, self._answer, entry = QApplication.activePopupWidget(), 0, self._answer
        if popup is not None and entry:
            for _ in range(entry):
                QTest.keyClick(popup, Qt.Key.Key_Down)
            QTest.keyClick(popup, Qt.Key.Key_Return)
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

    def _beats(self) -> None:
        """Ten milliseconds after the last time, unless the window stood still."""
        now, busy = time.monotonic(), time.thread_time()
        self._longest, self._beat = max(self._longest, now - self._beat), now
        self._work, self._busy = max(self._work, busy - self._busy), busy

    def _watch(self, window: int) -> None:
        """Writes down where the window's thread is while it stands still, once for each time."""
        seen = 0.0
        while not self._watching.wait(0.02):
            late = time.monotonic() - self._beat
            if late < LATE or self._beat == seen:
                continue
            seen = self._beat
            where = "".join(traceback.format_list(_places(window)))
            with self._stacks.open("a") as file:
                file.write(f"{1000 * late:.0f} ms at event {self._step}, {self._what}\n{where}\n")

    def _fail(self, said: str) -> None:
        self.failures.append({"step": self._step, "said": said})
        self._tell(self.failures[-1])

    def _tell(self, line: dict[str, Any]) -> None:
        self._told.write(json.dumps(line) + "\n")


def _places(thread: int) -> list[tuple[str, int, str, str]]:
    """Where a thread is, the innermost last. Its frames are let go at once: one that is held keeps a
    painter alive beyond its paint event.
    """
    found, frame = [], sys._current_frames().get(thread)
    while frame is not None and len(found) < 24:
        found.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, ""))
        frame = frame.f_back
    return found[::-1]


def _context_menu(target: Any, spot: Any) -> None:
    from PySide6.QtCore import QCoreApplication
    from PySide6.QtGui import QContextMenuEvent

    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, spot, target.mapToGlobal(spot))
    QCoreApplication.sendEvent(target, event)


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
    monkey = _Monkey(wish.seed, wish.told)
    monkey.run(wish.events, wish.minutes)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
