"""Averages over a folder in a window beside the board: chosen, filling while they run, saved."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from vitviz.core.progress import Progress
from vitviz.gui.canvas.drawing_widget import DrawingWidget
from vitviz.gui.figure.figure_saving import ask_where, save_to
from vitviz.gui.widgets.fitting_labels import ElidedLabel
from vitviz.gui.widgets.mailbox import Mailbox
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.session import Session
from vitviz.session.work.jobs import Job
from vitviz.session.work.log import sentence
from vitviz.session.work.request import ModelRequest

if TYPE_CHECKING:
    from vitviz.folders.averages.folder_statistics import FolderStatistics
    from vitviz.folders.averages.statistics_run import StatisticsOrder

USUAL = ("distance", "entropy")
KINDS = (
    "PDF, vector (*.pdf);;PNG picture (*.png);;SVG, vector (*.svg);;Arrays (*.npz);;Table (*.csv);;"
    "Parquet table (*.parquet)"
)
LEAST, MOST = 180, 320
"""Pixels of a row of panels that can be read, and that leaves room for the next."""
_EVERY = 0.5
"""Seconds between two drawings while it fills."""


class AveragesWindow(QDialog):
    """What the active column's model does over all pictures of a folder.

    `found` are the averages so far. A run that was stopped goes on where it was while the window is
    open.
    """

    def __init__(self, parent: QWidget, session: Session) -> None:
        super().__init__(parent)
        from vitviz.folders.averages.folder_measures import MEASURES

        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Averages over a folder")
        self.setAcceptDrops(True)
        self.resize(980, 680)
        self._session, self._mailbox = session, Mailbox(self)
        self._kept = tempfile.TemporaryDirectory(prefix="vitviz-", ignore_cleanup_errors=True)
        self.folder: Path | None = None
        self.found: FolderStatistics | None = None
        self._drawn, self._runs = 0.0, 0
        self._asked: tuple[StatisticsOrder, ModelRequest] | None = None
        self._key = ("averages", id(self))
        self.place = ElidedLabel()
        self.place.show_text("No folder yet: choose one, or drop it here")
        self.choose = QPushButton("Choose folder…")
        self.choose.setAutoDefault(False)
        self.choose.clicked.connect(self._choose)
        self.measures = {name: QCheckBox(each.title) for name, each in MEASURES.items()}
        for name, box in self.measures.items():
            box.setToolTip(f"{MEASURES[name].label}; {MEASURES[name].source}")
            box.setChecked(name in USUAL)
        self.start, self.save = QPushButton("Start"), QPushButton("Save…")
        self.start.setDefault(True)
        self.start.setEnabled(False)
        self.start.clicked.connect(self._pressed)
        self.save.setEnabled(False)
        self.save.setToolTip("A figure, arrays or a table of what is averaged so far")
        self.save.clicked.connect(self._save)
        self.bar, self.said = QProgressBar(), QLabel()
        self.said.setWordWrap(True)
        self.said.setObjectName("faint")
        self.bar.setTextVisible(False)
        self.bar.hide()
        self.canvas, self.title = DrawingWidget(), QLabel()
        self.title.setObjectName("title")
        self._area = QScrollArea()
        self._lay_out()
        session.jobs.progressed.connect(self._progressed)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.place, 1)
        top.addWidget(self.choose)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(QLabel("What is averaged"))
        for box in self.measures.values():
            column.addWidget(box)
        column.addStretch(1)
        column.addWidget(self.start)
        column.addWidget(self.save)
        right = QWidget()
        shown = QVBoxLayout(right)
        shown.setContentsMargins(0, 0, 0, 0)
        shown.addWidget(self.title)
        self._area.setWidgetResizable(True)
        self._area.setWidget(self.canvas)
        shown.addWidget(self._area, 1)
        shown.addWidget(self.said)
        parts = QSplitter()
        parts.addWidget(left)
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
        """Whether pictures are being measured."""
        return self._session.jobs.awaits(self._key)

    def take_folder(self, folder: Path) -> None:
        """Chooses the folder; what was averaged over another one goes."""
        self.folder = folder
        self.place.show_text(str(folder))
        self.start.setEnabled(True)
        self.start.setFocus()
        self._forget()
        self._say("Start averages over all its pictures, in folders inside it too.")

    def begin(self) -> None:
        """Measures every picture, or those that are left after a stop."""
        views = self._chosen()
        if self.folder is None:
            return
        if not views:
            self._say("Choose at least one thing to average.")
            return
        order, out = self._order(self.folder, views)
        request, engine = self._session.request, self._session.models_at_work
        model_of = partial(engine.load, request)

        def work(progress: Progress) -> FolderStatistics:
            from vitviz.folders.averages.statistics_run import statistics_of

            return statistics_of(
                order,
                out,
                model=model_of(progress),
                overwrite=True,
                progress=progress,
                grown=lambda found: self._mailbox.deliver(partial(self._grown, found)),
            )

        self.start.setText("Stop")
        self.bar.setRange(0, 0)
        self.bar.show()
        self._say("")
        self._session.jobs.submit(
            self._key,
            work,
            lane="folder",
            done=self._done,
            failed=self._failed,
            label=f"averaging over {self.folder.name}",
        )

    def _order(self, folder: Path, views: tuple[str, ...]) -> tuple[StatisticsOrder, Path]:
        from vitviz.folders.averages.statistics_run import StatisticsOrder

        order = StatisticsOrder(folder, views, fit=self._session.request.fit)
        asked = (order, self._session.request)
        if asked != self._asked:  # what was left by another question answers no part of this one
            self._asked, self._runs = asked, self._runs + 1
        return order, Path(self._kept.name, f"averages-{self._runs}.npz")

    def _chosen(self) -> tuple[str, ...]:
        return tuple(name for name, box in self.measures.items() if box.isChecked())

    def _grown(self, found: FolderStatistics) -> None:
        if not isValid(self) or found.used == 0:
            return
        self.found = found
        if time.monotonic() - self._drawn > _EVERY:
            self._show(found)

    def _show(self, found: FolderStatistics) -> None:
        from vitviz.folders.averages.statistics_drawing import averages_drawing

        self._drawn = time.monotonic()
        drawing = averages_drawing(found)
        self.canvas.show()
        self.canvas.show_drawing(drawing)
        self._fit()
        self.title.setText(drawing.title)
        self._say(drawing.caption)
        self.save.setEnabled(True)

    def _fit(self) -> None:
        """Every row is as high as it needs to be read; what does not fit is scrolled to."""
        heights = self.canvas.heights_at(self._area.viewport().width())
        rows = [min(max(height, LEAST), MOST) for height in heights]
        self.canvas.setMinimumHeight(sum(rows) + UNIT * len(rows))
        self.canvas.share_out(rows)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Divides the height anew."""
        super().resizeEvent(event)
        if self.found is not None:
            self._fit()

    def _done(self, found: FolderStatistics) -> None:
        if isValid(self):
            self.found = found
            self._show(found)
            self._rest("Start")

    def _failed(self, error: Exception) -> None:
        if isValid(self):
            self._rest("Start")
            self._say(sentence(error, "averaging"))

    def _progressed(self, job: Job) -> None:
        if isValid(self) and job.key == self._key and job.total > 0:
            self.bar.setRange(0, round(job.total))
            self.bar.setValue(round(job.done))

    def _pressed(self) -> None:
        if not self.running:
            self.begin()
            return
        self._session.jobs.cancel(self._key)
        if self.found is not None and self.found.used:
            self._show(self.found)
        self._rest("Go on")

    def _rest(self, words: str) -> None:
        self.start.setText(words)
        self.bar.hide()

    def _forget(self) -> None:
        self._session.jobs.cancel(self._key)
        self._rest("Start")
        self._asked = None
        self.found = None
        self.save.setEnabled(False)
        self.title.clear()
        self.canvas.hide()

    def _say(self, text: str) -> None:
        self.said.setText(text)

    def _choose(self) -> None:
        first = str(self.folder or Path.home())
        found = QFileDialog.getExistingDirectory(self, "A folder of pictures", first)
        if found:
            self.take_folder(Path(found))

    def _save(self) -> None:
        found = self.found
        if found is None:
            return
        first = (
            Path(self._session.settings.now.figure_folder) / f"{found.about.folder}-averages.pdf"
        )
        path = ask_where(self, "Save averages", str(first), KINDS)
        if path is None:
            return

        def work(_progress: Progress) -> None:
            from vitviz.folders.averages.statistics_files import save_statistics

            save_statistics(found, path, overwrite=True)

        save_to(self._session, path, work, self._say, self._say)

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
        self._session.jobs.cancel(self._key)
        self._kept.cleanup()
        super().closeEvent(event)


def _dropped(event: QDropEvent) -> Path | None:
    """The one folder that is held over the window."""
    folders = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return folders[0] if len(folders) == 1 and folders[0].is_dir() else None
