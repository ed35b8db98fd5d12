"""A map over a picture has the same colours on screen and on paper, whichever way it lies there."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from einops import reduce
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PySide6.QtGui import QImage, QPainter

from vitviz.core.colors import ColorScale, ColorTable, Lay
from vitviz.core.data.drawing import DrawnLayer, Heat, Raster
from vitviz.core.data.geometry import Box
from vitviz.core.drawings.laid_maps import tone_under
from vitviz.figures.paint import paint
from vitviz.figures.paper import PaperStyle
from vitviz.gui.app.application import application
from vitviz.gui.canvas.layer_painters import LayerPlacing, painted

SIDE, CELLS = 280, 7
BOX = Box(0, 0, 28, 28)


def layers(lay: Lay, table: ColorTable, *, smooth: bool) -> tuple[DrawnLayer, ...]:
    random = np.random.default_rng(3)
    values = random.normal(size=(CELLS, CELLS)).astype(np.float32)
    blocks = random.integers(0, 256, (CELLS, CELLS, 3), dtype=np.uint8)
    picture = np.kron(blocks, np.ones((4, 4, 1), np.uint8))
    tone = tone_under(table, lay)
    scale = ColorScale(-1.5, 1.5, table)
    return Raster(picture, BOX, smooth=False, tone=tone), Heat(values, BOX, scale, 0.6, smooth, lay)


def on_screen(shown: tuple[DrawnLayer, ...]) -> np.ndarray:
    application()
    image = QImage(SIDE, SIDE, QImage.Format.Format_RGB32)
    image.fill(0xFFFFFFFF)
    painter = QPainter(image)
    for layer in shown:
        painted(layer).paint(painter, LayerPlacing(SIDE / BOX.width, 0, 0))
    painter.end()
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(SIDE, SIDE, 4)
    return pixels[..., 2::-1].astype(int)


def on_paper(shown: tuple[DrawnLayer, ...]) -> np.ndarray:
    figure = Figure(figsize=(SIDE / 100, SIDE / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for layer in shown:
        paint(axes, layer, (70.0, 70.0), PaperStyle())
        axes.set_xlim(BOX.left, BOX.right)
        axes.set_ylim(BOX.bottom, BOX.top)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].astype(int)


@pytest.mark.parametrize("table", ["viridis", "vik"])
@pytest.mark.parametrize("lay", [lay for lay in get_args(Lay) if lay != "contours"])
def test_every_cell_has_one_colour_on_both(lay: Lay, table: ColorTable):
    shown = layers(lay, table, smooth=False)
    middles = slice(SIDE // CELLS // 2, None, SIDE // CELLS)
    screen, paper = (each(shown)[middles, middles] for each in (on_screen, on_paper))
    assert np.abs(screen - paper).max() <= 3
    bare = on_screen((replace(shown[0], tone="own colours"),))[middles, middles]
    assert np.abs(screen - bare).max() > 60


@pytest.mark.parametrize("lay", ["fade", "contours"])
def test_smooth_maps_and_lines_look_alike_on_both(lay: Lay):
    shown = layers(lay, "viridis", smooth=True)
    changes = [coarse(each(shown) - each(shown[:1])) for each in (on_screen, on_paper)]
    assert np.corrcoef(*(change.ravel() for change in changes))[0, 1] > 0.95
    assert np.abs(changes[0]).mean() > 4


def coarse(pixels: np.ndarray) -> np.ndarray:
    """Means of blocks: lines differ in width, and images in how they are interpolated."""
    return reduce(pixels.astype(float), "(row y) (col x) rgb -> row col rgb", "mean", y=10, x=10)
