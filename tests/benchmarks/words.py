"""The inner level of a TNT measured: hover to painted, and a trace beside that of timm's own class."""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

import numpy as np
import torch

import vitviz
from tests.benchmarks.engine import in_one_thread
from tests.benchmarks.run import BenchmarkRun, Row
from vitviz.core.data.geometry import Spot
from vitviz.core.data.selection import Place, Selection
from vitviz.core.data.trace import Trace
from vitviz.core.pictures.picture_files import open_picture
from vitviz.models.loading.preprocess import normalised
from vitviz.views import find

NAME = "tnt_s_patch16_224"
OF_WORDS = ("words", "mosaic", "word_positions")


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; about a minute and a half on two cores."""
    if run.toy:
        return [*hovering(run, 2), *tracing(run, 64, 1)]
    larger = [*tracing(run, 384, 2), *tracing(run, 512, 2)]
    return [*hovering(run, 150), *tracing(run, 224, 5), *larger, asking(run)]


def loaded(name: str, side: int = 224) -> Any:
    """A TNT-S of random weights, always the same."""
    torch.manual_seed(0)
    return vitviz.load(name, pretrained=False, input_size=side)


def noise(side: int = 300) -> np.ndarray:
    """A picture of nothing."""
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)


def hovering(run: BenchmarkRun, count: int) -> list[Row]:
    """A cursor moves from word to word, over sentence after sentence; each view painted each time."""
    trace = vitviz.trace(loaded(NAME, 64 if run.toy else 224), noise())
    found = []
    for view in OF_WORDS:
        painted, worked = _painted(trace, view, count)
        first, ordered = painted[0], sorted(painted[1:])
        found.append(
            (
                f"hover to painted: {view}, 12 inner layers x 4 heads",
                "median <= 16 ms",
                f"{statistics.median(ordered):.1f} ms (90 % under {ordered[int(0.9 * count)]:.1f} ms, "
                f"first {first:.0f} ms; {statistics.median(worked[1:]):.1f} ms processor time)",
            )
        )
    return found


def _painted(trace: Trace, view: str, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds from the wish to the painted canvas, by the clock and of processor time."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from vitviz.gui.app.application import application
    from vitviz.gui.canvas.drawing_widget import DrawingWidget
    from vitviz.gui.widgets import theme

    app = application()
    theme.apply(app, theme.DARK)
    canvas = DrawingWidget()
    canvas.resize(1100, 480)
    canvas.show()
    times, worked = [], []
    for selection in _path(trace, count + 1):
        began, busy = time.perf_counter(), time.process_time()
        canvas.show_drawing(find(view).draw(trace, selection))
        app.processEvents()
        times.append((time.perf_counter() - began) * 1000)
        worked.append((time.process_time() - busy) * 1000)
    canvas.close()
    return times, worked


def _path(trace: Trace, count: int) -> list[Selection]:
    """A mouse's way: word after word along a row, a new row of sentences now and then."""
    rows, cols = trace.grid.words or (1, 1)
    height, width = (side / each for side, each in zip(trace.grid.patch, (rows, cols), strict=True))
    frame, found = trace.grid.frame, []
    for step in range(count):
        row = (step // 30 * 5 + 0.5) * height
        col = (step % 30 + 0.5) * width
        spot = trace.crop.to_original(Spot(row % frame.height, col % frame.width))
        found.append(Selection(hover=Place(spot)))
    return found


def tracing(run: BenchmarkRun, side: int, repeats: int) -> list[Row]:
    """The own network and timm's, each traced whole, in turns; and what both traces hold."""
    own, theirs = loaded(NAME, side), loaded(f"timm/{NAME}", side)
    own.module.load_state_dict(theirs.module.state_dict())
    picture = open_picture(noise())
    pixels = normalised(noise(side), own.preprocess)

    def traced(model: Any) -> Any:
        return lambda: vitviz.trace(model, picture)

    def passed(model: Any) -> Any:
        def run() -> None:
            with torch.no_grad():
                model.module(pixels)

        return run

    clock = run.in_turns(traced(own), traced(theirs), repeats)
    alone = in_one_thread(traced(own), traced(theirs), repeats)
    bare = in_one_thread(passed(own), passed(theirs), repeats)
    held, other = (vitviz.trace(model, picture).held_bytes for model in (own, theirs))
    where = f"TNT-S at {side} px, own / timm's"
    return [
        (
            f"trace of {where}",
            "<= 0.8 x time",
            f"{clock:.2f} x by the clock, {alone:.2f} x processor time in one thread",
        ),
        (f"bare forward pass of {where}", "told", f"{bare:.2f} x processor time in one thread"),
        (
            f"memory held by a trace of {where}",
            "less",
            f"{held / 1e6:.1f} MB / {other / 1e6:.1f} MB",
        ),
    ]


def asking(run: BenchmarkRun) -> Row:
    """One gradient, there and back, beside one forward pass."""
    model = loaded(NAME)
    trace = vitviz.trace(model, noise())
    pixels = normalised(trace.pixels, model.preprocess)
    labels = iter(range(1000))

    def asked() -> None:
        assert trace.source is not None
        trace.source.word_gradient(next(labels))

    def passed() -> None:
        with torch.no_grad():
            model.module(pixels)

    return (
        "gradient with respect to the words / forward pass",
        "told",
        f"{run.in_turns(asked, passed, 5):.1f} x",
    )
