"""The brush: patches painted on any picture of the window, for whoever asked for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from vitviz.core.data.drawing import PixelSpace
from vitviz.core.data.geometry import Box, Crop, Spot, TokenGrid

BrushShape = Literal["brush", "rectangle"]


@dataclass(frozen=True, slots=True)
class AreaStroke:
    """One stroke over a picture: the patches that it went over, in order; `adds` or takes away."""

    grid: TokenGrid
    crop: Crop
    shape: BrushShape
    start: Spot
    last: Spot
    patches: tuple[int, ...] = ()
    adds: bool = True

    def to(self, spot: Spot) -> AreaStroke:
        """The stroke going on to a place: a straight line, or the rectangle's other corner."""
        found = (*self.patches, *self._along(spot)) if self.shape == "brush" else self._inside(spot)
        return replace(self, last=spot, patches=tuple(dict.fromkeys(found)))

    @property
    def box(self) -> Box:
        """From the stroke's start to where it is, in pixels of the picture."""
        rows, cols = (self.start.row, self.last.row), (self.start.col, self.last.col)
        inside = Box(min(rows), min(cols), max(rows), max(cols)).clip(self.crop.frame)
        return self.crop.box_to_original(inside)

    def _along(self, spot: Spot) -> Iterable[int]:
        height, width = self.grid.cell
        down, across = spot.row - self.last.row, spot.col - self.last.col
        steps = max(int(2 * max(abs(down) / height, abs(across) / width)) + 1, 1)
        for step in range(steps + 1):
            share = step / steps
            at = Spot(self.last.row + share * down, self.last.col + share * across)
            yield from self._patch(at)

    def _inside(self, spot: Spot) -> Iterable[int]:
        first = len(self.grid.prefix)
        rows, cols = (self.start.row, spot.row), (self.start.col, spot.col)
        box = Box(min(rows), min(cols), max(rows), max(cols))
        for patch in range(self.grid.rows * self.grid.cols):
            own = self.grid.box(first + patch)
            if own is not None:
                shared = own.clip(box)
                if shared.height * shared.width > 0.25 * own.height * own.width:
                    yield patch
        yield from self._patch(spot)

    def _patch(self, spot: Spot) -> Iterable[int]:
        token = self.grid.at(spot)
        if token is not None and token >= len(self.grid.prefix):
            yield token - len(self.grid.prefix)


class AreaBrush(QObject):
    """A window's brush. While it is on, dragging over a picture paints instead of moving it."""

    changed = Signal()
    """It was taken up, laid down, or has another shape."""
    painted = Signal(object)
    """The `AreaStroke` that has ended."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.on = False
        self.shape: BrushShape = "brush"

    def take(self, shape: BrushShape) -> None:
        """Begins to paint, or goes on in another shape."""
        self.on, self.shape = True, shape
        self.changed.emit()

    def lay_down(self) -> None:
        """Ends painting."""
        if self.on:
            self.on = False
            self.changed.emit()

    def stroke_at(self, space: PixelSpace, spot: Spot, *, adds: bool) -> AreaStroke:
        """A stroke that begins at a place of the model's picture."""
        begun = AreaStroke(space.grid, space.crop, self.shape, spot, spot, (), adds)
        return begun.to(spot)


def brush_of(widget: QWidget) -> AreaBrush | None:
    """The brush of a widget's window, while it is on."""
    direct = Qt.FindChildOption.FindDirectChildrenOnly
    found = widget.window().findChild(AreaBrush, options=direct)
    return found if found is not None and found.on else None
