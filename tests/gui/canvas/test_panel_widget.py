"""A panel on screen shows exactly its numbers' colours, and knows what lies under the mouse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QFontMetrics, QWheelEvent
from PySide6.QtWidgets import QApplication, QScrollArea
from pytestqt.qtbot import QtBot

from vitviz.core.colors import ColorScale, colored
from vitviz.core.data.drawing import (
    Bars,
    Drawing,
    HeadTiles,
    Heat,
    HeatTiles,
    Message,
    Outlines,
    Panel,
    PixelSpace,
    Raster,
)
from vitviz.core.data.geometry import Box, Crop, TokenGrid
from vitviz.core.data.plots import Axis, Curve, Plot, Table
from vitviz.gui.app.application import application
from vitviz.gui.canvas.drawing_widget import DrawingWidget
from vitviz.gui.canvas.table_widget import cut
from vitviz.gui.widgets import theme

GRID = TokenGrid(4, 4, (8, 8), ("class",))
CROP = Crop((32, 32), (32, 32), (1.0, 1.0))


@pytest.fixture(scope="module", autouse=True)
def dark() -> None:
    theme.apply(application(), theme.DARK)


def shown(qtbot: QtBot, *panels: Panel) -> DrawingWidget:
    canvas = DrawingWidget()
    qtbot.addWidget(canvas)
    canvas.resize(420 * len(panels), 520)
    canvas.show_drawing(Drawing("test", "Test", (panels,)))
    canvas.show()
    qtbot.waitExposed(canvas)
    return canvas


def color_at(canvas: DrawingWidget, row: float, col: float, panel: int = 0) -> tuple[int, int, int]:
    widget = canvas.panels[panel]
    at = widget.position_of(row, col).toPoint()
    pixel = widget.grab().toImage().pixelColor(at)
    return pixel.red(), pixel.green(), pixel.blue()


def heat(values: np.ndarray, **look: Any) -> Panel:
    scale = ColorScale(float(values.min()), float(values.max()), "viridis", "attention")
    return Panel(
        (Heat(values, GRID.frame, scale, **look),), CROP.frame, "Map", PixelSpace(CROP, GRID), scale
    )


def test_each_cell_has_the_color_of_its_value(qtbot: QtBot) -> None:
    values = np.random.default_rng(1).random((4, 4), np.float32)
    panel = heat(values)
    canvas = shown(qtbot, panel)
    assert panel.bar is not None
    wanted = colored(values, panel.bar)
    for row in range(4):
        for col in range(4):
            found = color_at(canvas, row * 8 + 4, col * 8 + 4)
            assert np.abs(np.subtract(found, wanted[row, col].astype(int))).max() <= 2


def test_opacity_mixes_with_the_picture(qtbot: QtBot) -> None:
    values = np.ones((4, 4), np.float32)
    scale = ColorScale(0.0, 1.0, "viridis")
    picture = Raster(np.zeros((32, 32, 3), np.uint8), CROP.frame)
    panel = Panel((picture, Heat(values, GRID.frame, scale, 0.5)), CROP.frame)
    found = color_at(shown(qtbot, panel), 12, 12)
    full = colored(values, scale)[0, 0].astype(int)
    assert np.abs(np.subtract(found, full / 2)).max() <= 2


def test_a_new_map_replaces_the_old_one_in_place(qtbot: QtBot) -> None:
    rising = np.arange(16, dtype=np.float32).reshape(4, 4)
    canvas = shown(qtbot, heat(rising))
    before = canvas.panels[0]
    canvas.show_drawing(Drawing("test", "Test", ((heat(rising[::-1].copy()),),)))
    assert canvas.panels[0] is before
    high = colored(rising, ColorScale(0, 15, "viridis"))[3, 3].astype(int)
    assert np.abs(np.subtract(color_at(canvas, 4, 28), high)).max() <= 2


@pytest.mark.parametrize(("row", "col"), [(0.5, 0.5), (31.5, 31.5), (8.5, 23.5), (15.5, 16.5)])
def test_the_patch_under_the_mouse_is_the_one_that_is_named(
    qtbot: QtBot, row: float, col: float
) -> None:
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    canvas = shown(qtbot, heat(values))
    widget = canvas.panels[0]
    inside = widget.viewport.mapFrom(widget, widget.position_of(row, col).toPoint())
    found = widget.aim_at(QPointF(inside))
    assert found is not None
    assert found.token == GRID.token(int(row // 8), int(col // 8))
    assert found.value == values[int(row // 8), int(col // 8)]


def test_beside_the_picture_nothing_is_aimed_at(qtbot: QtBot) -> None:
    canvas = shown(qtbot, heat(np.zeros((4, 4), np.float32)))
    widget = canvas.panels[0]
    inside = widget.viewport.mapFrom(widget, widget.position_of(-3, 5).toPoint())
    assert widget.aim_at(QPointF(inside)) is None


def test_an_atlas_names_layer_and_head(qtbot: QtBot) -> None:
    values = np.random.default_rng(2).random((3, 2, 4, 4), np.float32)
    low, high = np.zeros((3, 2), np.float32), np.ones((3, 2), np.float32)
    space = HeadTiles(CROP, GRID, 3, (2, 2, 2))
    tiles = HeatTiles(values, low, high, ColorScale(0, 1))
    chosen = Outlines((Box(0, 0, 4, 4),), "chosen")
    canvas = shown(qtbot, Panel((tiles, chosen), Box(0, 0, 14, 9), space=space))
    widget = canvas.panels[0]
    inside = widget.viewport.mapFrom(widget, widget.position_of(12.5, 6.5).toPoint())
    found = widget.aim_at(QPointF(inside))
    assert found is not None
    assert (found.layer, found.head) == (2, 1)
    assert found.value == pytest.approx(float(values[2, 1, 2, 1]))


def test_bars_and_messages_are_no_maps(qtbot: QtBot) -> None:
    bars = Panel((Bars(("cat", "dog"), (0.8, 0.2), ("80%", "20%")),), Box(0, 0, 2, 1))
    words = Panel((Message("No map", "because"),), Box(0, 0, 1, 1))
    canvas = shown(qtbot, bars, words)
    for panel in canvas.panels:
        assert panel.aim_at(QPointF(20, 20)) is None


def test_the_smaller_of_two_rows_gets_less_height(qtbot: QtBot) -> None:
    square = heat(np.zeros((4, 4), np.float32))
    wide = Panel((Raster(np.zeros((8, 48, 3), np.uint8), Box(0, 0, 8, 48)),), Box(0, 0, 8, 48))
    canvas = DrawingWidget()
    qtbot.addWidget(canvas)
    canvas.resize(500, 700)
    canvas.show_drawing(Drawing("test", "Test", ((square,), (wide,))))
    canvas.show()
    qtbot.waitExposed(canvas)
    assert canvas.panels[1].height() < canvas.panels[0].height() / 2


def turned(
    canvas: DrawingWidget, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    """The wheel one notch towards the user, over the middle of the first map."""
    viewport = canvas.panels[0].viewport
    at = QPointF(viewport.rect().center())
    event = QWheelEvent(
        at,
        viewport.mapToGlobal(at),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, event)


def test_the_wheel_scrolls_a_board_that_scrolls_and_zooms_with_ctrl(qtbot: QtBot) -> None:
    area = QScrollArea()
    qtbot.addWidget(area)
    canvas = DrawingWidget()
    canvas.resize(380, 900)
    canvas.show_drawing(Drawing("test", "Test", ((heat(np.eye(4, dtype=np.float32)),),)))
    area.setWidget(canvas)
    area.resize(400, 300)
    area.show()
    qtbot.waitExposed(area)
    bar, before = area.verticalScrollBar(), canvas.panels[0].position_of(1, 1)
    turned(canvas)
    assert bar.value() > 0
    assert canvas.panels[0].position_of(1, 1) == before
    scrolled = bar.value()
    turned(canvas, Qt.KeyboardModifier.ControlModifier)
    assert bar.value() == scrolled
    assert canvas.panels[0].position_of(1, 1) != before


def test_the_wheel_zooms_where_nothing_scrolls(qtbot: QtBot) -> None:
    canvas = shown(qtbot, heat(np.eye(4, dtype=np.float32)))
    before = canvas.panels[0].position_of(1, 1)
    turned(canvas)
    assert canvas.panels[0].position_of(1, 1) != before


def plotted() -> Panel:
    line = Curve(np.arange(3.0), np.arange(3.0), "a line")
    plot = Plot((line,), Axis("layer", 0, 2), Axis("how far", 0, 1))
    return Panel((plot,), Box(0, 0, 3, 4), "Plot")


def tabled(lines: int) -> Panel:
    table = Table(("name", "number"), (("a name", "1"),) * lines)
    return Panel((table,), Box(0, 0, lines + 1, 20), "Table")


def test_the_colour_bar_stands_right_below_its_map(qtbot: QtBot) -> None:
    bare = replace(heat(np.eye(4, dtype=np.float32)), bar=None)
    canvas = shown(qtbot, heat(np.eye(4, dtype=np.float32)), bare)
    first, second = canvas.panels
    qtbot.waitUntil(lambda: 0 < first._bar.y() - first.position_of(32, 0).y() < 24, timeout=1000)
    assert abs(first.position_of(0, 0).y() - second.position_of(0, 0).y()) < 1, "tops in one line"


def test_a_table_gets_its_lines_and_a_plot_what_is_over(qtbot: QtBot) -> None:
    canvas = DrawingWidget()
    qtbot.addWidget(canvas)
    canvas.resize(700, 900)
    canvas.show_drawing(Drawing("test", "Test", ((plotted(),), (tabled(6),))))
    canvas.show()
    qtbot.waitExposed(canvas)
    plot, table = canvas.panels
    assert table._table.height() >= 7 * table._table.rows.line
    assert table.height() < 9 * table._table.rows.line
    assert plot.height() + table.height() > 880


def test_a_height_divided_by_hand_stays(qtbot: QtBot) -> None:
    canvas = DrawingWidget()
    qtbot.addWidget(canvas)
    canvas.resize(700, 900)
    canvas.show_drawing(Drawing("test", "Test", ((tabled(3),), (tabled(6),))))
    canvas.show()
    qtbot.waitExposed(canvas)
    assert canvas._body is not None
    canvas._body.moveSplitter(500, 1)
    canvas.resize(700, 910)
    assert canvas.panels[0].height() > 490


def test_a_cell_that_is_cut_keeps_its_share(qtbot: QtBot) -> None:
    metrics = QFontMetrics(theme.font())
    room = metrics.horizontalAdvance("tailed … 15%")
    shown_as = cut("tailed frog 15%", metrics, room)
    assert shown_as.startswith("tailed")
    assert shown_as.endswith("… 15%")
    assert metrics.horizontalAdvance(shown_as) <= room
    assert cut("tailed frog", metrics, 400) == "tailed frog"


def test_a_table_that_is_scrolled_shows_whole_lines_and_the_chosen_one(qtbot: QtBot) -> None:
    rows = tuple((f"line {n}", "1 × 6 × 37 × 37") for n in range(30))
    panel = Panel((Table(("name", "shape"), rows, 29),), Box(0, 0, 31, 20), "Table")
    canvas = shown(qtbot, panel)
    canvas.resize(150, 333)
    table = canvas.panels[0]._table
    line, bar = table.rows.line, table.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() % line == 0, timeout=1000)
    assert table.viewport().height() % line == 0
    assert bar.value() + table.viewport().height() >= 31 * line
    _, span = table.rows.spans()[1]
    words = table.rows.fontMetrics().horizontalAdvance(rows[0][1])
    assert span - 8 >= words, "a shape is not cut"


def test_a_table_leaves_the_room_that_it_has_no_use_for_to_the_map_beside_it(qtbot: QtBot) -> None:
    canvas = DrawingWidget()
    qtbot.addWidget(canvas)
    canvas.resize(1400, 600)
    beside = replace(tabled(4), weight=3.0)
    canvas.show_drawing(Drawing("test", "Test", ((beside, heat(np.eye(4, dtype=np.float32))),)))
    canvas.show()
    qtbot.waitExposed(canvas)
    table, other = canvas.panels
    assert table._table.rows.spans()[-1][0] > 0
    assert other.width() > 1400 - table.width() - 40
    assert table.width() < 400
