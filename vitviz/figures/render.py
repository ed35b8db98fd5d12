"""A drawing as a matplotlib figure, for papers: light, with real text and every range named."""

from __future__ import annotations

from typing import Any

from einops import rearrange
from matplotlib.figure import Figure

from vitviz.core.colors import table_colors
from vitviz.core.drawing import Drawing
from vitviz.core.geometry import Box
from vitviz.figures.layout import (
    BODY,
    HEADING,
    MARGIN,
    TITLE,
    Page,
    Placed,
    bar_label,
    bar_room,
    lay_out,
    names_width,
)
from vitviz.figures.paint import INK, QUIET, paint
from vitviz.figures.text import LINE, MM, POINT, number, width

WIDTH = 180.0
"""A page's usual text width, in millimetres."""
LONGEST_BAR = 36.0
"""However much room there is, a colour bar stays slim and short, in millimetres."""


def render(drawing: Drawing, *, width_mm: float | None = None, vector: bool = False) -> Figure:
    """The drawing on a white page, as wide as asked and as high as it needs.

    `vector` leaves images at their own size, to be embedded in PDF or SVG. ValueError for a width
    below 40 mm.
    """
    page_width = WIDTH if width_mm is None else width_mm
    if not page_width >= 40:
        raise ValueError(f"a figure needs a width of at least 40 mm, not {page_width:g}")
    page = lay_out(drawing, page_width)
    figure = Figure(figsize=(page.width * MM, page.height * MM), facecolor="white")
    _lines(figure, page, page.title, MARGIN, MARGIN, size=TITLE, weight="bold")
    for placed in page.placed:
        _panel(figure, page, placed, vector)
    _lines(figure, page, page.caption, page.caption_top, MARGIN, size=BODY, color=QUIET)
    return figure


def _lines(
    figure: Figure,
    page: Page,
    lines: tuple[str, ...],
    top: float,
    left: float,
    *,
    size: float,
    color: str = INK,
    **style: Any,
) -> None:
    for index, line in enumerate(lines):
        down = top + index * size * POINT * LINE
        figure.text(
            left / page.width, 1 - down / page.height, line,
            fontsize=size, color=color, va="top", parse_math=False, **style,
        )  # fmt: skip


def _panel(figure: Figure, page: Page, placed: Placed, vector: bool) -> None:
    axes = figure.add_axes(_rect(page, placed.axes))
    axes.set_axis_off()
    extent = placed.panel.extent
    axes.set_xlim(extent.left, extent.right)
    axes.set_ylim(extent.bottom, extent.top)
    for layer in placed.panel.layers:
        paint(axes, layer, (placed.axes.height, placed.axes.width), vector=vector)
        axes.set_xlim(extent.left, extent.right)
        axes.set_ylim(extent.bottom, extent.top)
    top = placed.axes.top - 1.0 - len(placed.heading) * HEADING * POINT * LINE
    left = placed.axes.left
    _lines(figure, page, placed.heading, top, left, size=HEADING, weight="bold")
    _bar(figure, page, placed)
    _facts(figure, page, placed)


def _rect(page: Page, box: Box) -> tuple[float, float, float, float]:
    """A box in millimetres from the top as matplotlib's shares of the page from the bottom."""
    return (
        box.left / page.width,
        1 - box.bottom / page.height,
        box.width / page.width,
        box.height / page.height,
    )


def _bar(figure: Figure, page: Page, placed: Placed) -> None:
    """A slim bar between the ends of its range, its label beside it or below."""
    scale, box = placed.panel.bar, placed.bar
    if scale is None or box is None:
        return
    low, high = number(scale.low), number(scale.high)
    left = box.left + width(low, BODY) + 1.2
    room = (
        box.right - left - width(high, BODY) - 1.2 if placed.label else bar_room(scale, box.width)
    )
    right = left + min(room, LONGEST_BAR)
    axes = figure.add_axes(_rect(page, Box(box.top, left, box.bottom, right)))
    axes.set_axis_off()
    axes.imshow(
        rearrange(table_colors(scale.table), "entry rgb -> 1 entry rgb"),
        aspect="auto",
        interpolation="none",
    )
    _beside(figure, page, box, low, box.left, INK)
    _beside(figure, page, box, high, right + 1.2, INK)
    if placed.label:
        _lines(figure, page, placed.label, box.bottom + 0.8, box.left, size=BODY, color=QUIET)
    else:
        _beside(figure, page, box, bar_label(scale), right + width(high, BODY) + 3.4, QUIET)


def _beside(figure: Figure, page: Page, box: Box, text: str, left: float, color: str) -> None:
    """Text on the line of a colour bar."""
    middle = 1 - box.centre.row / page.height
    figure.text(
        left / page.width, middle, text, fontsize=BODY, color=color, va="center_baseline",
        parse_math=False,
    )  # fmt: skip


def _facts(figure: Figure, page: Page, placed: Placed) -> None:
    names = tuple(name for name, _ in placed.panel.facts)
    values = tuple(value for _, value in placed.panel.facts)
    top, left = placed.facts.top, placed.facts.left
    _lines(figure, page, names, top, left, size=BODY, color=QUIET)
    column = left + names_width(placed.panel.facts)
    _lines(figure, page, values, top, column, size=BODY)
