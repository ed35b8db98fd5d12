"""Boxes, arrows and their words on paper."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon

from vitviz.core.data.drawing.diagram import Diagram, DiagramArrow, DiagramBox, DiagramTone
from vitviz.core.data.geometry import Box
from vitviz.figures.paper import PaperStyle
from vitviz.figures.text import LINE, POINT, family, printable, width

INK, QUIET, FAINT, ACCENT, LIGHT = "#1a1c20", "#5c636e", "#9aa1ab", "#dd4a1c", "#f2f4f6"
NOTE, AIR, SMALLEST = 0.86, 0.86, 1.5
"""Size of a note over its text's, share of a box that words may fill, least type in points."""


def paint_diagram(
    axes: Axes, diagram: Diagram, extent: Box, room: tuple[float, float], paper: PaperStyle
) -> None:
    """A diagram into axes that show `extent` in `room` (height, width) millimetres."""
    unit = room[1] / max(extent.width, 1e-9)
    for one in diagram.boxes:
        if one.ground:
            _frame(axes, one, unit)
    for arrow in diagram.arrows:
        _arrow(axes, arrow)
    own = [_fitting(one, unit, paper) for one in diagram.boxes]
    framed = [
        size for size, one in zip(own, diagram.boxes, strict=True) if one.frame and not one.ground
    ]
    least = min(framed, default=paper.size)
    for one, size in zip(diagram.boxes, own, strict=True):
        if one.frame and not one.ground:
            _frame(axes, one, unit)
        size = least if one.frame else size
        if size >= SMALLEST:
            _words(axes, one, size, unit, paper)


def _color(tone: DiagramTone) -> str:
    return {"plain": QUIET, "chosen": ACCENT, "quiet": FAINT}[tone]


def _frame(axes: Axes, one: DiagramBox, unit: float) -> None:
    box, corner = one.box, 0.6 / unit
    axes.add_patch(
        FancyBboxPatch(
            (box.left + corner, box.top + corner),
            max(box.width - 2 * corner, 1e-6),
            max(box.height - 2 * corner, 1e-6),
            boxstyle=f"round,pad={corner},rounding_size={corner}",
            facecolor="white" if one.tone == "quiet" else LIGHT,
            edgecolor=FAINT if one.tone == "plain" else _color(one.tone),
            linewidth=1.1 if one.tone == "chosen" else 0.6,
            clip_on=False,
        )
    )


def _arrow(axes: Axes, arrow: DiagramArrow) -> None:
    points = [(spot.col, spot.row) for spot in arrow.path]
    if len(points) < 2:
        return
    color, line = _color(arrow.tone), 1.1 if arrow.tone == "chosen" else 0.7
    if len(points) > 2 or not arrow.head:
        bent = points if not arrow.head else points[:-1]
        axes.add_patch(
            Polygon(bent, closed=False, fill=False, edgecolor=color, linewidth=line, clip_on=False)
        )
    if arrow.head:
        axes.add_patch(
            FancyArrowPatch(
                points[-2],
                points[-1],
                arrowstyle="-|>",
                mutation_scale=5,
                shrinkA=0,
                shrinkB=0,
                color=color,
                linewidth=line,
                clip_on=False,
            )
        )


def _lines(one: DiagramBox) -> list[tuple[str, bool]]:
    """(line, whether it is of the note)."""
    said = [(line, False) for line in one.text.split("\n") if line]
    return said + [(line, True) for line in one.note.split("\n") if line]


def _fitting(one: DiagramBox, unit: float, paper: PaperStyle) -> float:
    """The largest type up to the paper's at which a box's words lie inside of it, in points."""
    lines = _lines(one)
    if not lines:
        return paper.size
    bold = one.tone == "chosen"
    widest = max(
        width(line, 10, paper, bold and not note) * (NOTE if note else 1) for line, note in lines
    )
    high = sum(NOTE if note else 1.0 for _, note in lines) * POINT * LINE
    room = AIR if one.frame else 1.0
    return min(
        paper.size,
        10 * one.box.width * unit * room / max(widest, 1e-6),
        one.box.height * unit * room / high,
    )


def _words(axes: Axes, one: DiagramBox, size: float, unit: float, paper: PaperStyle) -> None:
    lines = _lines(one)
    heights = [size * (NOTE if note else 1.0) * POINT * LINE / unit for _, note in lines]
    top = one.box.centre.row - sum(heights) / 2
    across = {"centre": one.box.centre.col, "left": one.box.left, "right": one.box.right}[one.align]
    sides: Any = {"centre": "center", "left": "left", "right": "right"}
    for (line, note), height in zip(lines, heights, strict=True):
        bold = one.tone == "chosen" and not note
        faint = note or one.tone == "quiet" or (not one.frame and one.tone != "chosen")
        axes.text(
            across,
            top + height / 2,
            printable(line, paper.font),
            ha=sides[one.align],
            va="center_baseline",
            fontsize=size * (NOTE if note else 1.0),
            color=QUIET if faint else ACCENT if bold and not one.frame else INK,
            fontweight="bold" if bold else "normal",
            parse_math=False,
            family=family(paper.font, line),
        )
        top += height
