"""A card's words end before its buttons, in an ellipsis."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPointF
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from vitviz.gui.app.application import application
from vitviz.gui.columns.view_card import ViewCard
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.fitting_labels import TitleLabel
from vitviz.views import find


@pytest.fixture(scope="module", autouse=True)
def dark() -> None:
    theme.apply(application(), theme.DARK)


@pytest.mark.parametrize("width", [170, 240, 700])
def test_a_title_ends_before_the_buttons_that_come_with_the_mouse(qtbot: QtBot, width: int) -> None:
    card = ViewCard(find("lens"), 0)
    qtbot.addWidget(card)
    card.resize(width, 200)
    card.show()
    qtbot.waitExposed(card)
    title = card.findChild(TitleLabel)
    assert title is not None
    before = title.lines()
    QApplication.sendEvent(card, QEnterEvent(QPointF(5, 5), QPointF(5, 5), QPointF(5, 5)))
    QApplication.processEvents()
    assert card._tools is not None
    assert title.geometry().right() <= card._tools.geometry().left()
    assert (width == 700) == (title.lines()[0] == title.text())
    assert width == 700 or title.lines()[0] == "" or title.lines()[0].endswith("…")
    QApplication.sendEvent(card, QEvent(QEvent.Type.Leave))
    QApplication.processEvents()
    assert title.lines() == before
