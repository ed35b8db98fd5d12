"""Where the panels of a drawing lie on paper, in millimetres from the top left corner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing import Drawing
from vitviz.core.drawings.shared_ranges import one_for_each_quantity
from vitviz.core.language import _
from vitviz.figures.captions import caption_lines
from vitviz.figures.color_bars import PlacedBar, bar_label, placed_bar
from vitviz.figures.page_breaks import PageRows, is_grid, pages_of
from vitviz.figures.panel_rows import MARGIN, PlacedPanel, lowered_bar
from vitviz.figures.paper import PaperStyle
from vitviz.figures.text import height, width, wrapped

__all__ = ["MARGIN", "PaperPage", "PlacedPanel", "lay_out", "paper_pages"]

_MOST_BARS = 3
"""Quantities that have their bars at the foot of a page; those of more stand below their maps."""


@dataclass(frozen=True, slots=True)
class PaperPage:
    """A page laid out; `bars` are those of all its maps, at its foot."""

    paper: PaperStyle
    width: float
    height: float
    title: tuple[str, ...]
    placed: tuple[PlacedPanel, ...]
    bars: tuple[PlacedBar, ...]
    caption: tuple[str, ...]
    caption_top: float


def lay_out(drawing: Drawing, paper: PaperStyle) -> PaperPage:
    """The rows of panels one below the other on one page, as high as it needs to be."""
    (page,) = paper_pages(drawing, replace(paper, height_mm=None))
    return page


def paper_pages(drawing: Drawing, paper: PaperStyle) -> tuple[PaperPage, ...]:
    """The rows of panels one below the other, on as many pages as the paper's height makes of them.

    Each page has the title, the bars and the caption: it can be read alone.
    """
    drawing = one_for_each_quantity(drawing) if paper.bars == "shared" else drawing
    room = paper.width_mm - 2 * MARGIN
    foot = _foot(drawing) if paper.bars == "shared" else ()
    labelled = paper.bars == "none" or bool(foot) or not _one_label(drawing)
    caption = caption_lines(drawing, paper, room, one_label=not labelled)
    bars = _bars(foot, room, paper)
    below = 3 + bars[-1].bottom if bars else 0.0
    below += (4 + height(len(caption), paper.size) if caption else 0) + MARGIN
    each = paper.bars != "none" and not foot

    def broken(title: tuple[str, ...]) -> list[PageRows]:
        high = paper.height_mm
        left = None if high is None else max(high - _top(title, paper) - below, 30.0)
        return pages_of(drawing, paper, room=left, bars=each, labelled=labelled)

    pages = broken(_title(drawing.title, room, paper))
    if len(pages) > 1:  # the title says which of them, for which it may need another line
        pages = broken(_title(drawing.title, room, paper, 99, 99))
    return tuple(
        _page(rows, paper, _title(drawing.title, room, paper, at, len(pages)), bars, caption)
        for at, rows in enumerate(pages, start=1)
    )


def _top(title: tuple[str, ...], paper: PaperStyle) -> float:
    """Where the panels begin."""
    return MARGIN + height(len(title), paper.headline) + (2.5 if title else 0)


def _page(
    rows: PageRows,
    paper: PaperStyle,
    title: tuple[str, ...],
    bars: tuple[PlacedBar, ...],
    caption: tuple[str, ...],
) -> PaperPage:
    top = _top(title, paper)
    bottom = top + rows.height
    lowered = tuple(lowered_bar(bar, bottom + 3) for bar in bars)
    bottom = max((bar.bottom for bar in lowered), default=bottom)
    caption_top = bottom + 4
    if caption:
        bottom = caption_top + height(len(caption), paper.size)
    return PaperPage(
        paper,
        paper.width_mm,
        bottom + MARGIN,
        title,
        rows.placed(top),
        lowered,
        caption,
        caption_top,
    )


def _title(
    title: str, room: float, paper: PaperStyle, at: int = 1, count: int = 1
) -> tuple[str, ...]:
    """The title in lines, with which page of how many it is."""
    if not paper.title:
        return ()
    mark = _(" ({at} of {count})").format(at=at, count=count) if count > 1 else ""
    lines = wrapped(title, room, paper.headline, paper, bold=True)
    if mark and lines and width(lines[-1] + mark, paper.headline, paper, True) <= room:
        return (*lines[:-1], lines[-1] + mark)
    return tuple(wrapped(f"{title}{mark}", room, paper.headline, paper, bold=True))


def _foot(drawing: Drawing) -> tuple[ColorScale, ...]:
    """The scales whose bars stand at the foot of the page, one for each quantity."""
    scales = _unlike([panel.bar for panel in drawing.panels if panel.bar is not None])
    quantities = {(scale.label, scale.unit, scale.table) for scale in scales}
    return scales if len(quantities) == len(scales) <= _MOST_BARS else ()


def _unlike(bars: Sequence[ColorScale]) -> tuple[ColorScale, ...]:
    """Each scale once; its arrows say what is so of any panel that has it."""
    found: dict[ColorScale, ColorScale] = {}
    for bar in bars:
        one = replace(bar, below=False, above=False)
        before = found.get(one, one)
        found[one] = replace(one, below=before.below or bar.below, above=before.above or bar.above)
    return tuple(found.values())


def _bars(scales: tuple[ColorScale, ...], room: float, paper: PaperStyle) -> tuple[PlacedBar, ...]:
    """The bars at the foot, one below the other from 0."""
    found: list[PlacedBar] = []
    for scale in scales:
        top = found[-1].bottom + 1.6 if found else 0.0
        found.append(placed_bar(scale, top, MARGIN, room, paper))
    return tuple(found)


def _one_label(drawing: Drawing) -> str:
    """What all colour bars of a grid are about, where that is one thing: it is said once."""
    if not is_grid(drawing):
        return ""
    labels = {bar_label(panel.bar) for panel in drawing.panels if panel.bar is not None}
    return labels.pop() if len(labels) == 1 else ""
