"""Every control of the window says what it is where it cannot be seen, and can be reached by keys."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from vitviz.gui.app.main_window import MainWindow
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.request import ModelRequest

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
)


@pytest.fixture
def window(qtbot: QtBot, photo: np.ndarray) -> MainWindow:
    """Two columns, the gallery open, every panel there."""
    session = Session(InlineJobs(), save=lambda _settings: "")
    made = MainWindow(session)
    qtbot.addWidget(made)
    made.resize(1400, 900)
    made.show()
    session.columns.use_model(ModelRequest("test_vit", pretrained=False))
    session.open([photo])
    made.perform("add_column")
    made.perform("add_view")
    return made


def controls(window: MainWindow) -> Iterator[QWidget]:
    """What somebody may use, without the parts that Qt makes of them."""
    for widget in window.findChildren(QWidget):
        inside = widget.parentWidget()
        if not isinstance(widget, CONTROLS) or isinstance(widget, QScrollBar):
            continue
        if isinstance(inside, CONTROLS) or widget.objectName().startswith("qt_"):
            continue
        if widget.metaObject().className().startswith("QDockWidgetTitleButton"):
            continue
        if widget.isVisibleTo(window):
            yield widget


def named(widget: QWidget) -> str:
    """What a screen reader would call it: its name, or the words on it."""
    if name := widget.accessibleName():
        return name
    words = widget.text() if isinstance(widget, QAbstractButton) else ""
    return words if any(letter.isalpha() for letter in words) else ""


def told(widget: QWidget) -> str:
    above = widget.parentWidget()
    around = [] if above is None else [above.metaObject().className(), above.objectName()]
    words = widget.text() if isinstance(widget, QAbstractButton) else ""
    kind, tip = widget.metaObject().className(), widget.toolTip()
    return f"{kind} {widget.objectName()} {words!r} {tip!r} in {' '.join(around)}"


def test_every_control_has_a_name(window: MainWindow) -> None:
    found = list(controls(window))
    assert len(found) > 60
    assert [told(widget) for widget in found if not named(widget)] == []


def test_every_control_can_be_reached_by_tab(window: MainWindow) -> None:
    reached = Qt.FocusPolicy.TabFocus
    missed = [
        f"{named(widget)}: {told(widget)}"
        for widget in controls(window)
        if widget.isEnabled() and not widget.focusPolicy() & reached
    ]
    assert missed == []
