"""Where the panels of a drawing lie on paper, in millimetres from the top left corner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from string import ascii_lowercase

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing import Bars, Drawing, Labels, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.notation import shown_number
from vitviz.figures.paper import PaperStyle
from vitviz.figures.text import height, width, wrapped

MARGIN, GAP, BAR, SHORTEST_BAR = 4.0, 7.0, 2.0, 12.0
"""White around the page, between panels, a colour bar's height and least length, in millimetres."""

ONE_COLUMN = 110.0
"""Below this width, in millimetres, panels stand one below the other."""


@dataclass(frozen=True, slots=True)
class PlacedPanel:
    """One panel on the page: its heading, its axes, its colour bar and its facts."""

    panel: Panel
    heading: tuple[str, ...]
    letter: str
    axes: Box
    bar: Box | None
    label: tuple[str, ...]
    """The colour bar's label in lines below it; empty where it fits beside the bar."""
    facts: Box
    bottom: float


@dataclass(frozen=True, slots=True)
class PaperPage:
    """A drawing laid out; `bar` is the one colour bar of all its maps, `shared` its scale."""

    paper: PaperStyle
    width: float
    height: float
    title: tuple[str, ...]
    placed: tuple[PlacedPanel, ...]
    caption: tuple[str, ...]
    caption_top: float
    bar: Box | None = None
    label: tuple[str, ...] = ()
    shared: ColorScale | None = None


def lay_out(drawing: Drawing, paper: PaperStyle) -> PaperPage:
    """The rows of panels one below the other, each as high as its highest panel."""
    room = paper.width_mm - 2 * MARGIN
    shared = _shared(drawing) if paper.bars == "shared" else None
    title = tuple(wrapped(drawing.title, room, paper.headline, paper, bold=True))
    title = title if paper.title else ()
    top = MARGIN + height(len(title), paper.headline) + (2.5 if title else 0)
    placed: list[PlacedPanel] = []
    letters, names = _letters(paper), _names_room(drawing, paper)
    for row in _rows(drawing, paper):
        bars = paper.bars == "each" or (paper.bars != "none" and shared is None)
        rules = _Row(paper, room, _gap(row), bars, names)
        done = rules.placed(row, top, letters)
        placed.extend(done)
        top = max((one.bottom for one in done), default=top) + rules.below
    below = rules.below if placed else 0.0
    bar = (
        None
        if shared is None
        else Box(top - below + 3, MARGIN, top - below + 3 + BAR, MARGIN + room)
    )
    label = () if bar is None or shared is None else _label_below(shared, room, paper)
    bottom = top - below if bar is None else bar.bottom + 0.8 + height(len(label), paper.size)
    caption = _caption(drawing, room, paper)
    caption_top = bottom + 4
    if caption:
        bottom = caption_top + height(len(caption), paper.size)
    return PaperPage(
        paper,
        paper.width_mm,
        bottom + MARGIN,
        title,
        tuple(placed),
        caption,
        caption_top,
        bar,
        label,
        shared,
    )


def _rows(drawing: Drawing, paper: PaperStyle) -> tuple[tuple[Panel, ...], ...]:
    """The rows as they are; on narrow paper one panel below the other."""
    if paper.grid or paper.width_mm >= ONE_COLUMN:
        return drawing.rows
    return tuple((panel,) for panel in drawing.panels)


def _gap(row: tuple[Panel, ...]) -> float:
    """White between the panels of a row: less where there are many."""
    return GAP if len(row) <= 3 else GAP / 2 if len(row) <= 6 else GAP / 5


def _letters(paper: PaperStyle) -> Iterator[str]:
    """a, b, c, ... aa, ab, ...; nothing where none are wanted."""
    count = 0
    while True:
        first, last = divmod(count, 26)
        letter = (ascii_lowercase[first - 1] if first else "") + ascii_lowercase[last]
        yield letter if paper.letters else ""
        count += 1


def _names_room(drawing: Drawing, paper: PaperStyle) -> float:
    """Room for the names of rows, in millimetres."""
    named = [panel.layers for panel in drawing.panels if _is_label(panel)]
    names = [
        label.text
        for layers in named
        for layer in layers
        if isinstance(layer, Labels)
        for label in layer.labels
    ]
    return max((width(name, paper.size * 6 / 7, paper) for name in names), default=0.0) + 1.0


def _shared(drawing: Drawing) -> ColorScale | None:
    """The scale of all colour bars, where they have only one; its arrows say what is so of any."""
    bars = [panel.bar for panel in drawing.panels if panel.bar is not None]
    scales = {replace(bar, below=False, above=False) for bar in bars}
    if len(scales) != 1:
        return None
    below, above = (any(getattr(bar, side) for bar in bars) for side in ("below", "above"))
    return replace(scales.pop(), below=below, above=above)


def _caption(drawing: Drawing, room: float, paper: PaperStyle) -> tuple[str, ...]:
    if not paper.caption:
        return ()
    parts = (drawing.caption, _made_from(drawing), drawing.known, _options(drawing))
    return tuple(line for part in parts for line in wrapped(part, room, paper.size, paper))


def _made_from(drawing: Drawing) -> str:
    """The model and the picture, by name: a printed figure has lost its recipe."""
    recipe = dict(drawing.recipe)
    names = ["model", "picture"]
    for name in ("model", "patch", "picture"):
        other = f"against {name}"
        if other in recipe and recipe[other] != recipe.get(name):
            names += [other] if name in names else [name, other]
    return " · ".join(f"{name}: {recipe[name]}" for name in names if name in recipe)


