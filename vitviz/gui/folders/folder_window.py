"""A window beside the board that works through a folder: chosen or dropped, filling, stopped, saved."""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from vitviz.core.data.drawing import Drawing
from vitviz.core.language import _
from vitviz.gui.canvas.drawing_widget import DrawingWidget
from vitviz.gui.widgets.fitting_labels import ElidedLabel
from vitviz.gui.widgets.mailbox import Mailbox
from vitviz.gui.widgets.progress_line import ProgressLine
from vitviz.gui.widgets.subscriptions import Subscriptions
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.session import Session
from vitviz.session.work.jobs import Job
from vitviz.session.work.log import sentence

LEAST, MOST = 180, 320
"""Pixels of a row of panels that can be read, and that leaves room for the next."""


class FolderWindow(QDialog):
    """A folder above, what is asked at the left, what came of it at the right, and what there is to
    say below. `start` begins, and stops while work runs.
    """

    def __init__(self, parent: QWidget, session: Session, title: str, empty: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setAcceptDrops(True)
        self.resize(980, 680)
        self._session, self._mailbox = session, Mailbox(self)
        self._kept = tempfile.TemporaryDirectory(prefix="vitviz-", ignore_cleanup_errors=True)
        self._key = (type(self).__name__, id(self))
        self.folder: Path | None = None
        self.place = ElidedLabel()
        self.place.show_text(empty)
        self.choose = QPushButton(_("Choose folder…"))
        self.choose.setAutoDefault(False)
        self.choose.clicked.connect(self._choose)
        self.start, self.save = QPushButton(_("Start")), QPushButton(_("Save…"))
        self.start.setDefault(True)
        self.start.setEnabled(False)
        self.start.clicked.connect(self._pressed)
        self.save.setEnabled(False)
        self.save.setAutoDefault(False)
        self.save.clicked.connect(self._save)
        self.bar, self.said = ProgressLine(), QLabel()
        self.said.setWordWrap(True)
        self.said.setObjectName("faint")
        self.bar.hide()
        self.canvas, self.title = DrawingWidget(), QLabel()
        self.title.setObjectName("title")
        self._area = QScrollArea()
        self._links = Subscriptions()
        self._links.connect(session.jobs.progressed, self._progressed)

    def _lay_out(self, asked: QWidget, above: tuple[QWidget, ...] = ()) -> None:
        """Puts what is asked at the left of what came of it; more buttons beside the folder's."""
        top = QHBoxLayout()
        top.addWidget(self.place, 1)
        for button in (*above, self.choose):
            top.addWidget(button)
        right = QWidget()
        shown = QVBoxLayout(right)
        shown.setContentsMargins(0, 0, 0, 0)
        shown.addWidget(self.title)
        self._area.setWidgetResizable(True)
        self._area.setWidget(self.canvas)
        shown.addWidget(self._area, 1)
        shown.addWidget(self.said)
        parts = QSplitter()
        parts.addWidget(asked)
        parts.addWidget(right)
        parts.setStretchFactor(1, 1)
        parts.setSizes([240, 740])
        layout = QVBoxLayout(self)
        layout.setSpacing(UNIT)
        layout.addLayout(top)
        layout.addWidget(self.bar)
        layout.addWidget(parts, 1)

    @property
    def running(self) -> bool:
        """Whether pictures are being read."""
        return self._session.jobs.awaits(self._key)

    @abstractmethod
    def begin(self) -> None:
        """Works through the folder, or what is left of it after a stop."""

    @abstractmethod
    def take_folder(self, folder: Path) -> None:
        """Chooses the folder; what came of another one goes."""

    @abstractmethod
    def _save(self) -> None:
        """Asks for a file and saves what is shown."""

    def _show_drawing(self, drawing: Drawing) -> None:
        self.canvas.show()
        self.canvas.show_drawing(drawing)
        self._fit()
        self.title.setText(drawing.title)
        self._say(drawing.caption)
        self.save.setEnabled(True)

    def _show_nothing(self) -> None:
        self.save.setEnabled(False)
        self.title.clear()
        self.canvas.hide()

    def _fit(self) -> None:
        """Every row is as high as it needs to be read; what does not fit is scrolled to."""
        heights = self.canvas.heights_at(self._area.viewport().width())
        rows = [min(max(height, LEAST), MOST) for height in heights]
        self.canvas.setMinimumHeight(sum(rows) + UNIT * len(rows))
        self.canvas.share_out(rows)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Divides the height anew."""
        super().resizeEvent(event)
        if self.save.isEnabled():
            self._fit()

    def _failed(self, error: Exception) -> None:
        if isValid(self):
            self._rest("Start")
            self._say(sentence(error, _("reading the folder")))

    def _progressed(self, job: Job) -> None:
        if isValid(self) and job.key == self._key and job.total > 0:
            self.bar.setRange(0, round(job.total))
            self.bar.setValue(round(job.done))

    def _pressed(self) -> None:
        if self.running:
            self._session.jobs.cancel(self._key)
            self._stopped()
        else:
            self.begin()

    def _stopped(self) -> None:
        """What is there so far stays, and more can be had."""
        self._rest(_("Go on"))

    def _work(self) -> None:
        """Says that work runs, and how to stop it."""
        self.start.setText(_("Stop"))
        self.bar.setRange(0, 0)
        self.bar.show()
        self._say("")

    def _rest(self, words: str) -> None:
        self.start.setText(words)
        self.bar.hide()

    def _say(self, text: str) -> None:
        self.said.setText(text)

    def _choose(self) -> None:
        first = str(self.folder or Path.home())
        found = QFileDialog.getExistingDirectory(self, _("A folder of pictures"), first)
        if found:
            self.take_folder(Path(found))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Takes a folder."""
        if _dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Chooses the folder that was dropped."""
        folder = _dropped(event)
        if folder is not None:
            event.acceptProposedAction()
            self.take_folder(folder)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ends the work; what was not saved is gone with the window."""
        self._links.cut()
        self._session.jobs.cancel(self._key)
        self._kept.cleanup()
        super().closeEvent(event)


def _dropped(event: QDropEvent) -> Path | None:
    """The one folder that is held over the window."""
    folders = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return folders[0] if len(folders) == 1 and folders[0].is_dir() else None
