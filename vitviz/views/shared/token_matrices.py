"""Matrices whose lines are tokens: their colours, and the line of the chosen one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing import DrawnLayer, Grid, Heat, Panel, PixelSpace
from vitviz.core.data.drawing.diagram import Diagram, DiagramArrow, DiagramTone
from vitviz.core.data.drawing.token_rows import TokenRows
from vitviz.core.data.geometry import Box, Spot
from vitviz.core.data.selection import Place, Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.views.shared import picture_layers

WITHIN = 99.0
"""Percent of the numbers that lie between the ends of the colours: single large ones would leave all
others white."""


def signed_scale(*values: Float32[np.ndarray, "..."], label: str = "") -> ColorScale:
    """Colours around zero that show nearly all of the numbers."""
    every = np.concatenate([np.abs(each).ravel() for each in values])
    every = every[np.isfinite(every)]
    most = float(np.percentile(every, WITHIN)) if every.size else 1.0
    return ColorScale(-most or -1.0, most or 1.0, "vik", label or _("value"))


def matrix(values: Float32[np.ndarray, "row col"], box: Box, scale: ColorScale) -> Heat:
    """A matrix over a box, a cell a number."""
    return Heat(np.ascontiguousarray(values, np.float32), box, scale)


def chosen_lines(
    rows: TokenRows, trace: Trace, selection: Selection, long: float = 3.0
) -> tuple[Diagram, ...]:
    """Arrows, `long` in the panel's measure, at both ends of the lines of the pinned and the hovered
    token: an outline would hide a line that is a few pixels high.
    """
    found = []
    marks: tuple[tuple[Place | None, DiagramTone], ...] = (
        (selection.pin, "chosen"),
        (selection.hover, "plain"),
    )
    for place, tone in marks:
        token = None if place is None else place.token(trace.grid, trace.crop)
        boxes = () if token is None else rows.lines(token)
        found.append(Diagram((), tuple(each for box in boxes for each in _ends(box, long, tone))))
    return tuple(found)


def _ends(box: Box, long: float, tone: DiagramTone) -> tuple[DiagramArrow, DiagramArrow]:
    row = box.centre.row
    return (
        DiagramArrow((Spot(row, box.left - long), Spot(row, box.left)), tone),
        DiagramArrow((Spot(row, box.right + long), Spot(row, box.right)), tone),
    )


def patches_panel(trace: Trace, selection: Selection, title: str, weight: float = 1.0) -> Panel:
    """The picture with its patches, to point at the line of one."""
    grid = trace.grid
    layers: tuple[DrawnLayer, ...] = (
        *picture_layers.picture(trace),
        Grid(grid.frame, grid.rows, grid.cols),
        *picture_layers.marks(trace, selection),
    )
    return Panel(layers, trace.crop.frame, title, PixelSpace(trace.crop, grid), weight=weight)


def clipped_words(scales: tuple[ColorScale, ...]) -> str:
    """What is said of colours that do not reach the largest numbers."""
    said = (
        _("Colours span {within:g} % of the numbers.")
        if len(scales) == 1
        else _("Colours span {within:g} % of the numbers of each matrix.")
    )
    return said.format(within=WITHIN)
