"""Columns measured: hover to painted in all of them, stalls while one is added, memory given back."""

from __future__ import annotations

import gc
import os
import statistics
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.run import BenchmarkRun, Row
from tests.benchmarks.window import Measured

VIEWS = ("patches", "heads", "rollout", "positions")


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; two or three minutes."""
    if run.toy:
        return [hovering(2, 2), adding(1), closing(1, 1)]
    return [hovering(), adding(), closing()]


def _bundled() -> tuple[str, tuple[int, ...]]:
    from vitviz.models import bundled

    model = next(iter(bundled()))
    return model.name, tuple(sorted(model.patch_sizes))


class Columns(Measured):
    """A window with columns of the bundled model, every view of which is in sight."""

    def __init__(self, count: int) -> None:
        name, sizes = _bundled()
        super().__init__(name, patch_size=sizes[0], pretrained=True)
        from dataclasses import replace

        self.window.resize(1920, 1600)
        for at in range(1, count):
            self.window.compare.wish("add")
            request = replace(self.request, patch_size=sizes[at % len(sizes)])
            self.session.columns.use_model(request)
        self.window.show_views_of(*VIEWS)
        self.settle()

    def settle(self) -> None:
        """Lets everything come that is on the way."""
        for _ in range(3):
            quiet = time.time() + 0.15
            self.until(lambda until=quiet: time.time() > until and not self.session.waiting)  # type: ignore[misc]

    def cards(self) -> set[tuple[int, str]]:
        """(column, view) of all cards that follow the token."""
        table = self.window.compare.table
        views, columns = table.visible, table.visible_columns or ()
        follow = [name for name in views if "token" in self.window.views[name].follows]
        return {(column, name) for column in columns for name in follow}


def hovering(count: int = 100, columns: int = 4) -> Row:
    """The cursor moves over the first column; every card of every column has to follow."""
    from vitviz.core.data.selection import place_of

    measured = Columns(columns)
    session, first = measured.session, next(iter(measured.session.columns))
    trace, cards = first.trace, measured.cards()
    assert trace is not None
    waiting: set[tuple[int, str]] = set()
    session.views.drawing_ready.connect(lambda view, _, column: waiting.discard((column, view)))
    times = []
    for step in range(count + 10):
        token = trace.grid.token((step // 10 * 3) % trace.grid.rows, (step * 5) % trace.grid.cols)
        place = place_of(token, trace.grid, trace.crop)
        moved = {(live.id, view) for live in session.columns for view in _following(live, place)}
        waiting |= moved & cards
        began = time.perf_counter()
        session.chosen.hover(place, first.id)
        measured.until(lambda: not waiting & measured.cards())  # noqa: B023  (those still in sight)
        measured.app.processEvents()
        times.append((time.perf_counter() - began) * 1000)
    measured.close()
    ordered = sorted(times[10:])
    return (
        f"hover to painted, {columns} columns x {len(VIEWS)} views, bundled model",
        "median <= 33 ms",
        f"{statistics.median(ordered):.1f} ms (90 % under {ordered[int(0.9 * count)]:.1f} ms)",
    )


def _following(live: Any, place: Any) -> list[str]:
    from dataclasses import replace

    new = replace(live.selection, hover=place)
    found: list[str] = live.drawings.following(live.selection, new, live.trace, None)
    return found


def adding(rounds: int = 5) -> Row:
    """The longest gap between two beats of the window while columns come."""
    from PySide6.QtCore import QTimer

    measured = Columns(1)
    measured.window.compare.wish("add")
    measured.settle()
    gaps: list[tuple[float, float]] = []
    last = time.perf_counter(), time.thread_time()

    def beat() -> None:
        nonlocal last
        now = time.perf_counter(), time.thread_time()
        gaps.append((now[0] - last[0], now[1] - last[1]))
        last = now

    timer = QTimer()
    timer.setInterval(2)
    timer.timeout.connect(beat)
    longest, busiest = [], []
    for _ in range(rounds):
        measured.settle()
        gaps.clear()
        last = time.perf_counter(), time.thread_time()
        timer.start()
        measured.window.compare.wish("add")
        measured.settle()
        timer.stop()
        longest.append(max(clock for clock, _ in gaps) * 1000)
        busiest.append(max(own for _, own in gaps) * 1000)
        measured.window.perform("close_column")
    measured.close()
    return (
        "longest stall of the window while a column is added",
        "<= 33 ms",
        f"{statistics.median(busiest):.0f} ms of the window's own time, "
        f"{statistics.median(longest):.0f} ms by the clock (worst of {rounds}: {max(longest):.0f})",
    )


def closing(cycles: int = 50, warm: int = 0) -> Row:
    """Resident memory after columns were opened and closed many times."""
    from PySide6.QtCore import QCoreApplication, QEvent

    measured = Columns(2)
    sizes = _bundled()[1]
    from dataclasses import replace

    def cycle(at: int) -> None:
        measured.window.compare.wish("add")
        request = replace(measured.request, patch_size=sizes[at % len(sizes)])
        measured.session.columns.use_model(request)
        measured.settle()
        measured.window.perform("close_column")
        measured.settle()
        # What an event loop does by itself when it is at rest; here nothing but `until` runs.
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    for at in range(warm or len(sizes) * 2):  # all models are on the shelf, all pages were built
        cycle(at)
    gc.collect()
    before = _resident()
    for at in range(cycles):
        cycle(at)
    gc.collect()
    after = _resident()
    measured.close()
    return (
        f"resident memory after {cycles} columns were opened and closed",
        "<= 5 %",
        f"{(after / before - 1) * 100:+.1f} % ({before / 2**20:.0f} to {after / 2**20:.0f} MB)",
    )


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
