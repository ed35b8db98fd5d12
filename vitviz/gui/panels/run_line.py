"""A slider over the checkpoints of one training."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from vitviz.core.language import _
from vitviz.gui.widgets.fitting_labels import ElidedLabel
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.files.training_run import TrainingRun, run_around, run_in
from vitviz.session.work.request import ModelRequest

SETTLED = 400
"""Milliseconds that a file of a run has to be left alone before it is taken for whole."""


class RunLine(QWidget):
    """Which step of a run the active column shows; there only for a model that is one.

    Wishes for the path of another step. The folder is watched: while the last step is shown, one that
    comes is gone to, so that a training can be followed.
    """

    wished = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.slider, self.words = QSlider(Qt.Orientation.Horizontal), ElidedLabel()
        self.slider.setAccessibleName(_("Checkpoint of the run"))
        self.slider.setPageStep(1)
        self.slider.setToolTip(_("The checkpoints of this training, from the first to the newest"))
        self.slider.valueChanged.connect(self._moved)
        self.follow = QToolButton()
        self.follow.setObjectName("tool")
        self.follow.setText(_("Follow"))
        self.follow.setCheckable(True)
        self.follow.setChecked(True)
        self.follow.setToolTip(_("Go to each checkpoint that comes while the newest is shown"))
        label = QLabel(_("Run"))
        label.setBuddy(self.slider)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(UNIT)
        layout.addWidget(label)
        layout.addWidget(self.slider, 2)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.follow)
        self.run: TrainingRun | None = None
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(self._changed)
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLED)
        self._settling.timeout.connect(self.look_again)
        self.hide()

    def show_request(self, request: ModelRequest) -> None:
        """Shows the step that was asked for, among those that lie beside it."""
        at = None if self.run is None else self.run.place(request.name)
        if at is None:
            self._take(run_around(request.name))
            at = None if self.run is None else self.run.place(request.name)
        self.setVisible(at is not None)
        if at is not None:
            self._show(at)

    def look_again(self) -> None:
        """Reads the folder again, and goes on to a new last step where the last one was shown."""
        if self.run is None:
            return
        at, newest = self.slider.value(), len(self.run.steps) - 1
        shown = self.run.steps[at].path
        found = run_in(self.run.folder)
        if found is None or found.place(shown) is None:
            return  # being written over, or taken away: what is shown stays
        grew = len(found.steps) - 1 > newest
        self._take(found)
        place = found.place(shown)
        assert place is not None
        self._show(place)
        if grew and at == newest and self.follow.isChecked():
            self.slider.setValue(len(found.steps) - 1)

    def _take(self, run: TrainingRun | None) -> None:
        before = self._watcher.directories()
        if before:
            self._watcher.removePaths(before)
        self.run = run
        if run is not None:
            self._watcher.addPath(str(run.folder))

    def _show(self, at: int) -> None:
        assert self.run is not None
        blocker = QSignalBlocker(self.slider)
        self.slider.setRange(0, len(self.run.steps) - 1)
        self.slider.setValue(at)
        blocker.unblock()
        self._say(at)

    def _say(self, at: int) -> None:
        assert self.run is not None
        step = self.run.steps[at]
        words = (
            step.words
            if step.words != str(step.number)
            else _("number {number}").format(number=step.number)
        )
        self.words.show_text(
            _("{words}, {at} of {steps_count}").format(
                words=words, at=at + 1, steps_count=len(self.run.steps)
            )
        )
        self.words.setToolTip(Path(step.path).name)

    def _moved(self, at: int) -> None:
        assert self.run is not None
        self._say(at)
        self.wished.emit(self.run.steps[at].path)

    def _changed(self) -> None:
        self._settling.start()
