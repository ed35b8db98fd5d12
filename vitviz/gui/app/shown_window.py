"""The window that a script or notebook opens: it lives until it is closed, and its models with it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QEventLoop,
    Qt,
    QThread,
    qInstallMessageHandler,
)
from PySide6.QtWidgets import QApplication

from vitviz.core.language import _
from vitviz.core.progress import VitvizError
from vitviz.gui.app.application import application, quiet
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.mailbox import Mailbox
from vitviz.session.app.sources import Source
from vitviz.session.files.settings import read_settings, write_settings
from vitviz.session.session import Session
from vitviz.session.work.jobs import Jobs

if TYPE_CHECKING:
    from vitviz.models import Model

_OPEN: set[MainWindow] = set()
"""Nobody in a notebook holds the window; it goes when it is closed."""


def open_window(model: Model, sources: Sequence[Source]) -> MainWindow:
    """A window with a session of its own. An application that is there is used."""
    found = QCoreApplication.instance()
    if found is None:
        qInstallMessageHandler(quiet)
    elif not isinstance(found, QApplication):
        raise VitvizError(
            _(
                "this process has a Qt application that can have no windows (QCoreApplication); "
                "begin it with a QApplication"
            )
        )
    app = application()
    mailbox = Mailbox()
    settings, complaint = read_settings()
    session = Session(Jobs(mailbox.deliver), settings, save=write_settings)
    with theme.applied_last(app, theme.resolve(settings.theme)):
        window = MainWindow(session)
    window.place.restore(settings.window_geometry, settings.window_state)
    if complaint:
        window.notices.say([complaint])
    _OPEN.add(window)
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    window.destroyed.connect(partial(_OPEN.discard, window))
    session.show_model(model, sources)
    window.show()
    return window


def open_windows() -> tuple[MainWindow, ...]:
    """The windows that scripts and cells have opened and nobody has closed."""
    return tuple(_OPEN)


def wait_for(window: MainWindow) -> None:
    """Runs events until the window is closed."""
    if QThread.currentThread().loopLevel() > 0:  # called by a button of somebody's own application
        loop = QEventLoop()
        window.destroyed.connect(loop.quit)
        loop.exec()
        return
    window.destroyed.connect(QCoreApplication.exit)
    while window in _OPEN:  # an earlier window's end may still be on its way
        QCoreApplication.exec()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
