"""The interface's size: a percentage that multiplies what the system wants."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from vitviz.gui.app.actions import actions
from vitviz.gui.app.text_pages import KEY_GROUPS, key_groups
from vitviz.gui.widgets.interface_size import SIZES, InterfaceSizeMenu, scale_interface
from vitviz.session.files.settings import Settings, read_settings, write_settings


@pytest.mark.parametrize(
    ("percent", "before", "after"),
    [
        (150, None, "1.5"),
        (150, "2", "3"),
        (80, "1.25", "1"),
        (500, None, "2"),
        (1, None, "0.8"),
        (125, "nonsense", "1.25"),
    ],
)
def test_it_multiplies_what_is_asked_for_already(
    percent: int, before: str | None, after: str
) -> None:
    environment = {} if before is None else {"QT_SCALE_FACTOR": before}
    scale_interface(percent, environment)
    assert environment == {"QT_SCALE_FACTOR": after}


def test_at_100_percent_the_system_alone_decides() -> None:
    environment: dict[str, str] = {}
    scale_interface(100, environment)
    assert environment == {}


def test_a_choice_is_told_and_remembered(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    told: list[int] = []
    menu = InterfaceSizeMenu(parent, 100, told.append)
    assert [action.data() for action in menu.actions() if action.isChecked()] == [100]
    assert (SIZES[0], SIZES[-1]) == (80, 200)
    next(action for action in menu.actions() if action.data() == 150).trigger()
    assert told == [150]
    assert write_settings(Settings(interface_size=150)) == ""
    assert read_settings()[0].interface_size == 150


def test_every_key_stands_in_one_group() -> None:
    groups = key_groups(actions().values())
    named = [keys for group in groups.values() for _words, keys in group]
    wanted = [", ".join(action.keys) for action in actions().values() if action.keys]
    assert sorted(named) == sorted([*wanted, "hold Shift"])
    assert next(iter(groups)) == KEY_GROUPS[""]
    assert ("Undo", "Ctrl+Z") in groups["Undo"]
