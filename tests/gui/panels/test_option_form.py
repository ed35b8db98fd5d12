"""Forms keep to their column, and offer what is implied to be changed."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout
from pytestqt.qtbot import QtBot

from vitviz.gui.app.application import application
from vitviz.gui.panels.option_form import OptionForm, TextLine
from vitviz.gui.widgets import theme
from vitviz.views import find


@pytest.fixture(scope="module", autouse=True)
def dark() -> None:
    theme.apply(application(), theme.DARK)


@pytest.fixture
def wishes() -> list[tuple[str, object]]:
    return []


@pytest.fixture
def form(qtbot: QtBot, wishes: list[tuple[str, object]]) -> OptionForm:
    options = tuple(each for each in find("einops").options if each.group != "look")
    made = OptionForm(options, lambda name, value: wishes.append((name, value)))
    made.show_implied({"pattern": "a b -> b a"})
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    return made


def line_of(form: OptionForm) -> TextLine:
    line = form.fields["pattern"]
    assert isinstance(line, TextLine)
    return line


def test_long_choices_do_not_widen_the_form(form: OptionForm) -> None:
    assert form.minimumSizeHint().width() <= 224


def test_what_is_implied_can_be_changed(qtbot: QtBot, form: OptionForm, wishes) -> None:
    line = line_of(form)
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    assert line.text() == "a b -> b a"
    line.setCursorPosition(len(line.text()))
    qtbot.keyClicks(line, " 1")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert wishes == [("pattern", "a b -> b a 1")]
    form.show_values({"pattern": "a b -> b a 1"})
    assert line.text() == "a b -> b a 1"


def test_left_as_it_was_it_stays_empty(qtbot: QtBot, form: OptionForm, wishes) -> None:
    line = line_of(form)
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    qtbot.keyClick(line, Qt.Key.Key_Return)
    line.clearFocus()
    qtbot.waitUntil(lambda: not line.hasFocus())
    assert line.text() == ""
    assert wishes == []


def test_cleared_it_is_as_the_example_again(qtbot: QtBot, form: OptionForm, wishes) -> None:
    line = line_of(form)
    form.show_values({"pattern": "a -> a"})
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    line.clear()
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert wishes == [("pattern", "")]


def test_a_choice_of_long_words_has_a_line_of_its_own(form: OptionForm) -> None:
    layout = form.layout()
    assert isinstance(layout, QFormLayout)
    roles = {name: layout.getWidgetPosition(form.fields[name])[1] for name in form.fields}  # type: ignore[index]
    assert roles["example"] == QFormLayout.ItemRole.SpanningRole
    assert roles["reduction"] == QFormLayout.ItemRole.FieldRole
