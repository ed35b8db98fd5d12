"""A plot on screen is zoomed, panned and read; a click on a point chooses its layer and head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea
from pytestqt.qtbot import QtBot

from vitviz.core.data.drawing import Drawing, Listed, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Axis, Curve, Plot, Whose
from vitviz.gui.app.application import application
from vitviz.gui.canvas.drawing_widget import DrawingWidget
from vitviz.gui.canvas.panel_widget import PanelWidget
from vitviz.gui.canvas.plot_widget import PlotWidget
from vitviz.gui.widgets import theme

LEFT = Qt.MouseButton.LeftButton
CTRL = Qt.KeyboardModifier.ControlModifier
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture(scope="module", autouse=True)
def dark() -> None:
    theme.apply(application(), theme.DARK)


def plotted(high: float = 1.0) -> Panel:
    whose = tuple(Whose(f"layer {layer + 1} head 2", layer, 1) for layer in range(3))
    heads = Curve(np.array([1.0, 2, 3]), np.array([0.2, 0.6, 0.4]), "a head", "points", whose=whose)
    line = Curve(np.array([1.0, 2, 3]), np.array([0.1, np.nan, 0.9]), "a line")
    plot = Plot((line, heads), Axis("layer", 0.5, 3.5, whole=True), Axis("how far", 0, high))
    return Panel((plot,), Box(0, 0, 3, 4), "Plot", Listed(3))


def shown(qtbot: QtBot, *panels: Panel, high: int = 400) -> DrawingWidget:
    canvas = DrawingWidget()
    qtbot.addWidget(canvas)
    canvas.resize(500 * len(panels), high)
    canvas.show_drawing(Drawing("test", "Test", (panels,)))
    canvas.show()
    qtbot.waitExposed(canvas)
    return canvas


def plot_of(canvas: DrawingWidget, panel: int = 0) -> PlotWidget:
    plot = canvas.panels[panel].plot
    assert plot is not None
    return plot


def turned(plot: PlotWidget, at: QPointF, modifiers: Qt.KeyboardModifier) -> None:
    port = plot.viewport
    event = QWheelEvent(
        at,
        QPointF(port.mapToGlobal(at.toPoint())),
        QPoint(),
        QPoint(0, 240),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(port, event)


def test_a_value_lies_where_its_number_stands(qtbot: QtBot) -> None:
    plot = plot_of(shown(qtbot, plotted()))
    high, low = plot.position_of(2, 1.0), plot.position_of(2, 0.0)
    middle = plot.value_at((high + low) / 2)
    assert middle == pytest.approx((2.0, 0.5), abs=0.01)
    assert plot.numbers("bottom") == (1, 2, 3)
    assert {0.0, 0.5, 1.0} <= set(plot.numbers("left"))


def test_a_tall_plot_has_few_numbers(qtbot: QtBot) -> None:
    assert len(plot_of(shown(qtbot, plotted(), high=3000)).numbers("left")) == 11


def test_a_click_on_a_point_chooses_its_layer_and_head(qtbot: QtBot) -> None:
    canvas = shown(qtbot, plotted())
    plot, found = plot_of(canvas), []
    canvas.clicked.connect(found.append)
    QTest.mouseClick(plot.viewport, LEFT, NONE, plot.position_of(2, 0.6).toPoint())
    assert (found[0].depth, found[0].head) == (0.5, 1)
    assert found[0].words == "layer 2 head 2: 0.6 · how far"


def test_the_value_of_the_point_under_the_mouse_is_said_beside_it(qtbot: QtBot) -> None:
    canvas = shown(qtbot, plotted())
    plot, said = plot_of(canvas), []
    canvas.hovered.connect(said.append)
    QTest.mouseMove(plot.viewport, plot.position_of(3, 0.9).toPoint())
    assert plot.reading == "a line, layer 3\n0.9"
    assert said[-1].words == "a line, layer 3: 0.9 · how far"
    QTest.mouseMove(plot.viewport, plot.position_of(1.5, 0.95).toPoint())
    assert plot.reading == ""


def test_the_wheel_zooms_and_a_double_click_shows_all_again(qtbot: QtBot) -> None:
    canvas = shown(qtbot, plotted())
    plot, large = plot_of(canvas), []
    canvas.double_clicked.connect(lambda: large.append(True))
    at = plot.position_of(2, 0.6)
    turned(plot, at, NONE)
    assert plot.is_zoomed()
    assert (plot.position_of(2, 0.6) - at).manhattanLength() <= 3, "what is under the mouse stays"
    QTest.mouseClick(plot.viewport, LEFT, NONE, at.toPoint())
    QTest.mouseDClick(plot.viewport, LEFT, NONE, at.toPoint())
    assert not plot.is_zoomed()
    assert not large
    QTest.mouseDClick(plot.viewport, LEFT, NONE, at.toPoint())
    assert large, "of a whole plot a double click makes the view large"


def test_no_more_than_the_whole_plot_is_seen(qtbot: QtBot) -> None:
    plot = plot_of(shown(qtbot, plotted()))
    plot.see(Box(-4, -4, 5, 5))
    assert plot.seen.left == pytest.approx(0, abs=0.02)
    assert plot.seen.bottom == pytest.approx(1, abs=0.02)


def test_on_a_page_that_scrolls_the_wheel_zooms_with_ctrl_only(qtbot: QtBot) -> None:
    canvas, area = shown(qtbot, plotted()), QScrollArea()
    qtbot.addWidget(area)
    canvas.setFixedHeight(900)
    area.resize(400, 300)
    area.setWidgetResizable(True)
    area.setWidget(canvas)
    area.show()
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0, timeout=1000)
    plot = plot_of(canvas)
    turned(plot, plot.position_of(2, 0.6), NONE)
    assert not plot.is_zoomed()
    turned(plot, plot.position_of(2, 0.6), CTRL)
    assert plot.is_zoomed()


def test_what_is_zoomed_to_stays_for_other_numbers_of_the_same_axes(qtbot: QtBot) -> None:
    canvas = shown(qtbot, plotted())
    plot = plot_of(canvas)
    plot.see(Box(0.25, 0.25, 0.75, 0.75))
    before = plot.value_at(plot.position_of(2, 0.5))
    canvas.show_drawing(Drawing("test", "Test", ((plotted(high=0.8),),)))
    assert plot.is_zoomed()
    assert plot.value_at(plot.position_of(2, 0.5)) == pytest.approx(before, abs=0.01)
    panel = plotted()
    first = panel.layers[0]
    assert isinstance(first, Plot)
    other = replace(first, y=Axis("how wide", 0, 1))
    canvas.show_drawing(Drawing("test", "Test", ((replace(panel, layers=(other,)),),)))
    assert not plot.is_zoomed()


def test_a_panel_beside_it_follows_along_both_axes(qtbot: QtBot) -> None:
    first, second = shown(qtbot, plotted()), shown(qtbot, plotted())
    windows: list[tuple[int, Box]] = []
    first.zoomed.connect(lambda at, window: windows.append((at, window)))
    turned(plot_of(first), plot_of(first).position_of(2, 0.6), NONE)
    second.show_window(*windows[-1])
    for mine, other in zip(
        (plot_of(first).seen.left, plot_of(first).seen.top),
        (plot_of(second).seen.left, plot_of(second).seen.top),
        strict=True,
    ):
        assert mine == pytest.approx(other, abs=1e-6)


def test_a_plot_says_what_it_is_and_how_it_is_zoomed(qtbot: QtBot) -> None:
    plot = plot_of(shown(qtbot, plotted()))
    assert plot.accessibleName() == "Plot of how far over layer"
    assert "a head" in plot.accessibleDescription()
    assert "Ctrl" in plot.accessibleDescription()


def test_a_panel_without_a_plot_has_no_axes(qtbot: QtBot) -> None:
    widget = PanelWidget()
    qtbot.addWidget(widget)
    assert widget.plot is None
    assert not widget.findChildren(PlotWidget)
