"""Prompts are asked in a line above the views, of models that read words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from two_towers import saved_towers

from vitviz.gui.app.main_window import MainWindow
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.request import ModelRequest


@pytest.mark.filterwarnings("ignore")  # transformers' own about its own
def test_prompts_become_the_answer_and_go_again(
    qtbot: QtBot, tmp_path: Path, photo: np.ndarray, tiny_checkpoint: Path
) -> None:
    saved_towers("clip", tmp_path)
    photo_file = tmp_path / "photo.png"
    Image.fromarray(photo).save(photo_file)
    window = MainWindow(Session(InlineJobs(), save=lambda _settings: ""))
    qtbot.addWidget(window)
    window.show()
    window.session.columns.use_model(ModelRequest(str(tiny_checkpoint)))
    window.session.open([photo_file])
    assert not window.prompts.isVisible(), "this model reads no words"
    window.session.columns.use_model(ModelRequest(f"transformers/{tmp_path}"))
    assert window.prompts.isVisible()
    assert window.session.trace is not None
    assert not window.session.trace.predictions
    window.prompts.line.setText("a red parrot; a rock")
    qtbot.keyClick(window.prompts.line, Qt.Key.Key_Return)
    found = window.session.trace.predictions
    assert {each.name for each in found} == {"a red parrot", "a rock"}
    assert np.isclose(sum(each.share for each in found), 1)
    window.session.columns.use_model(ModelRequest(f"transformers/{tmp_path}"))
    again = window.session.request
    window.session.columns.use_model(
        replace(again, facts=replace(again.facts, prompts=("a red parrot", "a rock")))
    )
    assert window.session.trace.model.prompts == ("a red parrot", "a rock")
    window.prompts.line.setText("a rock; a rock")
    qtbot.keyClick(window.prompts.line, Qt.Key.Key_Return)
    assert "is there twice" in window.prompts.why.text()
    window.prompts.line.clear()
    qtbot.keyClick(window.prompts.line, Qt.Key.Key_Return)
    assert not window.session.trace.predictions
