"""A folder is indexed and asked from a window: the chosen patch is the question."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

import vitviz
from vitviz.core.data.selection import place_of
from vitviz.folders.index.index_query import excited, where_else
from vitviz.folders.index.index_run import IndexOrder, index_folder
from vitviz.folders.index.vector_index import open_index
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.folders.index_window import HEAD, IndexWindow
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.request import ModelRequest


@pytest.fixture
def window(
    qtbot: QtBot, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MainWindow:
    monkeypatch.setenv("VITVIZ_CACHE_DIR", str(tmp_path / "cache"))
    window = MainWindow(Session(InlineJobs(), save=lambda _settings: ""))
    qtbot.addWidget(window)
    window.session.columns.use_model(ModelRequest(str(tiny_checkpoint)))
    return window


def _dialog(window: MainWindow) -> IndexWindow:
    window.perform("find_in_folder")
    return window.findChildren(IndexWindow)[-1]


def _pin(window: MainWindow, row: int, col: int) -> None:
    trace = window.session.trace
    assert trace is not None
    token = trace.grid.token(row, col)
    window.session.chosen.pin(place_of(token, trace.grid, trace.crop))


def _named(dialog: IndexWindow) -> list[tuple[str, int]]:
    assert dialog.answer is not None
    return [(each.entry.name, each.token) for each in dialog.answer.places]


def test_the_chosen_patch_is_found_as_the_command_finds_it(
    qtbot: QtBot, window: MainWindow, album: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    window.session.open([album / "0.png"])
    _pin(window, 3, 4)
    dialog = _dialog(window)
    assert not dialog.start.isEnabled()
    dialog.take_folder(album)
    dialog.layer.setValue(2)
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    assert "3 pictures; 1 could not be used" in dialog.place.text()
    index_folder(IndexOrder(album, layer=1), tmp_path / "own", model=vitviz.load(tiny_checkpoint))
    own = open_index(tmp_path / "own")
    found = where_else(own, album / "0.png", [(3, 4)])
    assert _named(dialog) == [(each.entry.name, each.token) for each in found.places]
    _pin(window, 0, 0)
    found = where_else(own, album / "0.png", [(0, 0)])
    assert _named(dialog) == [(each.entry.name, each.token) for each in found.places]
    dialog.close()


def test_several_patches_and_one_that_it_is_not_stay_while_others_are_chosen(
    qtbot: QtBot, window: MainWindow, album: Path
) -> None:
    window.session.open([album / "0.png"])
    dialog = _dialog(window)
    dialog.take_folder(album)
    dialog.begin()
    _pin(window, 1, 1)
    dialog.also.click()
    _pin(window, 5, 5)
    dialog.less.click()
    assert dialog.index is not None
    found = where_else(dialog.index, album / "0.png", [(1, 1)], unlike=[(5, 5)])
    assert _named(dialog) == [(each.entry.name, each.token) for each in found.places]
    listed = [dialog.looked_for.item(at).text() for at in range(dialog.looked_for.count())]
    assert listed == ["like token (1, 1) of 0.png", "not token (5, 5) of 0.png"]
    _pin(window, 2, 2)
    assert _named(dialog) == [(each.entry.name, each.token) for each in found.places]
    dialog.clear.click()
    assert "follows" in dialog.looked_for.item(0).text()
    dialog.close()


def test_a_found_picture_opens_where_it_was_found(
    qtbot: QtBot, window: MainWindow, album: Path
) -> None:
    window.session.open([album / "0.png"])
    _pin(window, 3, 4)
    dialog = _dialog(window)
    dialog.take_folder(album)
    dialog.begin()
    places = _named(dialog)
    other = next(at for at, (name, _token) in enumerate(places) if name != "0.png")
    dialog.canvas.panel_double_clicked.emit(other + 1)
    trace = window.session.trace
    assert trace is not None
    assert trace.picture.name == places[other][0]
    assert window.session.selection.token(trace.grid, trace.crop) == places[other][1]
    assert _named(dialog) == places
    dialog.close()


def test_an_index_of_heads_is_asked_about_a_head_and_found_again(
    qtbot: QtBot, window: MainWindow, album: Path
) -> None:
    window.session.open([album / "0.png"])
    dialog = _dialog(window)
    dialog.take_folder(album)
    dialog.kind.setCurrentText("heads")
    dialog.begin()
    assert dialog.asked.currentData() == HEAD
    dialog.number.setValue(2)
    assert dialog.index is not None
    found = excited(dialog.index, 1)
    assert _named(dialog) == [(each.entry.name, each.token) for each in found.places]
    place = dialog.index.place
    dialog.close()
    again = _dialog(window)
    again.take_folder(album)
    assert again.index is None, "an index of tokens has not been made"
    again.kind.setCurrentText("heads")
    assert again.index is not None
    assert again.index.place == place
    again.take_folder(place)
    assert again.index is not None
    assert not again.start.isEnabled()
    again.close()


def test_an_empty_folder_is_said(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    dialog = _dialog(window)
    (tmp_path / "empty").mkdir()
    dialog.take_folder(tmp_path / "empty")
    dialog.begin()
    assert "no pictures" in dialog.said.text()
    assert dialog.start.text() == "Index"
    dialog.close()
