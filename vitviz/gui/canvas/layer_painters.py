"""The layers of a map as they are painted: pictures, grids, outlines and labels."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from math import ceil, floor
from typing import assert_never

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen, QStaticText

from vitviz.core.data.drawing import (
    DrawnLayer,
    Grid,
    Heat,
    HeatTiles,
    Label,
    Labels,
    Outlines,
    Raster,
    RasterTiles,
    Segments,
)
from vitviz.core.data.drawing.diagram import Diagram
from vitviz.core.data.geometry import Box
from vitviz.core.drawings.contour_pixels import contour_pixels
from vitviz.core.drawings.tiled_images import heat_mosaic, mosaic_box, raster_mosaic
from vitviz.gui.canvas.diagram_painter import DiagramPainter
from vitviz.gui.canvas.layer_placing import LayerPlacing
from vitviz.gui.canvas.qimages import heat_image, image_of, raster_image
from vitviz.gui.widgets import theme

_Pixels = Raster | Heat | HeatTiles | RasterTiles
LARGE = 400
"""Pixels across from which pictures of patches are smoothed: single pixels are not looked at."""


class PixelPainter:
    """An image stretched over a box; large pictures are averaged down, not skipped through."""

    def __init__(self, layer: _Pixels) -> None:
        self._layer = layer  # keeps alive the arrays that its key names
        self._key = _key(layer)
        self._image = _image(layer)
        self._box, self._smooth = _placed(layer, self._image)
        self._fitted: QImage | None = None

    def shows(self, layer: DrawnLayer) -> bool:
        """Whether it looks as this layer does: the same arrays need not be coloured again."""
        return isinstance(layer, _Pixels) and _key(layer) == self._key

    def bounds(self, at: LayerPlacing) -> QRectF:
        """All that it covers."""
        return at.whole(self._box)

    def paint(self, painter: QPainter, at: LayerPlacing) -> None:
        """Paints it."""
        place = at.whole(self._box)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._smooth)
        painter.drawImage(place, self._fit(place, at.sharp))

    def _fit(self, place: QRectF, sharp: float) -> QImage:
        """Qt's own scaling samples four pixels only, or one: shrink by averaging, and remember it."""
        width, height = round(place.width() * sharp), round(place.height() * sharp)
        if self._image.width() <= width * (1.3 if self._smooth else 1):
            return self._image
        if self._fitted is None or self._fitted.width() != width:
            ways = Qt.AspectRatioMode, Qt.TransformationMode
            self._fitted = self._image.scaled(
                width, height, ways[0].IgnoreAspectRatio, ways[1].SmoothTransformation
            )
        return self._fitted


