"""A drawing as a matplotlib figure, for papers: light, with real text and every range named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from einops import rearrange
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import is_color_like
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from vitviz.core.colors import ColorScale, table_colors
from vitviz.core.data.drawing import Drawing
from vitviz.core.data.geometry import Box
from vitviz.core.drawings.laid_maps import bar_colors
from vitviz.core.language import _
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.figures.color_bars import PlacedBar
from vitviz.figures.embedded import Copies
from vitviz.figures.layout import MARGIN, PaperPage, PlacedPanel, lay_out, paper_pages
from vitviz.figures.paint import INK, QUIET, paint, paint_image
from vitviz.figures.panel_rows import names_width
from vitviz.figures.paper import PaperStyle
from vitviz.figures.text import LINE, MM, POINT, family, printable, typeset, width
from vitviz.figures.thumbnails import Thumbnails

ARROW = 1.6
"""How long the arrow at the end of a colour bar is, in millimetres."""


def render(
    drawing: Drawing,
    *,
    width_mm: float | None = None,
    vector: bool = False,
    paper: PaperStyle | None = None,
) -> Figure:
    """The drawing on one page, as wide as asked and as high as it needs.

    `vector` leaves images at their own size, to be embedded in PDF or SVG. `width_mm` replaces the
    paper's. VitvizError for a width that no figure can have.
    """
    paper = paper or PaperStyle()
    if width_mm is not None:
        paper = replace(paper, width_mm=width_mm)
    return _printed(lay_out(drawing, paper), {} if vector else None)


def render_pages(drawing: Drawing, paper: PaperStyle, *, vector: bool = False) -> Iterator[Figure]:
    """The drawing on as many pages as the paper's height makes of it, one after the other."""
    return (_printed(page, {} if vector else Thumbnails()) for page in paper_pages(drawing, paper))


def _printed(page: PaperPage, copies: Copies | Thumbnails | None) -> Figure:
    paper = page.paper
    figure = Figure(figsize=(page.width * MM, page.height * MM), facecolor=background(paper))
    if isinstance(copies, Thumbnails):
        figure.set_dpi(paper.dpi)
    printed = _Printed(figure, page, copies)
    printed.lines(page.title, MARGIN, MARGIN, size=paper.headline, weight="bold")
    for placed in page.placed:
        printed.panel(placed)
    for bar in page.bars:
        printed.bar(bar, _colors_of(bar.scale, page))
    printed.lines(page.caption, page.caption_top, MARGIN, size=paper.size, color=QUIET)
    return figure


def pixels(drawing: Drawing, paper: PaperStyle) -> UInt8[np.ndarray, "row col rgba"]:
    """The drawing on one page as a PNG shows it, at the paper's resolution."""
    return _pixels(_printed(lay_out(drawing, paper), Thumbnails()))


def page_pixels(
    drawing: Drawing, paper: PaperStyle, progress: Progress = silent
) -> list[UInt8[np.ndarray, "row col rgba"]]:
    """Every page as its PNG shows it."""
    pages, found = paper_pages(drawing, paper), []
    for at, page in enumerate(pages):
        progress(
            at, len(pages), _("printing page {at} of {count}").format(at=at + 1, count=len(pages))
        )
        found.append(_pixels(_printed(page, Thumbnails())))
    return found


def _pixels(figure: Figure) -> UInt8[np.ndarray, "row col rgba"]:
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
            _("there is no colour {background!r}; take white, transparent or #rrggbb").format(
                background=paper.background
            )
        )
    return paper.background


@dataclass(frozen=True, slots=True)
class _Printed:
    """A figure that is being printed."""

    figure: Figure
    page: PaperPage
    copies: Copies | Thumbnails | None

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
            _show(axes, extent)
            paint(axes, layer, room, paper, self.copies)
        _show(axes, extent)
        size = placed.size
        lines = max(len(placed.heading), bool(placed.letter))
        top = placed.axes.top - 1.0 - lines * size * POINT * LINE
        left = placed.axes.left
        if placed.letter:
            self.lines((placed.letter,), top, left, size=size, weight="bold")
            left += width(placed.letter, size, paper, bold=True) + 2.0
        weight = "normal" if placed.letter else "bold"
        self.lines(placed.heading, top, left, size=size, weight=weight)
        if placed.bar is not None:
            self.bar(placed.bar, bar_colors(placed.panel))
        if paper.facts:
            self._facts(placed)

    def bar(self, placed: PlacedBar, seen: UInt8[np.ndarray, "256 rgb"]) -> None:
        """A slim bar, the ends of its range and its label around it.

        It ends in an arrow where there are numbers beyond.
        """
        page, strip, scale = self.page, placed.strip, placed.scale
        axes = self.figure.add_axes(_rect(page, strip))
        axes.set_axis_off()
        _show(axes, Box(0.0, 0.0, 1.0, 1.0))
        tip = min(ARROW / strip.width, 0.25)
        ends = tip * scale.below, 1.0 - tip * scale.above
        colors = rearrange(seen, "entry rgb -> 1 entry rgb")
        paint_image(axes, colors, Box(0.0, ends[0], 1.0, ends[1]), copies=self.copies)
        for there, at, point, color in (
            (scale.below, ends[0], 0.0, seen[0]),
            (scale.above, ends[1], 1.0, seen[-1]),
        ):
            if there:
                corners = [(at, 0.0), (point, 0.5), (at, 1.0)]
                shade = [part / 255 for part in color.tolist()]
                axes.add_patch(Polygon(corners, closed=True, facecolor=shade, linewidth=0))
        _show(axes, Box(0.0, 0.0, 1.0, 1.0))
        for text in placed.texts:
            self.figure.text(
                text.left / page.width,
                1 - text.middle / page.height,
                self._letters(text.text),
                fontsize=text.size,
                color=QUIET if text.quiet else INK,
                va="center_baseline",
                parse_math=False,
                family=family(self.paper.font, text.text),
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


def _show(axes: Axes, extent: Box) -> None:
    """What of a panel is visible; painting an image shows all of it."""
    axes.set_xlim(extent.left, extent.right)
    axes.set_ylim(extent.bottom, extent.top)


def _colors_of(scale: ColorScale, page: PaperPage) -> UInt8[np.ndarray, "256 rgb"]:
    """What a bar at the foot shows: the colours as a panel that it is about has them."""
    whose = (one.panel for one in page.placed if one.panel.bar is not None)
    ends = scale.low, scale.high, scale.label, scale.unit, scale.table
    for panel in whose:
        bar = panel.bar
        if bar and ends == (bar.low, bar.high, bar.label, bar.unit, bar.table):
            return bar_colors(panel)
    return table_colors(scale.table)


def _rect(page: PaperPage, box: Box) -> tuple[float, float, float, float]:
    """A box in millimetres from the top as matplotlib's shares of the page from the bottom."""
    return (
        box.left / page.width,
        1 - box.bottom / page.height,
        box.width / page.width,
        box.height / page.height,
    )
