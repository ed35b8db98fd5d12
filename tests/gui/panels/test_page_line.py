"""A slider under the pictures goes through the frames of a file, and plays them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from vitviz.gui.app.main_window import MainWindow
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.request import ModelRequest

FRAMES = 4


def test_frames_are_gone_through_and_played_to_the_end(
    qtbot: QtBot, tmp_path: Path, photo: np.ndarray
) -> None:
    frames = [Image.fromarray(np.roll(photo, 8 * at, axis=1)) for at in range(FRAMES)]
    film = tmp_path / "walk.gif"
    frames[0].save(film, save_all=True, append_images=frames[1:], duration=40)
    window = MainWindow(Session(InlineJobs(), save=lambda _settings: ""))
    qtbot.addWidget(window)
    window.show()
    session, pages = window.session, window.filmstrip.pages
    session.columns.use_model(ModelRequest("test_vit", pretrained=False))
    session.open([photo])
    assert not pages.isVisible()
    session.open([film])
    assert pages.isVisible()
    assert pages.words.text() == f"Frame 1 of {FRAMES}"
    pages.slider.setValue(2)
    assert session.trace is not None
    assert session.trace.picture.choice.page == 2
    assert pages.words.text() == f"Frame 3 of {FRAMES}"
    qtbot.mouseClick(pages.follow, Qt.MouseButton.LeftButton)
    assert session.following.on
    pages.slider.setValue(0)
    qtbot.mouseClick(pages.play, Qt.MouseButton.LeftButton)
    assert pages.play.accessibleName() == "Pause"
    qtbot.waitUntil(lambda: not pages.play.isChecked())
    assert session.trace.picture.choice.page == FRAMES - 1
    qtbot.mouseClick(pages.play, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(pages.play, Qt.MouseButton.LeftButton)
    assert session.trace.picture.choice.page < FRAMES - 1
    assert len(session.pictures) == 2
