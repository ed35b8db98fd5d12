"""A hover and a drop pass few files on their way to the screen, and never more than they do now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files_passed import FilesPassed, on_the_way
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QMouseEvent
from pytestqt.qtbot import QtBot

from vitviz.gui.app.application import application
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.mailbox import Mailbox
from vitviz.session.session import Session
from vitviz.session.work.jobs import Jobs
from vitviz.session.work.request import ModelRequest

HOVER, DROP = 25, 65
"""Files on the way, as counted; these numbers only go down."""


@pytest.fixture
def passed() -> Iterator[FilesPassed]:
    with FilesPassed() as found:
        yield found


@pytest.fixture
def working(qtbot: QtBot, photo: np.ndarray, passed: FilesPassed) -> Iterator[MainWindow]:
    """A window with one view and real threads, with nothing left to do."""
    theme.apply(application(), theme.DARK)
    mailbox = Mailbox()
    session = Session(Jobs(mailbox.deliver), save=lambda _settings: "")
    window = MainWindow(session)
    window.resize(1300, 850)
    window.show()
    window.show_views_of("rollout")
    session.columns.use_model(ModelRequest("test_vit", pretrained=False))
    session.open([photo])
    qtbot.waitUntil(lambda: window.board.cards["rollout"].drawing is not None, timeout=60_000)
    settle(qtbot, session)
    yield window
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def settle(qtbot: QtBot, session: Session) -> None:
    for _ in range(2):
        qtbot.waitUntil(lambda: not session.jobs.current, timeout=60_000)
        qtbot.wait(200)


def test_a_hover(qtbot: QtBot, working: MainWindow, passed: FilesPassed) -> None:
    panel: Any = working.board.cards["rollout"].canvas.panels[0]
    hover(panel, 24, 24)
    working.painted.connect(passed.end)
    found = []
    for row in (120, 40, 88, 136):
        settle(qtbot, working.session)
        with qtbot.waitSignal(working.painted, timeout=60_000):
            passed.begin()
            hover(panel, row, 72)
        found.append(set(on_the_way(passed.files)))
    each_time = set.intersection(*found)
    assert len(each_time) <= HOVER, sorted(each_time)


def test_a_drop(
    qtbot: QtBot, working: MainWindow, passed: FilesPassed, photo: np.ndarray, tmp_path: Path
) -> None:
    working.painted.connect(passed.end)
    found = []
    for turns in (1, 2, 3):
        file = tmp_path / f"{turns}.png"
        Image.fromarray(np.rot90(photo, turns)).save(file)
        settle(qtbot, working.session)
        with qtbot.waitSignal(working.painted, timeout=60_000):
            passed.begin()
            drop(working, file)
        found.append(set(on_the_way(passed.files)))
    each_time = set.intersection(*found)
    assert len(each_time) <= DROP, sorted(each_time)


def hover(panel: Any, row: float, col: float) -> None:
    at = panel.viewport.mapFrom(panel, panel.position_of(row, col).toPoint())
    none = Qt.MouseButton.NoButton
    moved = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(at),
        QPointF(panel.viewport.mapToGlobal(at)),
        none,
        none,
        Qt.KeyboardModifier.NoModifier,
    )
    QCoreApplication.sendEvent(panel.viewport, moved)


def drop(window: MainWindow, file: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    event = QDropEvent(
        QPointF(400, 300),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)
