"""Notices: short where many things went wrong at once, and nothing is left unsaid."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from vitviz.gui.panels.notices import NoticeStack
from vitviz.gui.widgets.text_page import TextPage


def buttons(notices: NoticeStack) -> dict[str, QPushButton]:
    return {each.text(): each for each in notices.findChildren(QPushButton)}


def test_all_of_many_sentences_are_a_click_away(qtbot: QtBot) -> None:
    notices = NoticeStack()
    qtbot.addWidget(notices)
    said = [f"photo {number}.png is empty (0 bytes)" for number in range(9)]
    notices.say(said)
    qtbot.mouseClick(buttons(notices)["Show all 9"], Qt.MouseButton.LeftButton)
    page = notices.findChild(TextPage)
    assert page is not None
    assert page.isVisible()
    assert page.text.toPlainText().splitlines() == said
    assert notices.sentences == tuple(said), "the strip stays until it is dismissed"
    page.close()


def test_few_sentences_need_no_button(qtbot: QtBot) -> None:
    notices = NoticeStack()
    qtbot.addWidget(notices)
    notices.say([f"photo {number}.png is empty" for number in range(9)])
    notices.dismiss()
    notices.say(["one thing"])
    assert not any(button.isVisibleTo(notices) for button in buttons(notices).values())
