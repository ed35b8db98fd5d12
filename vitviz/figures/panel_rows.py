"""One row of panels on paper: how large each is, and where its heading, bar and facts lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vitviz.core.data.drawing import Bars, Label, Labels, Panel
from vitviz.core.data.geometry import Box
from vitviz.figures.color_bars import ROOMY, BarForm, EndsType, PlacedBar, ends_type, placed_bar
from vitviz.figures.paper import PaperStyle
from vitviz.figures.text import height, width, wrapped

MARGIN, GAP = 4.0, 7.0
"""White around the page and between panels, in millimetres."""
ONE_COLUMN = 110.0
"""Below this width, in millimetres, panels stand one below the other."""
_NAMES_AT_MOST, _SMALLEST_HEADING, _ONE_LINE = 0.2, 3.0, 0.7
"""The most that the names of rows have of the page's width, the least type of headings, and how much
smaller they may be made to stay on one line.
"""


@dataclass(frozen=True, slots=True)
class PlacedPanel:
    """One panel on the page: its heading, its axes, its colour bar and its facts."""

    panel: Panel
    heading: tuple[str, ...]
    letter: str
    size: float
    """Of the heading's type, in points."""
    axes: Box
    bar: PlacedBar | None
    facts: Box
    bottom: float

    def lowered(self, by: float) -> PlacedPanel:
        """The same so many millimetres further down."""
        return replace(
            self,
            axes=_lowered(self.axes, by),
            bar=None if self.bar is None else lowered_bar(self.bar, by),
            facts=_lowered(self.facts, by),
            bottom=self.bottom + by,
        )


def lowered_bar(bar: PlacedBar, by: float) -> PlacedBar:
    """A colour bar so many millimetres further down."""
    texts = tuple(replace(text, middle=text.middle + by) for text in bar.texts)
    return replace(bar, strip=_lowered(bar.strip, by), texts=texts, bottom=bar.bottom + by)


def _lowered(box: Box, by: float) -> Box:
    return replace(box, top=box.top + by, bottom=box.bottom + by)


