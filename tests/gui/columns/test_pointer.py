"""Pointing into the views of a TNT's words chooses the word that lies there."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from pytestqt.qtbot import QtBot

import vitviz
from vitviz.core.data.selection import Place, Selection
from vitviz.gui.app.application import application
from vitviz.gui.canvas.drawing_widget import DrawingWidget
from vitviz.gui.panels.inspector import InspectorPanel
from vitviz.gui.widgets import theme
from vitviz.views import find

TINY = {
    "img_size": 32,
    "embed_dim": 24,
    "inner_dim": 8,
    "depth": 2,
    "num_heads_inner": 2,
    "num_heads_outer": 3,
    "num_classes": 5,
}


@pytest.fixture(scope="module")
def trace(photo):
    theme.apply(application(), theme.DARK)
    return vitviz.trace(vitviz.load("tnt_s_patch16_224", pretrained=False, **TINY), photo)


def at(trace, token, word):
    spot = trace.crop.to_original(trace.grid.word_box(token, word).centre)
    return Selection(hover=Place(spot))


# (view, panel, row, column, the word there); the sentence is always the one that is shown
CELLS = [
    ("words", 0, 22.0, 30.0, 7),  # model pixels: the second patch row and column begin at 16
    ("words", 1, 5 + 2.5, 5 + 1.5, 9),
    ("words", 2, 12.5, 3.5, 12),
    ("mosaic", 0, 22.0, 30.0, 7),
    ("mosaic", 1, 4 + 1.5, 8 - 0.5, 7),
    ("word_positions", 1, 3 * 5 + 0.5, 5 + 3.5, 13),
]


@pytest.mark.parametrize(("view", "number", "row", "col", "word"), CELLS)
def test_what_is_pointed_at_is_the_word(qtbot: QtBot, trace, view, number, row, col, word):
    canvas = DrawingWidget()
    qtbot.addWidget(canvas)
    canvas.resize(1200, 500)
    with qtbot.waitExposed(canvas):
        canvas.show()
    canvas.show_drawing(find(view).draw(trace, at(trace, 4, 3)))
    application().processEvents()
    heard: list[Any] = []
    canvas.hovered.connect(heard.append)
    move_to(canvas.panels[number], row, col)
    chosen = Selection(hover=heard[-1].place)
    assert chosen.word(trace.grid, trace.crop) == word
    assert chosen.token(trace.grid, trace.crop) == 4


def move_to(panel: Any, row: float, col: float) -> None:
    """The cursor over a position of a panel."""
    at = panel.viewport.mapFrom(panel, panel.position_of(row, col).toPoint())
    none = Qt.MouseButton.NoButton
    moved = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(at),
        QPointF(panel.viewport.mapToGlobal(at)),
        none,
        none,
        Qt.KeyboardModifier.NoModifier,
    )
    application().sendEvent(panel.viewport, moved)


def test_what_only_words_answer_is_offered_for_models_that_have_them(
    qtbot: QtBot, trace, tiny_trace
):
    inspector = InspectorPanel()
    qtbot.addWidget(inspector)
    inspector.show_view(find("whatif"), {})

    def offered() -> bool:
        assert inspector._form is not None
        return not inspector._form.fields["inner"].isHidden()

    for shown, values, there in (
        (tiny_trace, {}, False),
        (trace, {}, True),
        (tiny_trace, {"inner": "blocks off"}, True),  # to be taken back
        (tiny_trace, {"inner": "as trained"}, False),
    ):
        inspector.show_trace(shown, values)
        assert offered() is there
    inspector.show_values(find("whatif"), {"inner": "blocks off"})
    assert offered()
