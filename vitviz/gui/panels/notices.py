"""Notices: sentences about what went wrong, where it happened, without stopping anybody."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from vitviz.core.language import _
from vitviz.gui.widgets.text_page import said_page

MOST = 3
TOGETHER = 1.5  # seconds: sentences that come later are about something else


class NoticeStack(QFrame):
    """A strip above the board with one sentence for each problem, until it is dismissed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self._sentences: list[str] = []
        self._said = 0.0
        self._about: object = None
        self._buttons: list[QPushButton] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        self._label = QLabel()
        self._label.setWordWrap(True)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        close = QToolButton()
        close.setObjectName("quiet")
        close.setText("✕")
        close.setToolTip(_("Dismiss"))
        close.setAccessibleName(_("Dismiss this notice"))
        close.clicked.connect(self.dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 6, 6)
        layout.addWidget(self._label, 1)
        self._row = QHBoxLayout()
        layout.addLayout(self._row)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.setVisible(False)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is said at present."""
        return tuple(self._sentences)

    def offer(
        self, sentence: str, *answers: tuple[str, Callable[[], object]], about: object = None
    ) -> None:
        """Asks without stopping anybody: a sentence with a button for each answer.

        What it is `about` may be settled in another place too.
        """
        self.say([sentence])
        self._about = about
        for words, act in answers:
            self._answer(words, partial(self._answered, act))

    def _answered(self, act: Callable[[], object]) -> None:
        """Away with the question first: what comes of the answer may say something itself."""
        self.dismiss()
        act()

    def settle(self, about: object) -> None:
        """Takes the question about this away: it was answered in another place."""
        if self._about == about:
            self.dismiss()

    def say(self, sentences: list[str]) -> None:
        """Says what has just happened, instead of what was said some time before."""
        if not sentences:
            return
        now = time.monotonic()
        before = self._sentences if now - self._said < TOGETHER else []
        self._said = now
        self._withdraw()
        self._sentences = list(dict.fromkeys([*before, *sentences]))
        self._timer.stop()
        shown = self._sentences[:MOST]
        more = len(self._sentences) - len(shown)
        self._label.setText("\n".join(shown + ([f"… and {more} more"] if more else [])))
        if more:
            self._answer(
                _("Show all {count}").format(count=len(self._sentences)),
                self._show_all,
            )
        self.setVisible(True)

    def tell(self, sentence: str, *, alone: bool = False) -> None:
        """Good news: says it for as many seconds as it takes to read; `alone` in place of what was said
        just before."""
        if sentence:
            if alone:
                self.dismiss()
            self.say([sentence])
            self._timer.start(max(6000, 60 * len(sentence)))

    def dismiss(self) -> None:
        """Takes the notice away."""
        self._sentences = []
        self._withdraw()
        self.setVisible(False)

    def _answer(self, words: str, act: Callable[[], object]) -> None:
        """A button beside the sentences."""
        button = QPushButton(words)
        button.clicked.connect(lambda _checked=False: act())
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        button.show()  # with its sentence; a layout would show it a turn later
        self._buttons.append(button)

    def _show_all(self) -> None:
        """Every sentence, on a page that can be scrolled and copied from."""
        said_page(self.window(), self._sentences).show()

    def _withdraw(self) -> None:
        """Takes away the buttons of what was offered before."""
        self._about = None
        for button in self._buttons:
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons.clear()
