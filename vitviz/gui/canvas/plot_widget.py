"""Plots on screen: curves between axes that can be zoomed and panned, with the value at the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Axis, Curve, Plot, PlotPoint
from vitviz.core.language import N_, _
from vitviz.core.notation import shown_number
from vitviz.gui.canvas.curve_names import CurveNames
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.fitting_labels import ElidedLabel
from vitviz.gui.widgets.theme import tone_color

DOT = 5.2
"""A point's size, in pixels."""
TICKS = 11
"""Numbers beside an axis, at most: more are no easier to read in a large plot."""
AIR = 0.015
"""Share of a plot that is free around it: a point at its very end is seen whole."""
WHOLE = Box(0, 0, 1, 1)
HOW = N_(
    "Drag to move; the wheel zooms, with Ctrl where the page scrolls, over the numbers of an axis "
    "along that axis alone. Double click, or Ctrl+0: all of it again. A click on a point chooses its "
    "layer and head."
)


class NumberAxis(pg.AxisItem):  # type: ignore[misc]
    """The numbers beside a plot: round ones, as many as are easy to read, whole where they count."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.shown: Axis | None = None
        self._upright = orientation == "left"
        self.setStyle(tickLength=0, tickAlpha=255, tickTextOffset=5, hideOverlappingLabels=False)
        self.setZValue(-1000)  # its lines lie below the curves
        self.enableAutoSIPrefix(False)
        self.setToolTip(_(HOW))
        if self._upright:
            self.setGrid(255)

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        colors = theme.current()
        self.setTickFont(theme.font(-1.5, numbers=True))
        self.setTickPen(pg.mkPen(QColor(colors.line)))
        self.setTextPen(QColor(colors.quiet))
        self.setPen(QColor(colors.line))

    def numbers(self, low: float, high: float, size: float) -> tuple[float, ...]:
        """The numbers between two ends that are so many pixels apart."""
        axis = replace(self.shown or Axis("", 0, 1), low=low, high=high)
        metrics = pg.QtGui.QFontMetricsF(theme.font(-1.5, numbers=True))
        if self._upright:
            return axis.ticks(min(max(int(size / (2.2 * metrics.height())), 1), TICKS))
        wide = max(metrics.horizontalAdvance(_said(each)) for each in axis.ticks(6) or (0.0,))
        return axis.ticks(max(int(size / (wide + 18)), 1))

    def boundingRect(self) -> QRectF:
        """Half of the highest and the lowest number stand beyond the axis."""
        more = 15 if self._upright else 0
        found: QRectF = super().boundingRect().adjusted(0, -more, 0, more)
        return found

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        found = self.numbers(low, high, size)
        step = found[1] - found[0] if len(found) > 1 else high - low
        return [(step, list(found))]

    def tickStrings(self, values: Sequence[float], _scale: float, _spacing: float) -> list[str]:
        return [_said(each) for each in values]


class PlotWidget(QWidget):
    """Curves between two axes, their names above; it keeps nothing but what it shows."""

    zoomed = Signal(object)
    """What somebody zoomed or panned to: a `Box` in shares of the whole plot, row down."""

    def __init__(self) -> None:
        super().__init__()
        self._plot: Plot | None = None
        self._items: list[Any] = []
        self._names, self._up, self._along = CurveNames(), ElidedLabel(), ElidedLabel()
        self._along.setAlignment(Qt.AlignmentFlag.AlignRight)
        for label in (self._up, self._along):
            label.setObjectName("quiet")
            label.setFont(theme.font(-1.5))
        self._axes = {side: NumberAxis(side) for side in ("left", "bottom")}
        self._view = pg.PlotWidget(axisItems=self._axes)
        self._box = self._view.getPlotItem().getViewBox()
        self._view.getPlotItem().setMenuEnabled(False)
        self._view.getPlotItem().hideButtons()
        self._view.getPlotItem().setContentsMargins(0, 8, 4, 0)
        self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._view.setMinimumSize(1, 1)
        self._box.setDefaultPadding(0)
        self._box.disableAutoRange()
        self._box.sigRangeChangedManually.connect(self._moved)
        self._ring = pg.ScatterPlotItem(size=2.2 * DOT, pxMode=True)
        self._reading = pg.TextItem(anchor=(0, 1))
        for item, level in ((self._ring, 10), (self._reading, 11)):
            item.setZValue(level)
            item.setVisible(False)
            self._box.addItem(item, ignoreBounds=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (self._names, self._up, self._view, self._along):
            layout.addWidget(widget, int(widget is self._view))
        self.setMinimumSize(90, 80)
        self.restyle()

    @property
    def viewport(self) -> QWidget:
        """The widget that receives the mouse."""
        port: QWidget = self._view.viewport()
        return port

    def show_plot(self, plot: Plot) -> None:
        """Replaces what is shown; what somebody zoomed to stays while the axes mean the same."""
        before, self._plot = self._plot, plot
        if before is plot:
            return
        self._names.show_curves(plot.curves)
        self._up.show_text(plot.y.label)
        self._along.show_text(plot.x.label)
        for side, axis in (("left", plot.y), ("bottom", plot.x)):
            self._axes[side].shown = axis
            self._axes[side].picture = None
        named = ", ".join(curve.name for curve in plot.curves if curve.name)
        self.setAccessibleName(
            _("Plot of {up} over {across}").format(up=plot.y.label, across=plot.x.label)
        )
        self.setAccessibleDescription(f"{named}. {_(HOW)}" if named else _(HOW))
        self._place(before)
        self._draw_curves(plot)
        self.show_point(None)

    def _place(self, before: Plot | None) -> None:
        """The limits of what can be seen, and all of it unless somebody had zoomed."""
        plot = self._plot
        if plot is None or (before is not None and (before.x, before.y) == (plot.x, plot.y)):
            return
        alike = before is not None and (before.x.label, before.y.label) == (
            plot.x.label,
            plot.y.label,
        )
        kept = (
            self._box.viewRect()
            if alike and before is not None and self.is_zoomed(before)
            else None
        )
        self._box.setLimits(xMin=None, xMax=None, yMin=None, yMax=None)
        self._box.setLimits(**_limits(plot))
        if kept is None:
            self.reset()
        else:
            self._box.setRange(kept, padding=0)

    def _draw_curves(self, plot: Plot) -> None:
        kinds = [
            pg.PlotCurveItem if each.kind == "line" else pg.ScatterPlotItem for each in plot.curves
        ]
        if [type(each) for each in self._items] != kinds:
            for item in self._items:
                self._box.removeItem(item)
            self._items = [kind() for kind in kinds]
            for level, item in enumerate(self._items):
                item.setZValue(level / 100)
                self._box.addItem(item, ignoreBounds=True)
        for item, curve in zip(self._items, plot.curves, strict=True):
            self._draw(item, curve)

    def _draw(self, item: Any, curve: Curve) -> None:
        x, y = np.asarray(curve.x, np.float64), np.asarray(curve.y, np.float64)
        color, firm = tone_color(curve.tone), curve.tone == "chosen"
        sharp = self.devicePixelRatioF()  # a cosmetic pen counts the screen's own pixels
        if curve.kind == "line":
            pen = pg.mkPen(color, width=(2.0 if firm else 1.6) * sharp)
            item.setData(x, y, pen=pen, connect="finite", antialias=True)
            return
        color.setAlphaF(1.0 if firm else 0.75)
        there = np.isfinite(y)
        size = DOT + (2.8 if firm else 0)
        item.setData(x[there], y[there], size=size, pen=None, brush=color, antialias=True)

    # What is seen of it

    def reset(self) -> None:
        """Shows the whole plot again."""
        if self._plot is not None:
            self._box.setRange(_whole(self._plot), padding=0)

    def is_zoomed(self, plot: Plot | None = None) -> bool:
        """Whether less than the whole plot is seen."""
        seen = self._seen(plot)
        gaps = (seen.top, seen.left, 1 - seen.bottom, 1 - seen.right)
        return max(gaps) > 1e-3

    @property
    def seen(self) -> Box:
        """What is seen, in shares of the whole plot, row down."""
        return self._seen(self._plot)

    def _seen(self, plot: Plot | None = None) -> Box:
        plot = plot or self._plot
        if plot is None:
            return WHOLE
        rect = self._box.viewRect()
        return Box(
            1 - plot.y.at(rect.bottom()),  # up is where a rectangle's numbers are high
            plot.x.at(rect.left()),
            1 - plot.y.at(rect.top()),
            plot.x.at(rect.right()),
        )

    def see(self, part: Box) -> None:
        """Shows a part of the plot, in shares of it."""
        if self._plot is None:
            return
        x, y = self._plot.x, self._plot.y
        low, high = y.value(1 - part.bottom), y.value(1 - part.top)
        left, right = x.value(part.left), x.value(part.right)
        self._box.setRange(QRectF(left, low, right - left, high - low), padding=0)

    def _moved(self, *_: object) -> None:
        self.zoomed.emit(self.seen)

    # What is under the mouse

    def value_at(self, at: QPointF) -> tuple[float, float] | None:
        """(x, y) under a position of the viewport; None outside of the plotted area."""
        scene = self._view.mapToScene(at.toPoint())
        if not self._box.sceneBoundingRect().adjusted(-6, -6, 6, 6).contains(scene):
            return None
        found = self._box.mapSceneToView(scene)
        return found.x(), found.y()

    def position_of(self, x: float, y: float) -> QPointF:
        """Where a value lies in the viewport."""
        return QPointF(self._view.mapFromScene(self._box.mapViewToScene(QPointF(x, y))))

    def point_at(self, at: QPointF) -> PlotPoint | None:
        """The point of a curve that a position of the viewport is near to."""
        value = self.value_at(at)
        if self._plot is None or value is None:
            return None
        rect = self._box.viewRect()
        seen = replace(
            self._plot,
            x=replace(self._plot.x, low=rect.left(), high=rect.right()),
            y=replace(self._plot.y, low=rect.top(), high=rect.bottom()),
        )
        return seen.near(seen.x.at(value[0]), seen.y.at(value[1]))

    def show_point(self, point: PlotPoint | None) -> None:
        """Rings a point and says its value beside it; None: no more."""
        for item in (self._ring, self._reading):
            item.setVisible(point is not None)
        if point is None:
            return
        rect = self._box.viewRect()
        left, low = point.x > rect.center().x(), point.value < rect.center().y()
        self._ring.setData([point.x], [point.value])
        self._reading.setText(f"{point.whose.words}\n{shown_number(point.value, 4)}")
        self._reading.setColor(QColor(theme.current().text))
        self._reading.setAnchor((1.05 if left else -0.05, 1.2 if low else -0.2))
        self._reading.setPos(point.x, point.value)

    @property
    def reading(self) -> str:
        """What is said beside the point under the mouse; "" where there is none."""
        return self._reading.toPlainText() if self._reading.isVisible() else ""

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        colors = theme.current()
        self._view.setBackground(QColor(colors.surface))
        for axis in self._axes.values():
            axis.restyle()
        raised = QColor(colors.raised)
        raised.setAlphaF(0.92)
        self._reading.fill = pg.mkBrush(raised)
        self._reading.border = pg.mkPen(QColor(colors.line))
        self._reading.setFont(theme.font(-1.5, numbers=True))
        self._ring.setPen(pg.mkPen(QColor(colors.accent), width=1.6 * self.devicePixelRatioF()))
        self._ring.setBrush(None)
        self._names.update()
        if self._plot is not None:
            self._draw_curves(self._plot)

    def numbers(self, side: str) -> tuple[float, ...]:
        """The numbers that stand beside an axis ("left", "bottom") now."""
        axis = self._axes[side]
        size = axis.height() if side == "left" else axis.width()
        low, high = axis.range
        return axis.numbers(low, high, size)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room, the curves have it."""
        super().resizeEvent(event)
        line = self.fontMetrics().height()
        self._names.setVisible(self._names.count > 0 and self.height() > 8 * line)


def _whole(plot: Plot) -> QRectF:
    x, y = plot.x, plot.y
    whole = QRectF(x.low, y.low, (x.high - x.low) or 1.0, (y.high - y.low) or 1.0)
    across, up = AIR * whole.width(), AIR * whole.height()
    return whole.adjusted(-across, -up, across, up)


def _limits(plot: Plot) -> dict[str, float]:
    whole = _whole(plot)
    return {
        "xMin": whole.left(),
        "xMax": whole.right(),
        "yMin": whole.top(),
        "yMax": whole.bottom(),
        "minXRange": whole.width() / 1000,
        "minYRange": whole.height() / 1000,
    }


def _said(value: float) -> str:
    return shown_number(value, 6)
