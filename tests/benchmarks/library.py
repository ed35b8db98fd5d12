"""The model library measured: opening it, searching as one types, going back to a model seen before."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence

from tests.benchmarks.run import BenchmarkRun, Row
from tests.benchmarks.window import Measured, _timed

_COLD = """
import sys, time
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from vitviz.gui.app.application import application
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.mailbox import Mailbox
from vitviz.session.work.jobs import Jobs
from vitviz.session.session import Session

class Watch(QObject):
    # The first thing that happens after the window has been painted with the list in it.
    def __init__(self):
        super().__init__()
        self.painted, self.work = 0.0, 0.0
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and watched is painted():
            QCoreApplication.postEvent(self, QEvent(QEvent.Type.User), Qt.HighEventPriority.value)
        return False
    def event(self, event):
        if not self.painted:
            self.painted, self.work = time.time(), time.thread_time() - began
        return True

def painted():
    panel = window.library.panel
    return None if panel is None else panel.list.viewport()

app = application()
theme.apply(app, theme.DARK)
window = MainWindow(Session(Jobs(Mailbox().deliver), save=lambda _settings: ""))
window.resize(1440, 900)
window.show()
for _ in range(5):
    app.processEvents()
watch = Watch()
app.installEventFilter(watch)
print("before", time.time(), flush=True)
began = time.thread_time()
window.perform("find_model")
while not watch.painted:
    app.processEvents()
names = window.library.panel.list.rows.rowCount()
print("open", watch.painted, names, "torch" in sys.modules, watch.work, flush=True)
while not window.library.panel.is_complete:
    app.processEvents()
window.repaint()
print("whole", time.time(), time.thread_time() - began, flush=True)
import os
os._exit(0)
"""


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; half a minute."""
    if run.toy:
        return [*opening(1), *searching("v"), returning("test_vit2", "test_vit3", 2)]
    return [*opening(), *searching(), returning()]


def opening(rounds: int = 5) -> list[Row]:
    """From the wish to the painted list, in fresh processes with compiled code, as installed."""
    times, busy, whole, rest, names, torch = [], [], [], [], "0", "False"
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": tempfile.mkdtemp()}
    for turn in range(rounds + 1):
        found = _timed(_COLD, {}, **compiled)
        if turn == 0:
            continue  # this one compiled it
        began = float(found["before"][0])
        times.append((float(found["open"][0]) - began) * 1000)
        whole.append((float(found["whole"][0]) - began) * 1000)
        names, torch = found["open"][1], found["open"][2]
        busy.append(float(found["open"][3]) * 1000)
        rest.append(float(found["whole"][1]) * 1000)
    return [
        (f"library opened for the first time, {names} names", "<= 100 ms", _words(times, busy)),
        ("and the chosen model in full below it", "", _words(whole, rest)),
        ("torch imported to open the library", "no", "yes" if torch == "True" else "no"),
    ]


def searching(text: str = "vit base patch16 dinov") -> list[Row]:
    """From a key to the painted list, each key of a search with all models."""
    measured = Measured("test_vit")
    measured.window.perform("find_model")
    panel = measured.window.library.panel
    assert panel is not None
    measured.until(lambda: not measured.session.waiting)
    measured.app.processEvents()
    times, busy = [], []
    for end in [*range(len(text) + 1), *range(len(text), -1, -1)] * 3:
        began, worked = time.perf_counter(), time.thread_time()
        panel.search.setText(text[:end])
        panel.repaint()
        times.append((time.perf_counter() - began) * 1000)
        busy.append((time.thread_time() - worked) * 1000)
    measured.close()
    return [
        (
            f"search in {panel.list.rows.rowCount()} models, a key to painted",
            "<= 16 ms",
            _words(times, busy),
        )
    ]


def returning(
    one: str = "vit_small_patch16_224", two: str = "vit_tiny_patch16_224", rounds: int = 6
) -> Row:
    """From the wish for a model seen before, with the same picture, to what it did."""
    from vitviz.session.work.request import ModelRequest

    measured = Measured(one)
    session = measured.session
    other = ModelRequest(two, pretrained=False)
    session.columns.use_model(other)
    measured.until(lambda: not session.waiting)
    times = []
    for turn in range(rounds):
        request = other if turn % 2 else measured.request
        before = session.trace
        began = time.perf_counter()
        session.columns.use_model(request)
        measured.until(_another(measured, before))
        times.append((time.perf_counter() - began) * 1000)
        measured.until(lambda: not session.waiting)
    measured.close()
    return ("back to a model seen before, the same picture", "<= 16 ms", _words(times))


def _another(measured: Measured, before: object) -> Callable[[], bool]:
    return lambda: measured.session.trace is not before


def _words(times: Sequence[float], busy: Sequence[float] = ()) -> str:
    """The clock's time, and the window's own work, which other programs do not lengthen."""
    ordered = sorted(times)
    work = f", work {statistics.median(busy):.1f} ms" if busy else ""
    return (
        f"median {statistics.median(times):.1f} ms "
        f"(90 % under {ordered[int(0.9 * (len(ordered) - 1))]:.1f} ms{work})"
    )
