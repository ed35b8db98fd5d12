"""Averages over a folder: chosen, stopped, gone on with, and saved, all from a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

import vitviz
from vitviz.core.measures.distance import mean_distance
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.folders.averages_window import AveragesWindow
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.request import ModelRequest


def test_averages_fill_and_are_those_of_single_traces(
    qtbot: QtBot,
    album: Path,
    tiny_checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window = MainWindow(Session(InlineJobs(), save=lambda _settings: ""))
    qtbot.addWidget(window)
    window.session.columns.use_model(ModelRequest(str(tiny_checkpoint)))
    window.perform("average_folder")
    (dialog,) = window.findChildren(AveragesWindow)
    assert not dialog.start.isEnabled()
    dialog.take_folder(album)
    for name, box in dialog.measures.items():
        box.setChecked(name == "distance")
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.found is not None)
    assert dialog.found is not None
    model = vitviz.load(tiny_checkpoint)
    traces = [vitviz.trace(model, album / f"{turn}.png") for turn in range(3)]
    own = np.mean(
        [[mean_distance(layer, renormalise=True) for layer in trace.layers] for trace in traces],
        axis=0,
    )
    np.testing.assert_allclose(dialog.found.average("distance"), own, rtol=1e-5)
    assert "over 3 pictures of album" in dialog.title.text()
    assert "1 pictures could not be used" in dialog.said.text()
    target = tmp_path / "averages.npz"
    monkeypatch.setattr(QFileDialog, "exec", lambda _dialog: True)
    monkeypatch.setattr(QFileDialog, "selectedFiles", lambda _dialog: [str(target)])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    assert target.is_file()
    dialog.close()


def test_nothing_chosen_and_no_pictures_are_said(
    qtbot: QtBot, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    window = MainWindow(Session(InlineJobs(), save=lambda _settings: ""))
    qtbot.addWidget(window)
    window.session.columns.use_model(ModelRequest(str(tiny_checkpoint)))
    dialog = AveragesWindow(window, window.session)
    (tmp_path / "empty").mkdir()
    dialog.take_folder(tmp_path / "empty")
    dialog.begin()
    assert "no pictures" in dialog.said.text()
    assert dialog.start.text() == "Start"
    for box in dialog.measures.values():
        box.setChecked(False)
    dialog.begin()
    assert "at least one" in dialog.said.text()
    dialog.close()
