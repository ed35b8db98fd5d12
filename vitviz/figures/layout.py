"""Where the panels of a drawing lie on paper, in millimetres from the top left corner."""

from __future__ import annotations

from dataclasses import dataclass

from vitviz.core.colors import Scale
from vitviz.core.drawing import Bars, Drawing, Panel
from vitviz.core.geometry import Box
from vitviz.figures.text import height, number, width, wrapped

TITLE, HEADING, BODY = 10.0, 8.0, 7.0
"""Sizes of type, in points."""
MARGIN, GAP, BAR, SHORTEST_BAR = 4.0, 7.0, 2.0, 12.0
"""White around the page, between panels, a colour bar's height and least length, in millimetres."""

ONE_COLUMN = 110.0
"""Below this width, in millimetres, panels stand one below the other."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One panel on the page: its heading, its axes, its colour bar and its facts."""

    panel: Panel
    heading: tuple[str, ...]
    axes: Box
    bar: Box | None
    label: tuple[str, ...]
    """The colour bar's label in lines below it; empty where it fits beside the bar."""
    facts: Box
    bottom: float


@dataclass(frozen=True, slots=True)
class Page:
    """A drawing laid out."""

    width: float
    height: float
    title: tuple[str, ...]
    placed: tuple[Placed, ...]
    caption: tuple[str, ...]
    caption_top: float


def lay_out(drawing: Drawing, page_width: float) -> Page:
    """The rows of panels one below the other, each as high as its highest panel."""
    room = page_width - 2 * MARGIN
    title = tuple(wrapped(drawing.title, room, TITLE, bold=True))
    top = MARGIN + height(len(title), TITLE) + (2.5 if title else 0)
    placed: list[Placed] = []
    narrow = page_width < ONE_COLUMN
    for row in ((panel,) for panel in drawing.panels) if narrow else drawing.rows:
        done = _row(row, top, room)
        placed.extend(done)
        top = max((one.bottom for one in done), default=top) + GAP
    caption = (
        *wrapped(drawing.caption, room, BODY),
        *wrapped(_made_from(drawing), room, BODY),
    )
    caption_top = top - GAP + 4
    bottom = caption_top + height(len(caption), BODY) if caption else top - GAP
    return Page(page_width, bottom + MARGIN, title, tuple(placed), caption, caption_top)


def _made_from(drawing: Drawing) -> str:
    """The model and the picture, by name: a printed figure has lost its recipe."""
    recipe = dict(drawing.recipe)
    names = ["model", "picture"]
    for name in ("model", "patch", "picture"):
        other = f"against {name}"
        if other in recipe and recipe[other] != recipe.get(name):
            names += [other] if name in names else [name, other]
    return " · ".join(f"{name}: {recipe[name]}" for name in names if name in recipe)


def _row(row: tuple[Panel, ...], top: float, room: float) -> list[Placed]:
    sizes = _sizes(row, room)
    starts = [MARGIN]
    for _, across in sizes:
        starts.append(starts[-1] + across + GAP)
    ends = [start - GAP for start in starts[1:-1]] + [MARGIN + room]
    headings = [
        tuple(wrapped(panel.title, end - start, HEADING, bold=True))
        for panel, start, end in zip(row, starts, ends, strict=False)
    ]
    below = top + height(max(map(len, headings), default=0), HEADING) + 1.0
    beside = len(row) == 1 and room - sizes[0][1] >= 45
    return [
        _placed(panel, heading, Box(below, start, below + size[0], start + size[1]), end, beside)
        for panel, heading, start, end, size in zip(
            row, headings, starts, ends, sizes, strict=False
        )
    ]


def _sizes(row: tuple[Panel, ...], room: float) -> list[tuple[float, float]]:
    """(height, width) of each panel's axes: by weight, none higher than the first, the row full."""
    free, tallest = room - GAP * (len(row) - 1), 0.62 * room
    total = sum(panel.weight for panel in row) or 1.0
    shares = [free * panel.weight / total for panel in row]
    main, _ = _fit(row[0], shares[0], tallest)
    sizes = [_fit(panel, one, main * 1.04) for panel, one in zip(row, shares, strict=True)]
    grow = min(free / sum(across for _, across in sizes), tallest / main)
    if len(row) == 1 or grow <= 1:
        return sizes
    return [(down * grow, across * grow) for down, across in sizes]


def _fit(panel: Panel, room: float, tallest: float) -> tuple[float, float]:
    """(height, width) of a panel's axes in a column of `room`."""
    bars = [layer for layer in panel.layers if isinstance(layer, Bars)]
    if bars:
        return 8.5 * max(len(bars[0].names), 1), min(room, 100.0)
    high = room * panel.extent.height / max(panel.extent.width, 1e-9)
    shrink = min(1.0, tallest / high)
    return high * shrink, room * shrink


def _placed(panel: Panel, heading: tuple[str, ...], axes: Box, end: float, beside: bool) -> Placed:
    """What belongs to a panel, below its axes; its facts beside them where there is room."""
    bottom, bar = axes.bottom, None
    label: tuple[str, ...] = ()
    if panel.bar is not None:
        bar = Box(bottom + 1.8, axes.left, bottom + 1.8 + BAR, end)
        label = _label_below(panel.bar, bar.width)
        bottom = bar.bottom + 0.8 + height(len(label), BODY)
    lines = height(len(panel.facts), BODY)
    if beside:
        facts = Box(axes.top, axes.right + GAP, axes.top + lines, end)
        bottom = max(bottom, facts.bottom)
    else:
        facts = Box(bottom + 1.2, axes.left, bottom + 1.2 + lines, end)
        bottom = facts.bottom if panel.facts else bottom
    return Placed(panel, heading, axes, bar, label, facts, bottom)


def bar_label(scale: Scale) -> str:
    """What a colour bar's numbers are."""
    return " ".join(part for part in (scale.label, scale.unit) if part)


def bar_room(scale: Scale, room: float) -> float:
    """How long a colour bar may be beside its two numbers and its label."""
    texts = (number(scale.low), number(scale.high), bar_label(scale))
    return room - sum(width(text, BODY) for text in texts) - 4.6


def _label_below(scale: Scale, room: float) -> tuple[str, ...]:
    if bar_room(scale, room) >= SHORTEST_BAR:
        return ()
    return tuple(wrapped(bar_label(scale), room, BODY))


def names_width(facts: tuple[tuple[str, str], ...]) -> float:
    """Room for the names of facts, so that their values stand in one column."""
    return max((width(name, BODY) for name, _ in facts), default=0.0) + 3
