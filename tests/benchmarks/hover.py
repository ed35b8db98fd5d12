"""Drawing measured: all views while the cursor moves, and the rollout against its matrices."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

import vitviz
from tests.benchmarks.run import BenchmarkRun, Row, noise
from vitviz.core.data.selection import Selection, place_of
from vitviz.core.data.trace import Trace
from vitviz.core.measures.rollout import rollout_heads
from vitviz.views import View, views

STEPS = 60

HASTE = 12
"""Steps that a hand moves on without a rest, before anything could be made ahead."""


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; about a minute."""
    small, large = traced(run, "vit_base_patch16_224"), traced(run, "vit_base_patch8_224")
    return [
        *hovering(run, small, 16),
        *hovering(run, large, 33),
        *scrubbing(run, small),
        walking(large),
    ]


def traced(run: BenchmarkRun, name: str) -> Trace:
    """A model of random weights over a picture of noise."""
    return vitviz.trace(run.load(name), noise((300, 400)))


def hovering(run: BenchmarkRun, trace: Trace, target: float) -> list[Row]:
    """Every view that follows the cursor, drawn for one token after the other as it moves: at once,
    and again once the hand has rested and what lies beside it was made ahead.
    """
    where = f"{len(trace.layers)} x {trace.heads} heads, {trace.grid.tokens} tokens"
    middle, follow = trace.grid.middle, following(trace)
    first = stepping(trace, follow, [middle])
    hasty = stepping(trace, follow, path(trace)[: run.few(HASTE, 2)])
    for view in follow:
        for _ in view.ahead(trace, pointing(trace, middle)):
            pass
    taken = stepping(trace, follow, path(trace)[: run.few(STEPS, 2)])
    together = statistics.median(map(sum, zip(*taken.values(), strict=True)))
    slow, late = ({name: max(times) for name, times in each.items()} for each in (taken, first))
    unprepared, rollout = max(hasty.pop("rollout")), sorted(taken["rollout"])
    del slow["rollout"]
    slowest, latest = (max(each, key=lambda name: each[name]) for each in (slow, late))
    return [
        (
            f"first drawing of all {len(follow)} views that follow the cursor, {where}",
            "",
            f"{sum(late.values()):.0f} ms ({latest} {late[latest]:.0f} ms)",
        ),
        (
            f"hover to drawn, all of them, {where}",
            f"median <= {target:g} ms",
            f"{together:.1f} ms",
        ),
        (
            f"hover to drawn, each but rollout, the slowest step, {where}",
            "<= 16 ms",
            f"{slow[slowest]:.1f} ms ({slowest})",
        ),
        (
            f"hover to drawn, rollout once the hand has rested, 95th percentile, {where}",
            "<= 33 ms",
            f"{rollout[int(0.95 * len(rollout))]:.1f} ms",
        ),
        (
            f"hover to drawn, rollout before anything was made ahead, slowest, {where}",
            "<= 150 ms",
            f"{max(unprepared, rollout[-1]):.1f} ms",
        ),
    ]


def stepping(trace: Trace, follow: Sequence[View], tokens: Sequence[int]) -> dict[str, list[float]]:
    """Milliseconds of each view for each of these tokens."""
    taken: dict[str, list[float]] = {view.name: [] for view in follow}
    for token in tokens:
        for view in follow:
            taken[view.name].append(milliseconds(lambda view=view: draw(view, trace, token)))  # noqa: B023
    return taken


def following(trace: Trace) -> list[View]:
    """The views of one trace that are drawn anew when the cursor moves."""
    return [
        view
        for view in views().values()
        if view.traces == 1 and "token" in view.follows and not view.applies(trace)
    ]


def draw(view: View, trace: Trace, token: int, depth: float = 1.0) -> None:
    """A view for one token."""
    view.draw(trace, pointing(trace, token, depth))


def draw_all(trace: Trace, depth: float = 1.0) -> None:
    """Every view that follows the cursor, for one token in the middle."""
    for view in following(trace):
        draw(view, trace, trace.grid.middle, depth)


def pointing(trace: Trace, token: int, depth: float = 1.0) -> Selection:
    """The cursor over a token."""
    return Selection(hover=place_of(token, trace.grid, trace.crop), depth=depth)


def path(trace: Trace) -> list[int]:
    """A cursor's way: from corner to corner and along a row."""
    grid, half = trace.grid, STEPS // 2
    share = np.linspace(0, 0.999, half)
    down = [grid.token(int(one * grid.rows), int(one * grid.cols)) for one in share]
    along = [grid.token(grid.rows // 3, int(one * grid.cols)) for one in share]
    return down + along


def scrubbing(run: BenchmarkRun, trace: Trace) -> list[Row]:
    """The same views while the depth slider moves through the layers, there and back."""
    depths = np.linspace(0, 1, run.few(12, 2))
    for depth in depths:
        draw_all(trace, depth)
    taken = [milliseconds(lambda one=one: draw_all(trace, one)) for one in [*depths, *depths[::-1]]]
    where = f"{len(trace.layers)} layers, {trace.grid.tokens} tokens"
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
        "",
        f"{product / walk:.0f} x as fast as the matrices ({walk:.0f} ms against {product:.0f} ms)",
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
