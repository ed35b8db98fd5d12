"""Starts the application: the window first, then the model; or a screenshot of all of it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Literal

from PySide6.QtCore import (
    QEvent,
    QMessageLogContext,
    QObject,
    QTimer,
    QtMsgType,
    qInstallMessageHandler,
)
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.core.printable import printable
from vitviz.core.resources import resource
from vitviz.core.version import __version__
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.app.single_instance import SingleInstance
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.interface_size import scale_interface
from vitviz.gui.widgets.key_guard import KeyGuard
from vitviz.gui.widgets.mailbox import Mailbox
from vitviz.gui.widgets.qt_language import speak_in_qt
from vitviz.session.app.crash_report import CrashReporter, earlier
from vitviz.session.app.launch_options import LaunchOptions
from vitviz.session.files.session_format import SUFFIX
from vitviz.session.files.settings import read_settings, write_settings
from vitviz.session.session import Session
from vitviz.session.work.jobs import Job, Jobs

_log = logging.getLogger("vitviz")
SHOWN, PAINTED = "the window is shown", "the first picture is painted in every view"
"""What the log says of a start: the moments that a person waits for."""
NO_MODEL = N_(
    "No bundled model was found; open a checkpoint file (Ctrl+M), or name a timm model (Ctrl+K)."
)


def run(
    launch: LaunchOptions,
    reporter: CrashReporter | None = None,
    shown: Callable[[], None] = lambda: None,
) -> int:
    """Opens the window, calls `shown` when it is there, and stays until it is closed; the exit code."""
    qInstallMessageHandler(quiet)
    settings, complaint = read_settings()
    scale_interface(settings.interface_size)
    app = application()
    mailbox = Mailbox()
    # A screenshot is taken in passing: it must not move the window that a person left somewhere.
    save = (lambda _settings: "") if launch.screenshot else write_settings
    session = Session(Jobs(mailbox.deliver), settings, save=save)
    with theme.applied_last(app, theme.resolve(launch.theme or settings.theme)):
        window = MainWindow(session)
    if not launch.screenshot:
        window.place.restore(settings.window_geometry, settings.window_state)
    if launch.size:
        window.place.take_size(*launch.size)
    if not launch.screenshot:
        _settle_in(app, window, reporter, mailbox)
    if complaint:
        window.notices.say([complaint])
    starter = ApplicationStarter(window, launch, shown)
    window.installEventFilter(starter)
    window.show()
    code = app.exec()
    return starter.code or code


def _settle_in(
    app: QApplication, window: MainWindow, reporter: CrashReporter | None, mailbox: Mailbox
) -> None:
    """What a person's window does beyond showing pictures: it takes files in, and tells of crashes."""
    arrivals = SingleInstance(window, window.session.open, window.notices.say)
    if sys.platform == "darwin":  # the only system that tells of files by an event
        app.installEventFilter(arrivals)
    arrivals.listen()
    window.notices.say(list(earlier()))
    window.sessions.begin()
    if reporter is not None:
        reporter.tell = lambda said: mailbox.deliver(lambda: window.notices.say([said]))


def application() -> QApplication:
    """The one QApplication, named, with its icon and keys."""
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName("vitviz")
    app.setApplicationDisplayName("vitviz")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("vitviz")
    if existing is None:
        speak_in_qt(app)
    icon = resource("icon.svg")
    if icon.is_file():
        app.setWindowIcon(QIcon(str(icon)))
    if app.findChild(KeyGuard) is None:
        KeyGuard(app)
    return app


def quiet(kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
    """Qt's messages on the terminal, without the one that every offscreen window repeats."""
    if "propagateSizeHints" not in message and kind != QtMsgType.QtDebugMsg:
        print(message, file=sys.stderr)


class ApplicationStarter(QObject):
    """Opens what was asked for, once the window is there; takes the screenshot when all is painted."""

    def __init__(
        self,
        window: MainWindow,
        launch: LaunchOptions,
        shown: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(window)
        self.code = 0
        self._window, self._launch, self._shown = window, launch, shown
        self._waiting: set[str] | None = None
        self._complaints: list[str] = []
        window.pages.expect_picture(True)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Starts when the window has been painted: importing torch would hold that up."""
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self.start)
        return False

    def start(self) -> None:
        """Sends the first wishes."""
        _log.info(SHOWN)
        self._shown()
        session = self._window.session
        self._window.painted.connect(self._painted)
        if self._launch.screenshot:
            session.columns.trace_failed.connect(self._failed)
            session.problems.connect(self._complained)
            session.jobs.ended.connect(self._ended)
        session.columns.trace_ready.connect(self._traced)
        # Needed by the first drawing, and imported while the model loads: nobody waits for it then.
        session.jobs.submit(
            "panels",
            lambda _: import_module("vitviz.gui.canvas.panel_widget"),
            lane="draw",
            done=lambda _: self._ended(None),  # a session that failed meanwhile has waited for this
            failed=lambda error: _log.error("importing panels", exc_info=error),
        )
        saved = [file for file in self._launch.files if file.endswith(SUFFIX)]
        rest = tuple(file for file in self._launch.files if file not in saved)
        if saved:  # it has pictures and models of its own
            agreed: Literal["yes", "no", "ask"] = "yes" if self._launch.allow_download else "ask"
            if agreed == "ask" and self._launch.screenshot:
                agreed = "no"  # nobody is there to answer
            self._window.sessions.files.open(Path(saved[0]), download=agreed)
        if rest or not saved:
            session.start(replace(self._launch, files=rest))
        self._window.pages.expect_picture(False)
        if not saved and not session.request.name:
            self._window.notices.say([_(NO_MODEL)])

    def _traced(self, trace: Trace) -> None:
        """The first trace is there."""
        session = self._window.session
        session.columns.trace_ready.disconnect(self._traced)
        if self._launch.view:
            self._window.compare.maximise(self._launch.view)
        self._waiting = set(self._window.board.visible)

    def _painted(self, view: str) -> None:
        if self._waiting is None:
            return
        self._waiting.discard(view)
        if not self._waiting:
            _log.info(PAINTED)
            self._window.painted.disconnect(self._painted)
            if self._launch.screenshot:
                QTimer.singleShot(150, self._shoot)

    def _shoot(self) -> None:
        assert self._launch.screenshot is not None
        path = self._launch.screenshot
        if not self._window.grab().save(str(path)):
            self._leave(
                _(
                    "The screenshot could not be saved as {path}; check the folder and the name."
                ).format(path=path)
            )
        elif self._complaints:
            self.code = 1  # the picture is there, but not all that was asked for is in it
        self._window.close()

    def _ended(self, _job: Job | None) -> None:
        if self._launch.screenshot:
            QTimer.singleShot(0, self._check)  # what the job brought home comes after this

    def _check(self) -> None:
        """Nothing runs any more and nothing was traced: there will be no picture to take."""
        session = self._window.session
        if session.trace is None and not session.jobs.current and not self.code:
            said = bool(self._complaints)  # on the terminal already
            self._leave("" if said else _("There is nothing to paint; name a picture."))

    def _complained(self, sentences: list[str]) -> None:
        self._complaints += sentences
        for sentence in sentences:
            print(printable(sentence), file=sys.stderr)

    def _failed(self, sentence: str) -> None:
        self._leave(sentence)

    def _leave(self, sentence: str) -> None:
        if sentence:
            print(printable(sentence), file=sys.stderr)
        self.code = 1
        self._window.close()
