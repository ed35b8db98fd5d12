"""Plots and tables on paper: the same numbers as on screen, with axes that can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from vitviz.core.data.plots import Curve, Plot, Table, Tone
from vitviz.core.notation import shown_number
from vitviz.figures.paper import PaperStyle
from vitviz.figures.text import LINE, POINT, family, fitted, printable, width, wrapped

TONES: dict[Tone, str] = {
    "plain": "#5c636e",
    "chosen": "#dd4a1c",
    "second": "#2f6fb3",
    "third": "#23845a",
    "quiet": "#9aa1ab",
}
INK, QUIET, FAINT = "#1a1c20", "#5c636e", "#dcdfe4"


class _Area:
    """The plotted area inside a panel's axes, in shares of them."""

    def __init__(
        self, plot: Plot, room: tuple[float, float], paper: PaperStyle, legend: int
    ) -> None:
        line = paper.size * POINT * LINE
        numbers = (
            width(_said(tick), paper.size, paper)
            for most in (3, 6, 12, 24)
            for tick in plot.y.ticks(most)
        )
        self.left = (max(numbers, default=0.0) + 1.5) / room[1]
        self.right = 1 - 1.5 / room[1]
        self.bottom = (2 * line + 1) / room[0]
        self.top = 1 - ((1.5 + legend) * line + 1.2) / room[0]  # half a line for the highest number

    def x(self, share: Any) -> Any:
        """Across the panel."""
        return self.left + share * (self.right - self.left)

    def y(self, share: Any) -> Any:
        """Up the panel."""
        return self.bottom + share * (self.top - self.bottom)


def paint_plot(axes: Axes, plot: Plot, room: tuple[float, float], paper: PaperStyle) -> None:
    """Curves, ticks, labels and the names of the curves, into axes of `room` millimetres."""
    placed = _legend(plot, room, paper)
    area = _Area(plot, room, paper, max((each.below for each in placed), default=0))
    text: dict[str, Any] = {
        "transform": axes.transAxes,
        "fontsize": paper.size,
        "parse_math": False,
        "family": family(paper.font, _words_of(plot)),
    }
    step = paper.size * POINT * LINE / room[0]
    for name in placed:
        curve, left = name.curve, name.left
        middle = 1 - (name.line + 0.4) * step
        dot: dict[str, Any] = (
            {"marker": "o", "markersize": 3, "linestyle": ""} if curve.kind == "points" else {}
        )
        span = [left / room[1], (left + 3) / room[1]] if not dot else [(left + 1.5) / room[1]]
        axes.plot(
            span,
            [middle] * len(span),
            color=TONES[curve.tone],
            linewidth=1.2,
            transform=axes.transAxes,
            **dot,
        )
        for at, words in enumerate(name.words):
            axes.text(
                (left + 4) / room[1],
                middle - at * step,
                printable(words, paper.font),
                color=QUIET,
                va="center_baseline",
                **text,
            )
    _frame(axes, plot, area, room, paper, text)
    for curve in plot.curves:
        _curve(axes, plot, curve, area)


def _frame(
    axes: Axes, plot: Plot, area: _Area, room: tuple[float, float], paper: PaperStyle, text: Any
) -> None:
    """Thin lines at round numbers, the numbers, and what they are."""
    step = paper.size * POINT * LINE / room[0]
    high, wide = (area.top - area.bottom) * room[0], (area.right - area.left) * room[1]
    for tick in plot.y.ticks(max(int(high / (paper.size * 0.9)), 1)):
        y = area.y(plot.y.at(tick))
        axes.plot(
            [area.left, area.right],
            [y, y],
            color=FAINT,
            linewidth=0.4,
            transform=axes.transAxes,
            zorder=0.5,
        )
        axes.text(
            area.left - 1 / room[1],
            y,
            _said(tick),
            color=QUIET,
            ha="right",
            va="center_baseline",
            **text,
        )
    for tick in plot.x.ticks(max(int(wide / (paper.size * 1.6)), 1)):
        x = area.x(plot.x.at(tick))
        axes.text(
            x, area.bottom - 0.6 / room[0], _said(tick), color=QUIET, ha="center", va="top", **text
        )
    up, along = (
        fitted(each.label, room[1] * area.right, paper.size, paper) for each in (plot.y, plot.x)
    )
    axes.text(0, area.top + 0.8 * step, printable(up, paper.font), color=QUIET, **text)
    axes.text(
        area.right, 0, printable(along, paper.font), color=QUIET, ha="right", va="bottom", **text
    )


