"""Drawing measured: all views while the cursor moves, and the rollout against its matrices."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

import vitviz
from tests.benchmarks.run import BenchmarkRun, Row, noise
from vitviz.core.data.selection import Selection, place_of
from vitviz.core.data.trace import Trace
from vitviz.core.measures.rollout import rollout_heads
from vitviz.views import views

STEPS = 60


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; about a minute."""
    small, large = traced(run, "vit_base_patch16_224"), traced(run, "vit_base_patch8_224")
    return [
        *hovering(run, small, 6),
        *hovering(run, large, 15),
        *scrubbing(small),
        walking(large),
    ]


def traced(run: BenchmarkRun, name: str) -> Trace:
    """A model of random weights over a picture of noise."""
    return vitviz.trace(run.load(name), noise((300, 400)))


def hovering(run: BenchmarkRun, trace: Trace, target: float) -> list[Row]:
    """All five views drawn for one token after the other, as a cursor moves over the picture."""
    where = f"12 x 12 heads, {trace.grid.tokens} tokens"
    first = milliseconds(lambda: draw_all(trace, trace.grid.middle))
    tokens = path(trace)[: run.few(STEPS, 2)]
    taken = [milliseconds(lambda token=token: draw_all(trace, token)) for token in tokens]
    median, worst = statistics.median(taken), max(taken)
    return [
        (f"first drawing of all views, {where}", "", f"{first:.0f} ms"),
        (
            f"hover to drawn, all views, {where}",
            f"median <= {target:g} ms",
            f"{median:.1f} ms ({median / target:.2f} x), at most {worst:.0f} ms",
        ),
    ]


def draw_all(trace: Trace, token: int, depth: float = 1.0) -> None:
    """Every view for one token."""
    selection = Selection(hover=place_of(token, trace.grid, trace.crop), depth=depth)
    for view in views().values():
        if view.traces == 1 and not view.applies(trace):
            view.draw(trace, selection)


def path(trace: Trace) -> list[int]:
    """A cursor's way: from corner to corner and along a row."""
    grid, half = trace.grid, STEPS // 2
    share = np.linspace(0, 0.999, half)
    down = [grid.token(int(one * grid.rows), int(one * grid.cols)) for one in share]
    along = [grid.token(grid.rows // 3, int(one * grid.cols)) for one in share]
    return down + along


def scrubbing(trace: Trace) -> list[Row]:
    """All five views while the depth slider moves through the layers, there and back."""
    draw_all(trace, trace.grid.middle)
    depths = [*np.linspace(0, 1, 12), *np.linspace(1, 0, 12)]
    taken = [
        milliseconds(lambda one=one: draw_all(trace, trace.grid.middle, one)) for one in depths
    ]
    where = f"12 layers, {trace.grid.tokens} tokens"
    return [(f"layer to drawn, all views, {where}", "", f"{statistics.median(taken):.1f} ms")]


def walking(trace: Trace) -> Row:
    """One token's rollout through every head, against the product of the whole maps."""
    attentions = [layer.attention for layer in trace.layers]
    token = trace.grid.middle
    walk = statistics.median(
        milliseconds(lambda: rollout_heads(attentions, range(token, token + 1))) for _ in range(5)
    )
    product = milliseconds(lambda: matrices(trace))
    return (
        f"rollout of one token, all heads, {trace.grid.tokens} tokens",
        ">= 20 x faster than the matrices",
        f"{product / walk:.0f} x ({walk:.0f} ms against {product:.0f} ms)",
    )


def matrices(trace: Trace) -> np.ndarray:
    """The definition, R = A'_L ... A'_1 for every head, written as papers and their code do."""
    size = trace.grid.tokens
    identity = np.eye(size, dtype=np.float32)
    product = np.stack([identity] * trace.heads)
    for layer in trace.layers:
        maps = np.stack([layer.attention.matrix(head) for head in range(trace.heads)])
        product = (0.5 * maps + 0.5 * identity) @ product
    return product


def milliseconds(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3
