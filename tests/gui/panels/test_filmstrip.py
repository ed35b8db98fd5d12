"""The film strip grows by what comes, and makes thumbnails of what is in sight alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from vitviz.core.data.trace import Picture
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.panels.filmstrip import Filmstrip
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs


def pictures(count: int) -> list[Picture]:
    """Small ones, all different."""
    made = []
    for number in range(count):
        pixels = np.full((16, 16, 3), number % 251, np.uint8)
        made.append(Picture(f"{number}.png", "", pixels, f"{number:064}"))
    return made


@pytest.fixture
def strip(qtbot: QtBot) -> Filmstrip:
    made = Filmstrip()
    qtbot.addWidget(made)
    made.resize(160, 600)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_only_what_is_in_sight_asks_for_a_thumbnail(qtbot: QtBot, strip: Filmstrip) -> None:
    asked: list[str] = []
    strip.thumbnail_wanted.connect(asked.extend)
    many = pictures(5000)
    with qtbot.waitSignal(strip.thumbnail_wanted, timeout=5000):
        strip.show_pictures(many)
    assert 0 < len(asked) < 40
    last = many[-1].key
    with qtbot.waitSignal(strip.thumbnail_wanted, timeout=5000):
        strip.show_current(last)
    assert last in asked
    assert len(asked) < 80
    strip.show_thumbnail(last, many[-1].pixels)
    assert strip._model.data(strip._model.index(4999), 1) is not None  # DecorationRole


def test_what_comes_is_put_behind_what_is_there(qtbot: QtBot, strip: Filmstrip) -> None:
    many, resets, chosen = pictures(30), [], []
    strip.show_pictures(many[:10])
    strip.show_current(many[4].key)
    strip._model.modelReset.connect(lambda: resets.append(1))
    strip.chosen.connect(chosen.append)
    strip.show_pictures(many)
    assert not resets
    assert strip._model.rowCount() == 30
    strip.show_pictures(many[1:])
    assert resets == [1]
    assert strip._list.currentIndex().data() == "4.png"
    assert not chosen, "it was told, and tells nobody"
    strip._list.setCurrentIndex(strip._model.index(0))
    assert chosen == [many[1].key]


def test_a_folder_of_many_is_announced_in_groups(
    qtbot: QtBot, tmp_path: Path, photo: np.ndarray
) -> None:
    """Each of 5,000 was announced, and the film strip rebuilt each time."""
    for number in range(60):
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(tmp_path / f"{number:02}.png")
    session = Session(InlineJobs(), save=lambda _settings: "")
    window = MainWindow(session)
    qtbot.addWidget(window)
    announced: list[int] = []
    session.pictures.changed.connect(lambda: announced.append(len(session.pictures.open)))
    session.open([tmp_path])
    assert len(session.pictures.open) == 60
    assert announced[0] == 1, "the first one at once"
    assert len(announced) < 20
    assert [one.name for one in session.pictures.open] == [
        f"{number:02}.png" for number in range(60)
    ]
    session.open([tmp_path])
    assert len(session.pictures.open) == 60
    QCoreApplication.processEvents()