def _options(drawing: Drawing) -> str:
    """The options that were chosen."""
    named = (f"{name.replace('_', ' ')} {_said(value)}" for name, value in drawing.options)
    return " · ".join(named)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class _Row:
    """How a row of panels is laid out in `room` millimetres."""

    paper: PaperStyle
    room: float
    gap: float
    bars: bool
    names: float

    @property
    def below(self) -> float:
        """White under the row."""
        return max(self.gap, 1.5)

    def placed(
        self, row: tuple[Panel, ...], top: float, letters: Iterator[str]
    ) -> list[PlacedPanel]:
        """The panels of a row whose upper edge is at `top`."""
        paper, sizes = self.paper, self._sizes(row)
        starts = [MARGIN]
        for _, across in sizes:
            starts.append(starts[-1] + across + self.gap)
        ends = [start - self.gap for start in starts[1:-1]] + [MARGIN + self.room]
        named = [next(letters) if _has_content(panel) else "" for panel in row]
        headings = [
            tuple(
                wrapped(
                    panel.title if paper.labels else "",
                    end
                    - start
                    - (width(f"{letter} ", paper.heading, paper, True) + 1.2 if letter else 0),
                    paper.heading,
                    paper,
                    bold=True,
                )
            )
            for panel, start, end, letter in zip(row, starts, ends, named, strict=False)
        ]
        lines = max(
            len(lines) or bool(letter) for lines, letter in zip(headings, named, strict=True)
        )
        below = top + height(lines, paper.heading) + (1.0 if lines else 0)
        beside = len(row) == 1 and self.room - sizes[0][1] >= 45
        return [
            self._one(
                panel,
                heading,
                letter,
                Box(below, start, below + size[0], start + size[1]),
                end,
                beside,
            )
            for panel, heading, letter, start, end, size in zip(
                row, headings, named, starts, ends, sizes, strict=False
            )
        ]

    def _sizes(self, row: tuple[Panel, ...]) -> list[tuple[float, float]]:
        """(height, width) of each panel's axes: by weight, none higher than the first, the row full."""
        if len(row) > 1 and _is_label(row[0]):
            rest = replace(self, room=self.room - self.names - self.gap)._sizes(row[1:])
            return [(rest[0][0], self.names), *rest]
        high = 0.62 if self.paper.width_mm >= ONE_COLUMN else 1.0
        free, tallest = self.room - self.gap * (len(row) - 1), high * self.room
        total = sum(panel.weight for panel in row) or 1.0
        shares = [free * panel.weight / total for panel in row]
        main, _ = _fit(row[0], shares[0], tallest, self.paper)
        sizes = [
            _fit(panel, one, main * 1.04, self.paper)
            for panel, one in zip(row, shares, strict=True)
        ]
        grow = min(free / sum(across for _, across in sizes), tallest / main)
        if len(row) == 1 or grow <= 1:
            return sizes
        return [(down * grow, across * grow) for down, across in sizes]

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
        label: tuple[str, ...] = ()
        if panel.bar is not None and self.bars:
            bar = Box(bottom + 1.8, axes.left, bottom + 1.8 + BAR, end)
            label = _label_below(panel.bar, bar.width, paper)
            bottom = bar.bottom + 0.8 + height(len(label), paper.size)
        lines = height(len(panel.facts) if paper.facts else 0, paper.size)
        if beside:
            facts = Box(axes.top, axes.right + GAP, axes.top + lines, end)
            bottom = max(bottom, facts.bottom)
        else:
            facts = Box(bottom + 1.2, axes.left, bottom + 1.2 + lines, end)
            bottom = facts.bottom if panel.facts and paper.facts else bottom
        return PlacedPanel(panel, heading, letter, axes, bar, label, facts, bottom)


def _is_label(panel: Panel) -> bool:
    """Whether a panel only says what stands in its row."""
    return bool(panel.layers) and all(isinstance(layer, Labels) for layer in panel.layers)


def _has_content(panel: Panel) -> bool:
    """Whether a panel shows something, rather than names its row or fills it."""
    return bool(panel.layers) and not _is_label(panel)


def _fit(panel: Panel, room: float, tallest: float, paper: PaperStyle) -> tuple[float, float]:
    """(height, width) of a panel's axes in a column of `room`."""
    bars = [layer for layer in panel.layers if isinstance(layer, Bars)]
    if bars:
        return paper.size / 7 * 8.5 * max(len(bars[0].names), 1), min(room, 100.0)
    high = room * panel.extent.height / max(panel.extent.width, 1e-9)
    shrink = min(1.0, tallest / high)
    return high * shrink, room * shrink


def bar_room(scale: ColorScale, room: float, paper: PaperStyle) -> float:
    """How long a colour bar may be beside its two numbers and its label."""
    texts = (shown_number(scale.low), shown_number(scale.high), scale.words)
    return room - sum(width(text, paper.size, paper) for text in texts) - 4.6


def _label_below(scale: ColorScale, room: float, paper: PaperStyle) -> tuple[str, ...]:
    if bar_room(scale, room, paper) >= SHORTEST_BAR:
        return ()
    return tuple(wrapped(scale.words, room, paper.size, paper))


def names_width(facts: tuple[tuple[str, str], ...], paper: PaperStyle) -> float:
    """Room for the names of facts, so that their values stand in one column."""
    return max((width(name, paper.size, paper) for name, _ in facts), default=0.0) + 3
