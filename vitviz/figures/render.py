"""A drawing as a matplotlib figure, for papers: light, with real text and every range named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from einops import rearrange
from jaxtyping import UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import is_color_like
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing import Drawing
from vitviz.core.data.geometry import Box
from vitviz.core.drawings.laid_maps import bar_colors
from vitviz.core.notation import shown_number
from vitviz.core.progress import VitvizError
from vitviz.figures.embedded import Copies
from vitviz.figures.layout import (
    MARGIN,
    PaperPage,
    PlacedPanel,
    bar_room,
    lay_out,
    names_width,
)
from vitviz.figures.paint import INK, QUIET, paint, paint_image
from vitviz.figures.paper import PaperStyle
from vitviz.figures.text import LINE, MM, POINT, family, printable, typeset, width

LONGEST_BAR, ARROW = 36.0, 1.6
"""The most that a colour bar has of the room, and the length of its arrows, in millimetres."""


def render(
    drawing: Drawing,
    *,
    width_mm: float | None = None,
    vector: bool = False,
    paper: PaperStyle | None = None,
) -> Figure:
    """The drawing on a page, as wide as asked and as high as it needs.

    `vector` leaves images at their own size, to be embedded in PDF or SVG. `width_mm` replaces the
    paper's. VitvizError for a width that no figure can have.
    """
    paper = paper or PaperStyle()
    if width_mm is not None:
        paper = replace(paper, width_mm=width_mm)
    page = lay_out(drawing, paper)
    figure = Figure(figsize=(page.width * MM, page.height * MM), facecolor=background(paper))
    printed = _Printed(figure, page, {} if vector else None)
    printed.lines(page.title, MARGIN, MARGIN, size=paper.headline, weight="bold")
    for placed in page.placed:
        printed.panel(placed)
    if page.bar is not None and page.shared is not None:
        whose = next(one.panel for one in page.placed if one.panel.bar is not None)
        printed.bar(page.shared, bar_colors(whose), page.bar, page.label)
    printed.lines(page.caption, page.caption_top, MARGIN, size=paper.size, color=QUIET)
    return figure


def pixels(drawing: Drawing, paper: PaperStyle) -> UInt8[np.ndarray, "row col rgba"]:
    """The page as its PNG shows it, at the paper's resolution."""
    figure = render(drawing, paper=paper)
    figure.set_dpi(paper.dpi)
    canvas: Any = FigureCanvasAgg(figure)
    with typeset():
        canvas.draw()
    return np.array(canvas.buffer_rgba())


def background(paper: PaperStyle) -> str:
    """The paper's colour in matplotlib's words; VitvizError for a colour that it does not know."""
    if paper.transparent:
        return "none"
    if not is_color_like(paper.background):
        raise VitvizError(
            f"there is no colour {paper.background!r}; take white, transparent or #rrggbb"
        )
    return paper.background


