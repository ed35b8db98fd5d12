"""The walk through measured: hover to painted at every step whose views follow the cursor."""

from __future__ import annotations

import statistics

from tests.benchmarks.window import Measured, Row, hovers
from vitviz.views.learn.tour import steps

COUNT = 60
SIZES = (
    ("vit_base_patch16_224", "196 patches", 16),
    ("vit_base_patch8_224", "784 patches", 33),
)


def rows() -> list[Row]:
    """All rows; a minute or two."""
    return [row for name, words, target in SIZES for row in walking(name, words, target)]


def walking(name: str, words: str, target: int) -> list[Row]:
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
        times = sorted(hovers(measured, COUNT))
        found.append(
            (
                f"hover to painted, {' and '.join(step.views)}, {words}",
                f"median <= {target} ms",
                f"{statistics.median(times):.1f} ms (90 % under {times[int(0.9 * COUNT)]:.1f} ms)",
            )
        )
    measured.close()
    return found
