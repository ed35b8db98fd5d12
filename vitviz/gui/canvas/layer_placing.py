"""Where a map's positions lie in its widget."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF

from vitviz.core.data.geometry import Box


@dataclass(frozen=True, slots=True)
class LayerPlacing:
    """Where a map's positions lie in its widget: `scale` pixels each way, from (left, top) on.

    `sharp` is how many of the screen's own pixels one pixel has.
    """

    scale: float
    left: float
    top: float
    sharp: float = 1.0

    def point(self, row: float, col: float) -> QPointF:
        """Where a position lies."""
        return QPointF(self.left + col * self.scale, self.top + row * self.scale)

    def rect(self, box: Box) -> QRectF:
        """Where a box lies."""
        return QRectF(self.point(box.top, box.left), self.point(box.bottom, box.right))

    def whole(self, box: Box) -> QRectF:
        """Where a picture over a box lies, its edges on those of the screen's own pixels."""
        place, sharp = self.rect(box), self.sharp
        left, top = round(place.left() * sharp), round(place.top() * sharp)
        right, bottom = round(place.right() * sharp), round(place.bottom() * sharp)
        width, height = max(right - left, 1), max(bottom - top, 1)
        return QRectF(left / sharp, top / sharp, width / sharp, height / sharp)
