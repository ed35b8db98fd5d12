"""Boxes and arrows with words: how a computation goes, drawn beside the numbers that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vitviz.core.data.geometry import Box, Spot

DiagramTone = Literal["plain", "chosen", "quiet"]
"""What a box or an arrow is for: a part, the part that is talked about, or one beside it."""


@dataclass(frozen=True, slots=True)
class DiagramBox:
    """A part with its name, and smaller below it a `note` of numbers or of its shape.

    Without a `frame` it is text alone, as large as fits the box, from the side that `align` says.
    A line break in a text is a line break on screen and on paper.
    """

    text: str
    box: Box
    tone: DiagramTone = "plain"
    note: str = ""
    frame: bool = True
    align: Literal["centre", "left", "right"] = "centre"

    @property
    def ground(self) -> bool:
        """Whether it is a frame around others, without words: it lies below the arrows."""
        return self.frame and not (self.text or self.note)


@dataclass(frozen=True, slots=True)
class DiagramArrow:
    """A line through places with its head at the last one; without a `head` a line alone."""

    path: tuple[Spot, ...]
    tone: DiagramTone = "plain"
    head: bool = True


@dataclass(frozen=True, slots=True)
class Diagram:
    """Boxes and arrows in a panel's coordinates; texts of framed boxes have one size that fits all.

    >>> from vitviz.core.data.drawing.diagram import Diagram, DiagramArrow, DiagramBox
    >>> from vitviz.core.data.geometry import Box, Spot
    >>> boxes = DiagramBox("norm", Box(0, 0, 1, 3)), DiagramBox("look", Box(0, 4, 1, 7), "chosen")
    >>> Diagram(boxes, (DiagramArrow((Spot(0.5, 3), Spot(0.5, 4))),)).boxes[1].tone
    'chosen'
    """

    boxes: tuple[DiagramBox, ...]
    arrows: tuple[DiagramArrow, ...] = ()
