"""Hovering previews another token, and still says what the chosen one gives to the patch there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from reference import make_trace

from vitviz.core.data.geometry import Spot
from vitviz.core.data.selection import Selection, place_of
from vitviz.core.notation import shown_number
from vitviz.gui.canvas.drawing_widget import DrawingWidget
from vitviz.gui.canvas.legend import ColorBar
from vitviz.views import find

TRACE = make_trace()
HOVER = place_of(TRACE.grid.token(1, 2), TRACE.grid, TRACE.crop)


def moved(widget: DrawingWidget, row: float, col: float) -> None:
    panel = widget.panels[0]
    at: QPointF = panel.map.position_of(Spot(row, col))
    none = Qt.MouseButton.NoButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    event = QMouseEvent(QEvent.Type.MouseMove, at, panel.viewport.mapToGlobal(at), *none)
    QApplication.sendEvent(panel.viewport, event)


@pytest.mark.parametrize("name", ["heads", "rollout"])
def test_the_value_is_the_chosen_token_s_while_another_is_previewed(qtbot: QtBot, name: str):
    widget, chosen = DrawingWidget(), Selection(depth=0.5)
    qtbot.addWidget(widget)
    widget.resize(900, 500)
    first = find(name).draw(TRACE, chosen)
    widget.show_drawing(first)
    widget.show()
    said: list[str] = []
    for signal in (widget.hovered, widget.read):
        signal.connect(lambda found: said.append(found.words if found else ""))
    moved(widget, 12, 20)  # patches of 8 pixels: row 1, column 2
    widget.show_drawing(find(name).draw(TRACE, replace(chosen, hover=HOVER)))
    given = next(values for key, values in first.arrays.items() if key == "panel1")[1, 2]
    assert said == [f"class → (1, 2): {shown_number(float(given), 4)}"] * 2
    bar = widget.panels[0].findChild(ColorBar)
    assert bar.value == (
        pytest.approx(float(given)),
        f"{shown_number(float(given), 4)} · class → (1, 2)",
    )
    QApplication.sendEvent(widget.panels[0].viewport, QEvent(QEvent.Type.Leave))
    assert bar.value == (None, "")


def test_of_a_layer_that_was_never_seen_for_the_chosen_token_the_preview_is_read(qtbot: QtBot):
    widget, heads = DrawingWidget(), find("heads")
    qtbot.addWidget(widget)
    widget.resize(900, 500)
    widget.show_drawing(heads.draw(TRACE, Selection(depth=0.5)))
    widget.show()
    moved(widget, 12, 20)
    said: list[str] = []
    widget.read.connect(lambda found: said.append(found.words))
    widget.show_drawing(heads.draw(TRACE, Selection(depth=1.0, hover=HOVER)))
    assert len(said) == 1
    assert said[0].startswith("(1, 2) → (1, 2): ")
