"""A map on screen: what is painted from memory is what would be painted anew, and it pans and zooms."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QMouseEvent, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing import (
    DrawnLayer,
    Grid,
    Heat,
    HeatTiles,
    Label,
    Labels,
    Outlines,
    Raster,
)
from vitviz.core.data.drawing.diagram import Diagram, DiagramArrow, DiagramBox
from vitviz.core.data.geometry import Box, Spot
from vitviz.gui.app.application import application
from vitviz.gui.canvas.diagram_painter import DiagramPainter
from vitviz.gui.canvas.layer_painters import TextPainter
from vitviz.gui.canvas.layer_placing import LayerPlacing
from vitviz.gui.canvas.map_widget import MapWidget
from vitviz.gui.widgets import theme

WHOLE = Box(0, 0, 32, 32)
VALUES = np.random.default_rng(3).random((4, 4), np.float32)
PICTURE = Raster(np.random.default_rng(4).integers(0, 255, (32, 32, 3), np.uint8), WHOLE)
GRID = Grid(WHOLE, 4, 4)
NUMBERS = Labels(
    tuple(Label(str(n), Spot(8.0 * n + 4, 4.0), "left") for n in range(4)), role="number"
)


@pytest.fixture(scope="module", autouse=True)
def dark() -> None:
    theme.apply(application(), theme.DARK)


class Repainted(QObject):
    """Notes which parts of a widget are painted."""

    def __init__(self, widget: MapWidget) -> None:
        super().__init__(widget)
        self.parts: list[QRect] = []
        widget.viewport().installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if isinstance(event, QPaintEvent):
            self.parts.append(event.region().boundingRect())
        return False


def shown(qtbot: QtBot, *layers: DrawnLayer, size: tuple[int, int] = (301, 243)) -> MapWidget:
    widget = MapWidget()
    qtbot.addWidget(widget)
    widget.resize(*size)
    widget.show_layers(layers, WHOLE)
    widget.reset()
    widget.show()
    qtbot.waitExposed(widget)
    QApplication.processEvents()
    return widget


def image(widget: MapWidget) -> QImage:
    return widget.grab().toImage()


def heat(values: np.ndarray, opacity: float = 0.6) -> Heat:
    return Heat(values, WHOLE, ColorScale(0, 1), opacity)


def spot(token: int) -> Outlines:
    row, col = divmod(token, 4)
    return Outlines((Box(8 * row, 8 * col, 8 * row + 8, 8 * col + 8),), "hover")


def atlas(values: np.ndarray) -> HeatTiles:
    zeros = np.zeros((2, 2), np.float32)
    return HeatTiles(values.reshape(2, 2, 2, 2), zeros, zeros + 1, ColorScale(0, 1))


SCENES: list[list[tuple[DrawnLayer, ...]]] = [
    [(PICTURE, GRID, spot(at)) for at in (0, 15, 6, 6)],
    [(PICTURE, heat(VALUES), spot(1)), (PICTURE, heat(VALUES[::-1].copy()), spot(2), NUMBERS)],
    [(atlas(VALUES), NUMBERS), (atlas(1 - VALUES), NUMBERS), (atlas(1 - VALUES), spot(3))],
    [(PICTURE, heat(VALUES), GRID), (PICTURE, GRID), (heat(VALUES, 1.0),), ()],
]


@pytest.mark.parametrize("scenes", SCENES)
def test_what_is_painted_from_memory_is_as_if_painted_anew(
    qtbot: QtBot, scenes: list[tuple[DrawnLayer, ...]]
) -> None:
    widget = shown(qtbot, *scenes[0])
    for layers in scenes:
        widget.show_layers(layers, WHOLE)
        QApplication.processEvents()
        assert image(widget) == image(shown(qtbot, *layers))


def test_only_what_differs_is_painted_again(qtbot: QtBot) -> None:
    widget = shown(qtbot, PICTURE, GRID, spot(0))
    watched = Repainted(widget)
    widget.show_layers((PICTURE, Grid(WHOLE, 4, 4), spot(0)), WHOLE)
    QApplication.processEvents()
    assert watched.parts == []
    widget.show_layers((PICTURE, GRID, spot(1)), WHOLE)
    QApplication.processEvents()
    (part,) = watched.parts
    assert part.width() < widget.width() * 0.6
    assert part.height() < widget.height() * 0.4
    assert part.contains(widget.position_of(Spot(4, 12)).toPoint())


def test_a_restyled_map_has_the_new_ground(qtbot: QtBot) -> None:
    widget = shown(qtbot, PICTURE, spot(0))
    widget.show_layers((PICTURE, spot(1)), WHOLE)
    image(widget)
    theme.apply(application(), theme.LIGHT)
    widget.restyle()
    corner = image(widget).pixelColor(0, 0).name()
    theme.apply(application(), theme.DARK)
    assert corner == theme.LIGHT.surface


def test_another_size_shows_the_same_part(qtbot: QtBot) -> None:
    widget = shown(qtbot, PICTURE)
    widget.see(Box(4, 4, 12, 12))
    widget.resize(90, 200)
    seen = widget.seen
    assert (seen.left, seen.right) == pytest.approx((4, 12))
    assert seen.centre.row == pytest.approx(8)


def turned(widget: MapWidget, at: QPointF, notches: int) -> None:
    event = QWheelEvent(
        at,
        widget.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget.viewport(), event)


def moved(widget: MapWidget, to: QPoint) -> None:
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(to),
        widget.mapToGlobal(QPointF(to)),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget.viewport(), event)


def test_the_wheel_keeps_what_is_under_the_mouse(qtbot: QtBot) -> None:
    widget = shown(qtbot, PICTURE)
    at = QPointF(200, 60)
    before, whole = widget.spot(at), widget.seen
    with qtbot.waitSignal(widget.zoomed) as said:
        turned(widget, at, 3)
    assert said.args == [widget.seen]
    after = widget.spot(at)
    assert (after.row, after.col) == pytest.approx((before.row, before.col))
    assert widget.seen.height < whole.height / 2
    turned(widget, at, -3)
    assert widget.seen.height == pytest.approx(whole.height)


def test_zooming_has_its_ends(qtbot: QtBot) -> None:
    widget = shown(qtbot, PICTURE)
    for notches in (9, -9):
        for _ in range(20):
            turned(widget, QPointF(100, 100), notches)
        assert 0.01 < widget.seen.height < 1000


def test_a_drag_pans_and_a_trembling_click_does_not(qtbot: QtBot) -> None:
    widget = shown(qtbot, PICTURE)
    here, before = QPoint(150, 120), widget.seen
    under = widget.spot(QPointF(here))
    qtbot.mousePress(widget.viewport(), Qt.MouseButton.LeftButton, pos=here)
    moved(widget, here + QPoint(2, 1))
    assert widget.seen == before
    moved(widget, here + QPoint(40, 30))
    qtbot.mouseRelease(widget.viewport(), Qt.MouseButton.LeftButton, pos=here + QPoint(40, 30))
    now = widget.spot(QPointF(here + QPoint(40, 30)))
    assert (now.row, now.col) == pytest.approx((under.row, under.col))
    moved(widget, here)
    assert widget.spot(QPointF(here + QPoint(40, 30))) == now, "the button is up"
    widget.reset()
    assert widget.seen == before


@pytest.mark.parametrize("sharp", [1.0, 1.25, 2.0])
def test_pictures_begin_and_end_on_pixels_of_the_screen(sharp: float) -> None:
    at = LayerPlacing(3.37, 10.3, 5.81, sharp)
    place = at.whole(Box(1, 2, 15, 18))
    for edge in (place.left(), place.top(), place.right(), place.bottom()):
        assert edge * sharp == pytest.approx(round(edge * sharp))


@pytest.mark.parametrize("side", [4, 16, 32])
def test_token_numbers_stay_on_the_picture(qtbot: QtBot, side: int) -> None:
    """At the right edge, the widest ones are left out where their cell is too small for them."""
    cell = 32 / side
    spots = [
        Spot((row + 0.5) * cell, (col + 0.5) * cell) for row in range(side) for col in range(side)
    ]
    numbers = Labels(
        tuple(Label(str(token), spot) for token, spot in enumerate(spots, 1)), role="number"
    )
    words = TextPainter(numbers)
    at = LayerPlacing(4.0, 20, 20)
    covered = words.bounds(at)
    assert covered.width() > 0
    picture = QRectF(at.point(0, 0), at.point(32, 32))
    assert picture.left() - 4 <= covered.left() <= covered.right() <= picture.right() + 4


def test_a_diagram_is_painted_with_words_that_fit_and_its_lit_box_in_the_accent(
    qtbot: QtBot,
) -> None:
    wide, low = DiagramBox("attention", Box(4, 2, 16, 30), "chosen"), Box(20, 2, 26, 13)
    small = DiagramBox("norm", low, note="9 × 4")
    diagram = Diagram((wide, small), (DiagramArrow((Spot(16, 16), Spot(30, 16)), "chosen"),))
    widget = shown(qtbot, diagram)
    painter = DiagramPainter(diagram)
    at = widget._placed()
    assert painter.bounds(at).contains(at.rect(wide.box))
    sizes, noted = painter._type(at)
    assert noted
    assert sizes[0] == sizes[1], "words of framed boxes have one size"
    lines = ("norm", "9 × 4")
    font = theme.font(0, numbers=True)
    font.setPixelSize(max(round(sizes[1]), 1))
    room = at.rect(low)
    metrics = QFontMetricsF(font)
    assert max(metrics.horizontalAdvance(line) for line in lines) <= room.width() * 1.05
    image = widget.grab().toImage()
    accent = QColor(theme.current().accent)
    edge = at.rect(wide.box)
    assert image.pixelColor(round(edge.center().x()), round(edge.top())) == accent
    assert image.pixelColor(round(at.point(23, 16).x()), round(at.point(23, 16).y())) == accent


def test_in_little_room_a_diagram_leaves_out_its_notes_first(qtbot: QtBot) -> None:
    box = DiagramBox("norm", Box(0, 0, 6, 12), note="197 × 192 numbers of all tokens")
    diagram = Diagram((box,))
    widget = shown(qtbot, diagram)
    sizes, noted = DiagramPainter(diagram)._type(widget._placed())
    assert not noted
    assert sizes[0] > 9
