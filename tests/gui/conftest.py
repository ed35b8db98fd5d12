"""What the tests of the window share: the whole window over a small model and one picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from vitviz.gui.app.main_window import MainWindow
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.request import ModelRequest


@pytest.fixture
def model_name() -> str:
    """The model that the window opens with; a test file may have another."""
    return "test_vit"


@pytest.fixture
def window(qtbot: QtBot, photo: np.ndarray, model_name: str) -> Iterator[MainWindow]:
    """The whole window over the smallest model and one picture; work is done at once."""
    session = Session(InlineJobs(), save=lambda _settings: "")
    made = MainWindow(session)
    made.resize(1300, 850)
    made.show()
    session.columns.use_model(ModelRequest(model_name, pretrained=False))
    session.open([photo])
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not isValid(made)
