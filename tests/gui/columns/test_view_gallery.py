"""The gallery of views: pictures of all, found by a word, chosen by mouse and keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from vitviz.core.resources import resource
from vitviz.gui.columns.view_gallery import CHAPTERS, PICTURE, ViewGallery, ViewTile
from vitviz.views import find, views

WITHOUT = {"pools"}
"""No bundled model has what they show."""


@pytest.fixture
def gallery(qtbot: QtBot) -> Iterator[ViewGallery]:
    parent = QWidget()
    qtbot.addWidget(parent)
    made = ViewGallery(parent, views())
    made.show_states(lambda name: find(name).shown, {"cka": "compares two columns"})
    made.begin()
    yield made
    made.close()


def test_every_view_has_its_picture_dark_and_light() -> None:
    for name in views():
        if name not in WITHOUT:
            for theme in ("dark", "light"):
                with Image.open(resource(f"views/{theme}/{name}.webp")) as picture:
                    assert picture.size == (2 * PICTURE.width(), 2 * PICTURE.height())


def test_every_view_stands_in_a_group_that_has_a_name(gallery: ViewGallery) -> None:
    assert {view.chapter for view in views().values()} <= set(CHAPTERS)
    assert find("heads").chapter == "attention"
    assert [tile.view.name for tile in gallery.found[:2]] == ["heads", "rollout"]
    assert len(gallery.found) == len(views())


def test_a_word_finds_views_by_what_they_show(gallery: ViewGallery) -> None:
    QTest.keyClicks(gallery.search, "rollout")
    assert "rollout" in [tile.view.name for tile in gallery.found]
    assert len(gallery.found) < len(views()) / 2
    gallery.search.setText("no such view")
    assert gallery.found == []
    assert gallery._none.isVisible()


def test_keys_lead_through_the_tiles_and_choose(qtbot: QtBot, gallery: ViewGallery) -> None:
    told: list[tuple[str, bool]] = []
    gallery.toggled.connect(lambda view, on: told.append((view, on)))
    QTest.keyClick(gallery.search, Qt.Key.Key_Down)
    first = QApplication.focusWidget()
    assert isinstance(first, ViewTile)
    assert first is gallery.found[0]
    QTest.keyClick(first, Qt.Key.Key_Right)
    assert QApplication.focusWidget() is gallery.found[1]
    QTest.keyClick(gallery.found[1], Qt.Key.Key_Return)
    assert told == [("rollout", False)]
    QTest.keyClick(gallery.found[1], Qt.Key.Key_Down)
    below = QApplication.focusWidget()
    assert isinstance(below, ViewTile)
    assert (
        below.mapTo(gallery, below.rect().center()).y()
        > first.mapTo(gallery, first.rect().center()).y()
    )
    QTest.keyClick(below, "c")
    assert (QApplication.focusWidget(), gallery.search.text()) == (gallery.search, "c")
    QTest.keySequence(gallery.search, QKeySequence("Escape"))
    assert not gallery.isVisible()


def test_a_view_that_has_nothing_to_show_says_why(gallery: ViewGallery) -> None:
    tile = gallery.tiles["cka"]
    assert not tile.isEnabled()
    assert tile.toolTip() == "compares two columns"
    assert "compares two columns" in tile.accessibleName()
    assert "on the board" in gallery.tiles["heads"].accessibleName()


def test_as_many_tiles_stand_side_by_side_as_find_room(gallery: ViewGallery) -> None:
    gallery.resize(500, 600)
    narrow = gallery._across
    gallery.resize(1200, 600)
    assert gallery._across > narrow >= 2