class LinePainter:
    """The thin lines between cells."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    def shows(self, layer: DrawnLayer) -> bool:
        """Whether it looks as this layer does."""
        return layer == self._grid

    def bounds(self, at: LayerPlacing) -> QRectF:
        """All that it covers."""
        return at.rect(self._grid.box).adjusted(-1, -1, 1, 1)

    def paint(self, painter: QPainter, at: LayerPlacing) -> None:
        """Paints it."""
        painter.setPen(_pen(theme.role_color(self._grid.role), 1.0, at.sharp))
        place = at.rect(self._grid.box)
        rows = np.linspace(place.top(), place.bottom(), self._grid.rows + 1)
        cols = np.linspace(place.left(), place.right(), self._grid.cols + 1)
        painter.drawLines(
            [
                *(QLineF(place.left(), row, place.right(), row) for row in rows.tolist()),
                *(QLineF(col, place.top(), col, place.bottom()) for col in cols.tolist()),
            ]
        )


class RectanglePainter:
    """Rectangles by role: accent for what is chosen, with a dark halo so that it shows on anything."""

    def __init__(self, outlines: Outlines) -> None:
        self._outlines = outlines
        firm = outlines.role in ("pin", "chosen")
        self._halo, self._line = (4.5, 2.2) if firm else (3.0, 1.2)

    def shows(self, layer: DrawnLayer) -> bool:
        """Whether it looks as this layer does."""
        return layer == self._outlines

    def bounds(self, at: LayerPlacing) -> QRectF:
        """All that it covers."""
        covered = QRectF()
        for box in self._outlines.boxes:
            covered = covered.united(at.rect(box))
        return covered.adjusted(-self._halo, -self._halo, self._halo, self._halo)

    def paint(self, painter: QPainter, at: LayerPlacing) -> None:
        """Paints it."""
        places = [at.rect(box) for box in self._outlines.boxes]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for color, width in (
            (QColor(0, 0, 0, 150), self._halo),
            (theme.role_color(self._outlines.role), self._line),
        ):
            painter.setPen(_pen(color, width, at.sharp))
            painter.drawRects(places)


class TextPainter:
    """Axis and token numbers, of one size on screen whatever the zoom; left out where too small."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._font = theme.font(-2.5, numbers=True)
        self._laid_out: tuple[LayerPlacing | None, list[tuple[QPointF, QStaticText]]] = (None, [])

    def shows(self, layer: DrawnLayer) -> bool:
        """Whether it looks as this layer does."""
        return layer == self._labels

    def bounds(self, at: LayerPlacing) -> QRectF:
        """All that it covers."""
        covered = QRectF()
        for place, text in self._texts(at):
            covered = covered.united(QRectF(place, text.size()))
        return covered.adjusted(-2, -2, 2, 2)

    def paint(self, painter: QPainter, at: LayerPlacing) -> None:
        """Paints it."""
        number = self._labels.role == "number"
        texts = self._texts(at)
        painter.setFont(self._font)
        if number:
            painter.setPen(QColor(0, 0, 0, 200))
            for place, text in texts:
                painter.drawStaticText(place + QPointF(1, 1), text)
        painter.setPen(QColor("#ffffff") if number else QColor(theme.current().quiet))
        for place, text in texts:
            painter.drawStaticText(place, text)

    def _texts(self, at: LayerPlacing) -> list[tuple[QPointF, QStaticText]]:
        """What is painted where; measured once for a placing."""
        if self._laid_out[0] != at:
            self._laid_out = at, list(self._room_for(at))
        return self._laid_out[1]

    def _room_for(self, at: LayerPlacing) -> Iterator[tuple[QPointF, QStaticText]]:
        metrics = QFontMetricsF(self._font)
        taken: list[QRectF] = []
        inside = _cells(self._labels, at)
        for label in self._labels.labels:
            box = _text_box(metrics, label, at.point(label.at.row, label.at.col))
            slack = box.height() / 4  # digits fill half of a line
            if inside is not None and not inside.contains(box.adjusted(0, slack, 0, -slack)):
                continue
            if any(box.intersects(other) for other in taken[-40:]):
                continue
            taken.append(box.adjusted(-2, -1, 2, 1))
            text = QStaticText(label.text)
            text.setTextFormat(Qt.TextFormat.PlainText)
            text.prepare(font=self._font)
            yield QPointF(round(box.left()), round(box.top())), text


class SegmentPainter:
    """Straight lines between places that belong together."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments

    def shows(self, layer: DrawnLayer) -> bool:
        """Whether it looks as this layer does."""
        return layer == self._segments

    def bounds(self, at: LayerPlacing) -> QRectF:
        """All that it covers."""
        spots = [spot for ends in self._segments.ends for spot in ends]
        if not spots:
            return QRectF()
        rows, cols = [spot.row for spot in spots], [spot.col for spot in spots]
        box = Box(min(rows), min(cols), max(rows), max(cols))
        return at.rect(box).adjusted(-1, -1, 1, 1)

    def paint(self, painter: QPainter, at: LayerPlacing) -> None:
        """Paints it."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(_pen(theme.role_color(self._segments.role), 1.0, at.sharp))
        painter.drawLines(
            [
                QLineF(at.point(one.row, one.col), at.point(other.row, other.col))
                for one, other in self._segments.ends
            ]
        )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


class ContourPainter:
    """Lines of equal value, each in the colour of its value, with a dark halo."""

    def __init__(self, heat: Heat) -> None:
        self._heat = heat  # keeps alive the array that its key names
        self._key = _key(heat)
        self._lines: tuple[object, QImage] | None = None

    def shows(self, layer: DrawnLayer) -> bool:
        """Whether it looks as this layer does."""
        return isinstance(layer, Heat) and _key(layer) == self._key

    def bounds(self, at: LayerPlacing) -> QRectF:
        """All that it covers."""
        return at.whole(self._heat.box)

    def paint(self, painter: QPainter, at: LayerPlacing) -> None:
        """Paints what of it is to be seen: of a map zoomed into, its pixels would be without number."""
        place, sharp = at.whole(self._heat.box), at.sharp
        seen = place.intersected(QRectF(painter.viewport()))
        size = round(place.height() * sharp), round(place.width() * sharp)
        rows = range(*_span(seen.top() - place.top(), seen.bottom() - place.top(), sharp, size[0]))
        cols = range(
            *_span(seen.left() - place.left(), seen.right() - place.left(), sharp, size[1])
        )
        if not (rows and cols):
            return
        wanted = size, rows, cols, sharp
        if self._lines is None or self._lines[0] != wanted:
            self._lines = wanted, image_of(contour_pixels(self._heat, size, rows, cols, sharp))
        corner = QPointF(place.left() + cols.start / sharp, place.top() + rows.start / sharp)
        painter.drawImage(QRectF(corner, self._lines[1].size().toSizeF() / sharp), self._lines[1])


