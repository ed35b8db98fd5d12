"""Where a colour bar, the ends of its range and its label lie: nothing collides, in whatever room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vitviz.core.colors import ColorScale
from vitviz.core.data.geometry import Box
from vitviz.core.notation import shown_number
from vitviz.figures.paper import PaperStyle
from vitviz.figures.text import height, width, wrapped

BAR, SHORTEST_BAR, LONGEST_BAR, LONGEST_ALONE = 2.0, 12.0, 36.0, 60.0
"""A colour bar's height, its least and greatest length beside its numbers, and its greatest above them,
in millimetres.
"""
BarForm = Literal["one line", "label below", "numbers below"]
"""From the one that needs most room to the one that needs least."""
FORMS: tuple[BarForm, ...] = ("one line", "label below", "numbers below")
_AIR, _SMALLEST_TYPE = 1.2, 3.0


@dataclass(frozen=True, slots=True)
class EndsType:
    """How the ends of a range are written: the size of type in points, and how many digits."""

    size: float = 99.0
    digits: int = 3


ROOMY = EndsType()
"""Whatever fits."""


@dataclass(frozen=True, slots=True)
class PlacedText:
    """A line of text on paper: its left edge and its middle in millimetres, its size in points."""

    text: str
    left: float
    middle: float
    size: float
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class PlacedBar:
    """A colour bar on paper: the coloured strip, the texts around it, and where all of it ends."""

    scale: ColorScale
    strip: Box
    texts: tuple[PlacedText, ...]
    bottom: float


def bar_label(scale: ColorScale) -> str:
    """What a colour bar's numbers are."""
    return scale.words


def form_for(scale: ColorScale, room: float, paper: PaperStyle, labelled: bool = True) -> BarForm:
    """The form with most on one line that `room` millimetres allow."""
    ends = sum(width(shown_number(end), paper.size, paper) for end in (scale.low, scale.high))
    beside = room - ends - 2 * _AIR
    label = width(bar_label(scale), paper.size, paper) + 2.2 if labelled and bar_label(scale) else 0
    if beside - label >= SHORTEST_BAR:
        return "one line"
    return "label below" if beside >= SHORTEST_BAR else "numbers below"


def placed_bar(
    scale: ColorScale,
    top: float,
    left: float,
    room: float,
    paper: PaperStyle,
    *,
    form: BarForm = "one line",
    labelled: bool = True,
    ends: EndsType = ROOMY,
) -> PlacedBar:
    """A colour bar in `room` millimetres from `left`, in that form or one that needs less room.

    `ends` is how the ends of its range are written below it at most, alike in all bars of a grid.
    """
    own = form_for(scale, room, paper, labelled)
    form = FORMS[max(FORMS.index(form), FORMS.index(own))]
    if form == "numbers below":
        return _numbers_below(scale, top, left, room, paper, labelled, ends)
    low, high = shown_number(scale.low), shown_number(scale.high)
    before, behind = (width(text, paper.size, paper) for text in (low, high))
    label = bar_label(scale) if labelled else ""
    beside = form == "one line" and bool(label)
    room_left = room - before - behind - 2 * _AIR
    room_left -= width(label, paper.size, paper) + 2.2 if beside else 0
    start = left + before + _AIR
    strip = Box(top, start, top + BAR, start + min(room_left, LONGEST_BAR))
    middle = strip.centre.row
    texts = [
        PlacedText(low, left, middle, paper.size),
        PlacedText(high, strip.right + _AIR, middle, paper.size),
    ]
    if beside:
        texts.append(PlacedText(label, strip.right + _AIR + behind + 2.2, middle, paper.size, True))
        label = ""
    return _with_label(scale, strip, texts, strip.bottom, label, left, room, paper)


def _numbers_below(
    scale: ColorScale,
    top: float,
    left: float,
    room: float,
    paper: PaperStyle,
    labelled: bool,
    most: EndsType,
) -> PlacedBar:
    """The strip as long as its room, the ends of the range below its ends, in type that fits."""
    strip = Box(top, left, top + BAR, left + min(room, LONGEST_ALONE))
    own = ends_type([scale], strip.width, paper)
    size, digits = min(most.size, own.size), min(most.digits, own.digits)
    ends: tuple[str, ...] = ()
    if size >= _SMALLEST_TYPE:
        ends = tuple(shown_number(end, digits) for end in (scale.low, scale.high))
    line = height(1, size) if ends else 0.0
    middle = strip.bottom + 0.6 + line / 2
    texts = [
        PlacedText(text, at, middle, size)
        for text, at in zip(ends, (left, strip.right), strict=False)
    ]
    if ends:
        texts[1] = PlacedText(ends[1], strip.right - width(ends[1], size, paper), middle, size)
    label = bar_label(scale) if labelled else ""
    return _with_label(scale, strip, texts, strip.bottom + 0.6 + line, label, left, room, paper)


def ends_type(scales: Sequence[ColorScale], room: float, paper: PaperStyle) -> EndsType:
    """In which type the ends of all these ranges fit below strips of `room` millimetres: with fewer
    digits, then smaller. Type that nobody could read is left out.
    """
    room = min(room, LONGEST_ALONE)
    for digits in (3, 2):
        needs = max(
            (
                sum(
                    width(shown_number(end, digits), paper.size, paper)
                    for end in (one.low, one.high)
                )
                for one in scales
            ),
            default=0.0,
        )
        if needs + 1.5 <= room:
            return EndsType(paper.size, digits)
    return EndsType(paper.size * room / (needs + 1.5), 2)


def _with_label(
    scale: ColorScale,
    strip: Box,
    texts: list[PlacedText],
    bottom: float,
    label: str,
    left: float,
    room: float,
    paper: PaperStyle,
) -> PlacedBar:
    """The bar with what is left of its label in lines below."""
    size = paper.size
    lines = wrapped(label, room, size, paper)
    below = [
        PlacedText(line, left, bottom + 0.8 + height(at, size) + height(1, size) / 2, size, True)
        for at, line in enumerate(lines)
    ]
    end = bottom + 0.8 + height(len(lines), size) if lines else bottom
    texts_high = height(1, size) / 2 - strip.height / 2
    return PlacedBar(scale, strip, (*texts, *below), max(end, strip.bottom + texts_high))