@dataclass(frozen=True, slots=True)
class PanelRow:
    """How a row of panels is laid out in `room` millimetres.

    `tallest` is what the axes may have at most, `names` what the names of rows need. `form` is the
    form that all bars have at least, `labelled` whether each says what its numbers are, `heading` the
    size of headings, `ends` how the ends of ranges are written at most.
    """

    paper: PaperStyle
    room: float
    gap: float
    below: float
    """White under the row."""
    names: float
    tallest: float
    bars: bool = True
    form: BarForm = "one line"
    labelled: bool = True
    heading: float = 8.0
    ends: EndsType = ROOMY

    def placed(self, row: Sequence[Panel], letters: Sequence[str]) -> list[PlacedPanel]:
        """The panels of a row whose upper edge is at 0."""
        paper, sizes = self.paper, self.sizes(row)
        starts, ends = self._edges(sizes)
        headings = [
            self._heading(panel, end - start, letter)
            for panel, start, end, letter in zip(row, starts, ends, letters, strict=True)
        ]
        lines = max(
            len(lines) or bool(letter) for lines, letter in zip(headings, letters, strict=True)
        )
        below = height(lines, self.heading) + (1.0 if lines else 0)
        beside = len(row) == 1 and self.room - sizes[0][1] >= 45
        return [
            self._one(
                _with_wrapped_names(panel, self.names, paper),
                heading,
                letter,
                Box(below, start, below + size[0], start + size[1]),
                end,
                beside,
            )
            for panel, heading, letter, start, end, size in zip(
                row, headings, letters, starts, ends, sizes, strict=True
            )
        ]

    def sizes(self, row: Sequence[Panel]) -> list[tuple[float, float]]:
        """(height, width) of each panel's axes: by weight, none higher than the first, the row full."""
        maps = [panel for panel in row if not is_label(panel)]
        named = len(row) - len(maps)
        free = self.room - named * self.names - self.gap * (len(row) - 1)
        found = iter(self._shared(maps, free))
        sizes = [None if is_label(panel) else next(found) for panel in row]
        high = next((size[0] for size in sizes if size is not None), self.tallest)
        return [(high, self.names) if size is None else size for size in sizes]

    def _shared(self, row: Sequence[Panel], free: float) -> list[tuple[float, float]]:
        if not row:
            return []
        total = sum(panel.weight for panel in row) or 1.0
        shares = [free * panel.weight / total for panel in row]
        main, _ = _fit(row[0], shares[0], self.tallest, self.paper)
        sizes = [
            _fit(panel, one, main * 1.04, self.paper)
            for panel, one in zip(row, shares, strict=True)
        ]
        grow = min(free / sum(across for _, across in sizes), self.tallest / main)
        if len(row) == 1 or grow <= 1:
            return sizes
        return [(down * grow, across * grow) for down, across in sizes]

    def heading_size(self, row: Sequence[Panel]) -> float:
        """The type in which no word of a heading is broken, as far as that can be read."""
        starts, ends = self._edges(self.sizes(row))
        size = self.heading
        for panel, start, end in zip(row, starts, ends, strict=True):
            room = end - start - 0.2
            fits = [
                room / max(width(text, self.heading, self.paper, True), room)
                for text in (panel.title, *panel.title.split())
            ]
            if fits[0] < _ONE_LINE:  # in several lines, none of its words broken
                fits = fits[1:]
            size = min([size, *(self.heading * fit for fit in fits)])
        return max(size, _SMALLEST_HEADING)

    def ends_type(self, row: Sequence[Panel]) -> EndsType:
        """How the ends of all ranges of the row can be written below its bars."""
        found = ROOMY
        for panel, (_, across) in zip(row, self.sizes(row), strict=True):
            if panel.bar is not None:
                own = ends_type([panel.bar], across, self.paper)
                found = EndsType(min(found.size, own.size), min(found.digits, own.digits))
        return found

    def _edges(self, sizes: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
        """Where each panel begins, and how far to the right it may go."""
        starts = [MARGIN]
        for _, across in sizes:
            starts.append(starts[-1] + across + self.gap)
        ends = [start - self.gap for start in starts[1:]]
        if self.form != "numbers below":
            ends[-1] = MARGIN + self.room
        return starts[:-1], ends

    def _heading(self, panel: Panel, room: float, letter: str) -> tuple[str, ...]:
        taken = width(f"{letter} ", self.heading, self.paper, True) + 1.2 if letter else 0
        title = panel.title if self.paper.labels else ""
        return tuple(wrapped(title, room - taken, self.heading, self.paper, bold=True))

    def _one(
        self,
        panel: Panel,
        heading: tuple[str, ...],
        letter: str,
        axes: Box,
        end: float,
        beside: bool,
    ) -> PlacedPanel:
        """What belongs to a panel, below its axes; its facts beside them where there is room."""
        paper, bottom, bar = self.paper, axes.bottom, None
        if panel.bar is not None and self.bars:
            room = axes.width if self.form == "numbers below" else end - axes.left
            bar = placed_bar(
                panel.bar,
                bottom + 1.8,
                axes.left,
                room,
                paper,
                form=self.form,
                labelled=self.labelled,
                ends=self.ends,
            )
            bottom = bar.bottom
        lines = height(len(panel.facts) if paper.facts else 0, paper.size)
        if beside:
            facts = Box(axes.top, axes.right + GAP, axes.top + lines, end)
            bottom = max(bottom, facts.bottom)
        else:
            facts = Box(bottom + 1.2, axes.left, bottom + 1.2 + lines, end)
            bottom = facts.bottom if panel.facts and paper.facts else bottom
        return PlacedPanel(panel, heading, letter, self.heading, axes, bar, facts, bottom)


def gap_of(row: Sequence[Panel], grid: bool) -> float:
    """White between the panels of a row, in millimetres: less where there are many."""
    if grid:
        return GAP / 3 if len(row) <= 6 else GAP / 5
    return GAP if len(row) <= 3 else GAP / 2 if len(row) <= 6 else GAP / 5


def is_label(panel: Panel) -> bool:
    """Whether a panel only says what stands in its row."""
    return bool(panel.layers) and all(isinstance(layer, Labels) for layer in panel.layers)


def has_content(panel: Panel) -> bool:
    """Whether a panel shows something, rather than names its row or fills it."""
    return bool(panel.layers) and not is_label(panel)


def names_room(panels: Sequence[Panel], paper: PaperStyle) -> float:
    """Room for the names of rows, in millimetres; long ones take several lines."""
    longest = max((width(name, _names_size(paper), paper) for name in _names(panels)), default=0.0)
    return min(longest, _NAMES_AT_MOST * paper.width_mm) + 1.0


def _names_size(paper: PaperStyle) -> float:
    return paper.size * 6 / 7


def _names(panels: Sequence[Panel]) -> list[str]:
    return [
        label.text
        for panel in panels
        if is_label(panel)
        for layer in panel.layers
        if isinstance(layer, Labels)
        for label in layer.labels
    ]


def _with_wrapped_names(panel: Panel, room: float, paper: PaperStyle) -> Panel:
    """The name of a row in as many lines as it needs."""
    if not is_label(panel):
        return panel

    def fitted(label: Label) -> Label:
        lines = wrapped(label.text, room, _names_size(paper), paper)
        return replace(label, text="\n".join(lines))

    layers = tuple(
        Labels(tuple(map(fitted, layer.labels)), layer.role)
        for layer in panel.layers
        if isinstance(layer, Labels)
    )
    return replace(panel, layers=layers)


def _fit(panel: Panel, room: float, tallest: float, paper: PaperStyle) -> tuple[float, float]:
    """(height, width) of a panel's axes in a column of `room`."""
    bars = [layer for layer in panel.layers if isinstance(layer, Bars)]
    if bars:
        return paper.size / 7 * 8.5 * max(len(bars[0].names), 1), min(room, 100.0)
    high = room * panel.extent.height / max(panel.extent.width, 1e-9)
    shrink = min(1.0, tallest / high)
    return high * shrink, room * shrink


def names_width(facts: tuple[tuple[str, str], ...], paper: PaperStyle) -> float:
    """Room for the names of facts, so that their values stand in one column."""
    return max((width(name, paper.size, paper) for name, _ in facts), default=0.0) + 3