@dataclass(frozen=True, slots=True)
class _Printed:
    """A figure that is being printed."""

    figure: Figure
    page: PaperPage
    copies: Copies | None

    @property
    def paper(self) -> PaperStyle:
        """What it is printed on."""
        return self.page.paper

    def lines(
        self,
        lines: tuple[str, ...],
        top: float,
        left: float,
        *,
        size: float,
        color: str = INK,
        **style: Any,
    ) -> None:
        """Lines of text below each other."""
        page = self.page
        for index, line in enumerate(lines):
            down = top + index * size * POINT * LINE
            self.figure.text(
                left / page.width,
                1 - down / page.height,
                self._letters(line),
                fontsize=size,
                color=color,
                va="top",
                parse_math=False,
                family=family(self.paper.font, line),
                **style,
            )

    def panel(self, placed: PlacedPanel) -> None:
        """One panel with all that belongs to it."""
        paper = self.paper
        axes = self.figure.add_axes(_rect(self.page, placed.axes))
        axes.set_axis_off()
        extent = placed.panel.extent
        room = (placed.axes.height, placed.axes.width)
        axes.set_xlim(extent.left, extent.right)
        axes.set_ylim(extent.bottom, extent.top)
        for layer in placed.panel.layers:
            paint(axes, layer, room, paper, self.copies)
            axes.set_xlim(extent.left, extent.right)
            axes.set_ylim(extent.bottom, extent.top)
        lines = max(len(placed.heading), bool(placed.letter))
        top = placed.axes.top - 1.0 - lines * paper.heading * POINT * LINE
        left = placed.axes.left
        if placed.letter:
            self.lines((placed.letter,), top, left, size=paper.heading, weight="bold")
            left += width(placed.letter, paper.heading, paper, bold=True) + 2.0
        weight = "normal" if placed.letter else "bold"
        self.lines(placed.heading, top, left, size=paper.heading, weight=weight)
        if placed.panel.bar is not None and placed.bar is not None:
            self.bar(placed.panel.bar, bar_colors(placed.panel), placed.bar, placed.label)
        if paper.facts:
            self._facts(placed)

    def bar(
        self,
        scale: ColorScale,
        seen: UInt8[np.ndarray, "256 rgb"],
        box: Box,
        label: tuple[str, ...],
    ) -> None:
        """A slim bar between the ends of its range, its label beside it or below.

        It ends in an arrow where there are numbers beyond.
        """
        paper = self.paper
        low, high = shown_number(scale.low), shown_number(scale.high)
        left = box.left + width(low, paper.size, paper) + 1.2
        behind = width(high, paper.size, paper)
        room = box.right - left - behind - 1.2 if label else bar_room(scale, box.width, paper)
        right = left + max(min(room, LONGEST_BAR), 1.0)
        axes = self.figure.add_axes(_rect(self.page, Box(box.top, left, box.bottom, right)))
        axes.set_axis_off()
        colors = rearrange(seen, "entry rgb -> 1 entry rgb")
        tip = ARROW / (right - left)
        ends = tip * scale.below, 1.0 - tip * scale.above
        paint_image(axes, colors, Box(0.0, ends[0], 1.0, ends[1]), copies=self.copies)
        for there, at, point, color in (
            (scale.below, ends[0], 0.0, seen[0]),
            (scale.above, ends[1], 1.0, seen[-1]),
        ):
            if there:
                corners = [(at, 0.0), (point, 0.5), (at, 1.0)]
                shade = [part / 255 for part in color.tolist()]
                axes.add_patch(Polygon(corners, closed=True, facecolor=shade, linewidth=0))
        axes.set_xlim(0.0, 1.0)
        axes.set_ylim(1.0, 0.0)
        self._beside(box, low, box.left, INK)
        self._beside(box, high, right + 1.2, INK)
        if label:
            self.lines(label, box.bottom + 0.8, box.left, size=paper.size, color=QUIET)
        else:
            self._beside(box, scale.words, right + behind + 3.4, QUIET)

    def _beside(self, box: Box, text: str, left: float, color: str) -> None:
        """Text on the line of a colour bar."""
        page = self.page
        self.figure.text(
            left / page.width,
            1 - box.centre.row / page.height,
            self._letters(text),
            fontsize=self.paper.size,
            color=color,
            va="center_baseline",
            parse_math=False,
            family=family(self.paper.font, text),
        )

    def _facts(self, placed: PlacedPanel) -> None:
        size = self.paper.size
        names = tuple(name for name, _ in placed.panel.facts)
        values = tuple(value for _, value in placed.panel.facts)
        top, left = placed.facts.top, placed.facts.left
        self.lines(names, top, left, size=size, color=QUIET)
        self.lines(values, top, left + names_width(placed.panel.facts, self.paper), size=size)

    def _letters(self, text: str) -> str:
        return printable(text, self.paper.font)


def _rect(page: PaperPage, box: Box) -> tuple[float, float, float, float]:
    """A box in millimetres from the top as matplotlib's shares of the page from the bottom."""
    return (
        box.left / page.width,
        1 - box.bottom / page.height,
        box.width / page.width,
        box.height / page.height,
    )
