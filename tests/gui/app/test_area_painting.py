"""Strokes over a picture in the window become the option that the brush was taken up for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from pytestqt.qtbot import QtBot

from vitviz.core.pictures.picture_area import PictureArea
from vitviz.gui.app.application import application
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.widgets import theme

LEFT, RIGHT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.NoButton
KINDS = QEvent.Type


@pytest.fixture(scope="module", autouse=True)
def dark() -> None:
    theme.apply(application(), theme.DARK)


def stroke(
    window: MainWindow,
    *places: tuple[int, int],
    button: Qt.MouseButton = LEFT,
    keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    """Pressed at the first patch of the picture in the view of heads, moved on, let go at the last."""
    panel, trace = window.board.cards["heads"].canvas.panels[0], window.session.trace
    assert trace is not None
    kinds = [KINDS.MouseButtonPress, *[KINDS.MouseMove] * (len(places) - 1)]
    for kind, (row, col) in zip(
        [*kinds, KINDS.MouseButtonRelease], [*places, places[-1]], strict=True
    ):
        box = trace.grid.box(trace.grid.token(row, col))
        assert box is not None
        at = panel.position_of(box.centre.row, box.centre.col).toPoint()
        where = QPointF(panel.viewport.mapFrom(panel, at))
        held = NONE if kind == KINDS.MouseButtonRelease else button
        pressed = NONE if kind == KINDS.MouseMove else button
        event = QMouseEvent(
            kind, where, QPointF(panel.viewport.mapToGlobal(where)), pressed, held, keys
        )
        QCoreApplication.sendEvent(panel.viewport, event)


def painted(window: MainWindow, view: str, option: str) -> tuple[int, ...]:
    trace = window.session.trace
    assert trace is not None
    said = str(window.session.views.options.get(view, {}).get(option, ""))
    return PictureArea.read(said).patches(trace.grid, trace.crop)


def take_up(window: MainWindow, view: str) -> None:
    window.shown.set_all_shown(["heads", view])
    window.board.cards[view].wished.emit("paint", view, -1)
    assert window.painting.bar.isVisible()


def test_a_stroke_hides_the_patches_that_it_goes_over(qtbot: QtBot, window: MainWindow) -> None:
    before = window.session.selection
    take_up(window, "whatif")
    stroke(window, (5, 2), (5, 5))
    assert painted(window, "whatif", "painted") == (52, 53, 54, 55)
    stroke(window, (4, 5), (3, 5))
    assert painted(window, "whatif", "painted") == (52, 53, 54, 55, 45, 35)
    stroke(window, (5, 3), button=RIGHT)
    stroke(window, (5, 4), keys=Qt.KeyboardModifier.AltModifier)
    assert painted(window, "whatif", "painted") == (52, 55, 45, 35)
    assert window.session.selection == before, "painting chooses nothing"
    drawing = window.session.views.drawings["whatif"]
    assert "4 patches" in drawing.title
    assert len(drawing.rows) == 3, "the curve has come in the background"
    assert not window.board.cards["heads"].canvas.panels[0].map.seen.height < 150, "nor is it moved"


def test_a_rectangle_marks_a_box_and_a_file_a_mask(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    take_up(window, "why")
    stroke(window, (2, 2), (4, 5))
    said = PictureArea.read(str(window.session.views.options["why"]["mark"]))
    assert len(said.boxes) == 1
    trace = window.session.trace
    assert trace is not None
    box = trace.crop.box_to_model(said.boxes[0])
    assert (box.top, box.right) == pytest.approx((40, 88), abs=3)
    drawing = window.session.views.drawings["why"]
    assert "in the mark" in dict(drawing.panels[0].facts)
    window.session.chosen.select(head=0)
    mask = np.zeros((60, 80), np.uint8)
    mask[:30] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    window.painting.take_mask(tmp_path / "mask.png")
    assert painted(window, "why", "mark") == tuple(range(50))
    Image.fromarray(mask * 0).save(tmp_path / "mask.png")
    window.painting.take_mask(tmp_path / "mask.png")
    assert "marks nothing" in window.notices.sentences[0]
    window.painting.bar.clear_wished.emit()
    assert painted(window, "why", "mark") == ()


def test_the_brush_is_laid_down_and_the_picture_is_moved_again(
    qtbot: QtBot, window: MainWindow
) -> None:
    take_up(window, "whatif")
    window.perform("restore")
    assert not window.painting.bar.isVisible()
    stroke(window, (5, 2))
    assert painted(window, "whatif", "painted") == ()
    assert window.session.selection.pin.spot is not None, "a click chooses a patch as before"


def test_cards_of_views_without_painting_have_no_brush(window: MainWindow) -> None:
    window.painting.begin("positions")
    assert not window.painting.brush.on


def test_heads_are_ticked_in_the_atlas_several_at_once(qtbot: QtBot, window: MainWindow) -> None:
    window.shown.set_all_shown(["heads", "whatif"])
    before = window.session.selection
    atlas, trace = window.board.cards["heads"].canvas.panels[1], window.session.trace
    assert trace is not None

    def tick(layer: int, head: int) -> str:
        row, col = (at * (side + 1) + side / 2 for at, side in ((layer, 10), (head, 10)))
        at = atlas.position_of(row, col).toPoint()
        place = atlas.viewport.mapFrom(atlas, at)
        qtbot.mouseClick(atlas.viewport, LEFT, Qt.KeyboardModifier.ControlModifier, place)
        return str(window.session.views.options.get("whatif", {}).get("without", ""))

    assert tick(0, 1) == "1.2"
    assert tick(3, 0) == "1.2, 4.1"
    drawing = window.session.views.drawings["whatif"]
    assert "layer 1 head 2, layer 4 head 1 taken out" in drawing.title
    assert tick(0, 1) == "4.1"
    assert window.session.selection == before, "ticking chooses nothing"
