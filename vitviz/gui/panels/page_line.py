"""A slider over the frames of a film or the pages of a file."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QVBoxLayout, QWidget

from vitviz.core.data.trace import Picture
from vitviz.core.language import _
from vitviz.gui.panels.picture_parts import page_words
from vitviz.gui.widgets import theme

PACE = 40
"""Milliseconds that a frame is shown at least while it plays."""


class PageLine(QWidget):
    """Which frame is shown of a file that has several; there only for such a file.

    Wishes for another frame, and that the chosen place is followed. While it plays it asks at each
    `beat` for `step`, which is called where this frame is on screen.
    """

    wished = Signal(int)
    follow_wished = Signal(bool)
    beat = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.slider, self.words = QSlider(Qt.Orientation.Horizontal), QLabel()
        self.slider.setAccessibleName(_("Frame or page"))
        self.slider.setPageStep(10)
        self.slider.valueChanged.connect(self._moved)
        self.words.setFont(theme.font(-1, numbers=True))
        self.play, self.follow = QToolButton(), QToolButton()
        self.play.setText("▶")
        self.play.setAccessibleName(_("Play"))
        self.play.setToolTip(_("Play: each frame as soon as the model has read it"))
        self.follow.setText(_("Follow"))
        self.follow.setToolTip(
            _(
                "Choose in each frame the patch that is most like the one that you chose, after the "
                "chosen layer"
            )
        )
        for button in (self.play, self.follow):
            button.setObjectName("tool")
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.play.toggled.connect(self._play_toggled)
        self.follow.toggled.connect(self.follow_wished)
        below = QHBoxLayout()
        below.addWidget(self.play)
        below.addWidget(self.follow, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.words)
        layout.addWidget(self.slider)
        layout.addLayout(below)
        self._picture: Picture | None = None
        self._pacing = QTimer(self)
        self._pacing.setInterval(PACE)
        self._pacing.timeout.connect(self.beat)
        self.hide()

    def show_picture(self, picture: Picture | None) -> None:
        """Shows which frame this is, of how many."""
        several = picture is not None and bool(picture.path) and picture.pages > 1
        self.setVisible(several)
        if picture is None or not several:
            self.play.setChecked(False)
            return
        page = picture.choice.page
        blocker = QSignalBlocker(self.slider)
        self.slider.setRange(0, picture.pages - 1)
        self.slider.setValue(page)
        blocker.unblock()
        self._picture = picture
        self._say(page)
        self.slider.setToolTip(f"{picture.name}: {page_words(picture, page)}")

    def step(self) -> None:
        """Goes to the next frame; playing ends at the last."""
        if self.slider.value() < self.slider.maximum():
            self.slider.setValue(self.slider.value() + 1)
        else:
            self.play.setChecked(False)

    def _say(self, page: int) -> None:
        if self._picture is not None:
            said = page_words(self._picture, page)
            self.words.setText(f"{said[:1].upper()}{said[1:]}")

    def _moved(self, page: int) -> None:
        self._say(page)
        self.wished.emit(page)

    def _play_toggled(self, on: bool) -> None:
        self.play.setText("❚❚" if on else "▶")
        self.play.setAccessibleName(_("Pause") if on else _("Play"))
        if not on:
            self._pacing.stop()
            return
        if self.slider.value() == self.slider.maximum():
            self.slider.setValue(0)
        self._pacing.start()
