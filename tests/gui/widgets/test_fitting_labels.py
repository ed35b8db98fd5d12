"""Labels show the beginning of what they say, however little room there is."""

from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from vitviz.gui.widgets.fitting_labels import ElidedLabel


def test_the_first_letter_is_whole_also_on_the_right(qtbot: QtBot) -> None:
    """A line that was cut to fit may be a pixel too wide, which is all there is of an l."""
    left, right = (
        ElidedLabel("looking at a checkpoint file of some name", Qt.TextElideMode.ElideMiddle)
        for _ in range(2)
    )
    right.setAlignment(Qt.AlignmentFlag.AlignRight)
    for label in (left, right):
        qtbot.addWidget(label)
    full = right.fontMetrics().horizontalAdvance(right.text())
    for width in range(80, full - 1):
        for label in (left, right):
            label.resize(width, 20)
        if right.fontMetrics().horizontalAdvance(right.lines()[0]) >= width:
            assert right.grab().toImage() == left.grab().toImage(), width
