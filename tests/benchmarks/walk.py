"""The walk through measured: hover to painted at every step whose views follow the cursor."""

from __future__ import annotations

import statistics

from tests.benchmarks.run import BenchmarkRun, Row
from tests.benchmarks.window import SIZES, TOY_SIZES, Measured, hovers
from vitviz.views.learn.tour import steps

COUNT = 60


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; a minute or two."""
    sizes, count = (TOY_SIZES, 2) if run.toy else (SIZES, COUNT)
    return [row for name, words, target in sizes for row in walking(name, words, target, count)]


def walking(name: str, words: str, target: int, count: int) -> list[Row]:
    """Each step's views alone on the board, as the walk shows them."""
    measured = Measured(name)
    trace = measured.session.trace
    assert trace is not None
    found = []
    for step in steps(trace):
        follow = [view for view in step.views if "token" in measured.window.views[view].follows]
        if not follow:
            continue
        measured.window.show_views_of(*step.views)
        measured.until(measured.drawn)
        times = sorted(hovers(measured, count))
        found.append(
            (
                f"hover to painted, {' and '.join(step.views)}, {words}",
                f"median <= {target} ms",
                f"{statistics.median(times):.1f} ms (90 % under {times[int(0.9 * count)]:.1f} ms)",
            )
        )
    measured.close()
    return found