Painted = (
    ContourPainter
    | PixelPainter
    | LinePainter
    | RectanglePainter
    | SegmentPainter
    | TextPainter
    | DiagramPainter
)


def painted(layer: DrawnLayer) -> Painted:
    """A layer of a map, to be painted. TypeError for what is no layer of a map."""
    match layer:
        case Heat() if layer.lay == "contours":
            return ContourPainter(layer)
        case Raster() | Heat() | HeatTiles() | RasterTiles():
            return PixelPainter(layer)
        case Grid():
            return LinePainter(layer)
        case Outlines():
            return RectanglePainter(layer)
        case Segments():
            return SegmentPainter(layer)
        case Labels():
            return TextPainter(layer)
        case Diagram():
            return DiagramPainter(layer)
        case _:
            raise TypeError(f"{type(layer).__name__} cannot be drawn over a map")


def _pen(color: QColor, width: float, sharp: float) -> QPen:
    pen = QPen(color, width * sharp)  # a cosmetic pen counts the screen's own pixels
    pen.setCosmetic(True)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    return pen


def _span(first: float, last: float, sharp: float, size: int) -> tuple[int, int]:
    """The screen's own pixels between two places, of so many."""
    return max(floor(first * sharp), 0), min(ceil(last * sharp), size)


def _cells(labels: Labels, at: LayerPlacing) -> QRectF | None:
    """Where numbered cells lie, each with its number at the centre; None where labels are no such."""
    if labels.role != "number" or len(labels.labels) < 2 or labels.labels[0].anchor != "centre":
        return None
    first, second, last = (labels.labels[index].at for index in (0, 1, -1))
    half = max(second.row - first.row, second.col - first.col) / 2
    return QRectF(
        at.point(first.row - half, first.col - half), at.point(last.row + half, last.col + half)
    ).adjusted(-1, -1, 1, 1)


def _text_box(metrics: QFontMetricsF, label: Label, at: QPointF) -> QRectF:
    width, height = metrics.horizontalAdvance(label.text), metrics.height()
    left = {"left": at.x() + 4, "right": at.x() - width - 4}.get(label.anchor, at.x() - width / 2)
    top = {"top": at.y() + 2, "bottom": at.y() - height - 2}.get(label.anchor, at.y() - height / 2)
    return QRectF(left, top, width, height)


def _key(layer: _Pixels) -> tuple[Hashable, ...]:
    """What an image and its place depend on."""
    match layer:
        case Raster():
            return id(layer.pixels), layer.box, layer.smooth, layer.tone
        case Heat():
            looks = layer.opacity, layer.smooth, layer.lay
            return id(layer.values), layer.box, layer.scale, looks
        case HeatTiles():
            ranges = layer.low.tobytes() + layer.high.tobytes()
            return id(layer.values), ranges, layer.scale, layer.gap
        case RasterTiles():
            return id(layer.pixels), layer.gap, layer.count
        case _:
            assert_never(layer)


def _image(layer: _Pixels) -> QImage:
    match layer:
        case Raster():
            return raster_image(layer)
        case Heat():
            return heat_image(layer)
        case HeatTiles():
            return image_of(heat_mosaic(layer))
        case RasterTiles():
            return image_of(raster_mosaic(layer))
        case _:
            assert_never(layer)


def _placed(layer: _Pixels, image: QImage) -> tuple[Box, bool]:
    """Where an image goes, and whether it is smoothed."""
    match layer:
        case Raster():
            return layer.box, layer.smooth
        case Heat():
            return layer.box, False
        case HeatTiles():
            return mosaic_box(layer), False
        case RasterTiles():
            return mosaic_box(layer), image.width() > LARGE
        case _:
            assert_never(layer)