def _curve(axes: Axes, plot: Plot, curve: Curve, area: _Area) -> None:
    across = area.x(plot.x.share(np.asarray(curve.x, np.float64)))
    up = area.y(plot.y.share(np.asarray(curve.y, np.float64)))
    firm = curve.tone == "chosen"
    style: dict[str, Any] = {"linewidth": 1.4 if firm else 1.0}
    if curve.kind == "points":
        style = {
            "linestyle": "",
            "marker": "o",
            "markersize": 4.4 if firm else 3.2,
            "markeredgewidth": 0,
            "alpha": 1.0 if firm else 0.75,
        }
    (drawn,) = axes.plot(across, up, color=TONES[curve.tone], transform=axes.transAxes, **style)
    air = 0.02
    drawn.set_clip_path(
        Rectangle(
            (area.left - air, area.bottom - air),
            area.right - area.left + 2 * air,
            area.top - area.bottom + 2 * air,
            transform=axes.transAxes,
        )
    )


@dataclass(frozen=True, slots=True)
class _Name:
    """A curve's name above a plot: on which line and how far from the left, in millimetres."""

    curve: Curve
    line: int
    left: float
    words: tuple[str, ...]

    @property
    def below(self) -> int:
        """The first line that is free again."""
        return self.line + len(self.words)


def _legend(plot: Plot, room: tuple[float, float], paper: PaperStyle) -> list[_Name]:
    """Every name; one that is wider than the plot takes several lines."""
    placed: list[_Name] = []
    line, left = 0, 0.0
    for curve in plot.curves:
        if not curve.name:
            continue
        needs = width(curve.name, paper.size, paper) + 4
        if left and left + needs > room[1]:
            line, left = placed[-1].below, 0.0
        words: tuple[str, ...] = (curve.name,)
        if needs > room[1]:
            words = tuple(wrapped(curve.name, room[1] - 4, paper.size, paper))
        placed.append(_Name(curve, line, left, words))
        left += needs + 4
    return placed


def _words_of(plot: Plot) -> str:
    """All that is written into a plot, for a font that has its letters."""
    return "".join((plot.x.label, plot.y.label, *(each.name for each in plot.curves)))


def paint_table(axes: Axes, table: Table, room: tuple[float, float], paper: PaperStyle) -> None:
    """Lines of text in columns, in type that fits, into axes of `room` millimetres."""
    lines = (table.columns, *table.rows)
    needs = [
        max(width(text, paper.size, paper) for text in column) + 2.5
        for column in zip(*lines, strict=True)
    ]
    step = 1 / len(lines)
    fit = min(1.0, room[1] / sum(needs), room[0] * step / (paper.size * POINT * LINE))
    size, stretch = paper.size * fit, min(room[1] / sum(needs), fit * 1.6)
    whole = sum(needs) * stretch / room[1]
    if table.chosen is not None:
        marked = Rectangle(
            (0, 1 - (table.chosen + 2) * step),
            whole,
            step,
            linewidth=0,
            color=TONES["chosen"],
            alpha=0.15,
            transform=axes.transAxes,
        )
        axes.add_patch(marked)
    axes.plot(
        [0, whole], [1 - step, 1 - step], color=FAINT, linewidth=0.5, transform=axes.transAxes
    )
    for index, row in enumerate(lines):
        left = 0.0
        for column, (cell, need) in enumerate(zip(row, needs, strict=True)):
            span = need * stretch
            number = table.numeric[column]
            axes.text(
                (left + (span - 1.6 if number else 0.6)) / room[1],
                1 - (index + 0.5) * step,
                printable(cell, paper.font),
                ha="right" if number else "left",
                va="center_baseline",
                fontsize=size,
                parse_math=False,
                family=family(paper.font, cell),
                color=QUIET if index == 0 or column == 0 else INK,
                transform=axes.transAxes,
            )
            left += span


def _said(value: float) -> str:
    return shown_number(value, 6)
