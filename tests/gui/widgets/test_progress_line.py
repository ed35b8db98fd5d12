"""A bar that moves on makes nobody paint before their turn."""

from __future__ import annotations

from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from vitviz.gui.widgets.progress_line import ProgressLine


class Painted(QWidget):
    """Counts how often it is painted."""

    times = 0

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        self.times += 1


def test_it_is_painted_in_its_turn(qtbot: QtBot) -> None:
    window, other, line = QWidget(), Painted(), ProgressLine("How far it is")
    layout = QVBoxLayout(window)
    layout.addWidget(other)
    layout.addWidget(line)
    qtbot.addWidget(window)
    window.resize(200, 100)
    with qtbot.waitExposed(window):
        window.show()
    qtbot.waitUntil(lambda: other.times > 0)
    before = other.times
    other.update()
    line.setRange(0, 1000)
    line.setValue(400)
    line.setValue(700)
    assert (line.value(), line.maximum()) == (700, 1000)
    assert other.times == before
    qtbot.waitUntil(lambda: other.times > before)
    line.reset()
    assert line.value() == -1
