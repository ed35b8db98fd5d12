"""The walk through: a guide below the views that goes from pixels to answer, step by step."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QCloseEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.data.selection import Place, place_of
from vitviz.core.data.trace import Trace
from vitviz.gui.columns.column_area import ColumnArea
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.subscriptions import Subscriptions
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.session import Session
from vitviz.views import find
from vitviz.views.learn.tour import TourStep, TourTry, steps

HEIGHT = 168
LOW = 132
"""Height in a low window, where the views need the room."""
WIDE = 1200
"""Width of a window that has room for the strip of pictures too."""


def show_walk(window: QMainWindow, session: Session, columns: ColumnArea) -> TourDock:
    """The guide, begun or brought to the front."""
    found = window.findChild(TourDock)
    walk = found if isinstance(found, TourDock) else TourDock(window, session, columns)
    walk.begin()
    return walk


class TourDock(QDockWidget):
    """Shows one step at a time, with its views on the board; closed, the board is as it was."""

    def __init__(self, window: QMainWindow, session: Session, columns: ColumnArea) -> None:
        super().__init__("Walk through", window)
        self.setObjectName("Walk through")
        self.setAllowedAreas(
            Qt.DockWidgetArea.BottomDockWidgetArea | Qt.DockWidgetArea.TopDockWidgetArea
        )
        self._window, self._session, self._columns = window, session, columns
        self._before: str | None = None
        self._pin: Place | None = None  # as it was before the walk
        self._pinned: Place | None = None  # as the walk has chosen it
        self._strip: QDockWidget | None = None  # the pictures, while they have given their room
        self._at = 0
        self.steps: tuple[TourStep, ...] = ()
        self._tries: list[QPushButton] = []
        self._dots: list[QToolButton] = []
        self._links = Subscriptions()
        self._build()
        window.installEventFilter(self)
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self)

    @property
    def at(self) -> int:
        """The step that is shown, counted from 0."""
        return self._at

    def begin(self) -> None:
        """Shows the guide at the step where it was left."""
        if self._before is None:
            self._before = self._columns.board_state()
            self._pin, self._pinned = self._session.selection.pin, None
        self._take_room()
        self.show()
        self.raise_()
        height = HEIGHT if self._window.height() >= 800 else LOW
        self._window.resizeDocks([self], [height], Qt.Orientation.Vertical)
        self._read(self._session.trace)
        self.go(self._at)

    def _take_room(self) -> None:
        """In a small window the strip of pictures gives its width to the views until the end."""
        strip = self._window.findChild(QDockWidget, "Pictures")
        if isinstance(strip, QDockWidget) and strip.isVisible() and self._window.width() < WIDE:
            self._strip = strip
            strip.hide()

    def go(self, step: int) -> None:
        """Goes to a step: its words, and its views on the board."""
        if not self.steps:
            return
        self._at = min(max(step, 0), len(self.steps) - 1)
        self._show_words()
        shown = self.steps[self._at]
        self._columns.restore()
        self._columns.shown.set_all_shown(shown.views)
        self._columns.shown.set_focus(shown.focus)
        self._choose(shown)

    def _choose(self, step: TourStep) -> None:
        """Chooses a token that the step can be seen from, where another kind is chosen."""
        trace, session = self._session.trace, self._session
        if trace is None or not step.token:
            return
        pinned = session.selection.pin.token(trace.grid, trace.crop)
        place = None if pinned is None else trace.grid.place(pinned)
        if step.token == "patch" and place is None:
            session.chosen.pin(place_of(trace.grid.middle, trace.grid, trace.crop))
        elif step.token == "class" and "class" in trace.grid.prefix and place is not None:
            session.chosen.choose_prefix("class")
        else:
            return
        self._pinned = session.selection.pin

    def showEvent(self, event: QShowEvent) -> None:
        """Listens while it is seen."""
        super().showEvent(event)
        self._links.cut()
        self._links.connect(self._session.columns.trace_ready, self._trace_ready)
        self._links.connect(self._session.views.options_changed, self._options_changed)

    def hideEvent(self, event: QHideEvent) -> None:
        """Listens no longer."""
        super().hideEvent(event)
        self._links.cut()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Closes before the window does, so that the window remembers its own views."""
        if watched is self._window and event.type() == QEvent.Type.Close:
            self.close()
        return False

    def closeEvent(self, event: QCloseEvent) -> None:
        """Gives the board back as it was."""
        super().closeEvent(event)
        if self._strip is not None:
            self._strip.show()
            self._strip = None
        before, self._before = self._before, None
        if before is not None:
            self._columns.restore_board(before)
            if self._pin is not None and self._session.selection.pin == self._pinned:
                self._session.chosen.pin(self._pin)

    def _trace_ready(self, trace: Trace, _column: int) -> None:
        if self.isVisible():
            begun = bool(self.steps)
            self._read(trace)
            self._show_words() if begun else self.go(self._at)

    def _read(self, trace: Trace | None) -> None:
        self.steps = () if trace is None else steps(trace)
        if not self.steps:
            self._title.setText("Walk through: from pixels to the answer")
            reading = self._session.columns.current
            self._words.setText(
                "Open a picture (Ctrl+O); the walk is through it, with its own numbers."
                if reading is None
                else f"It begins when {reading.name} has been read."
            )
        for button in (self._back, self._next, *self._dots):
            button.setEnabled(bool(self.steps))

    def _show_words(self) -> None:
        step, count = self.steps[self._at], len(self.steps)
        self._title.setText(f"{self._at + 1} of {count}   {step.title}")
        self._words.setText(step.words)
        self._back.setEnabled(self._at > 0)
        self._next.setEnabled(self._at < count - 1)
        for old in self._tries:
            old.hide()
            old.deleteLater()
        self._tries = [self._button(one) for one in step.tries]
        self._show_tried()
        for index, button in enumerate(self._dots):
            button.setChecked(index == self._at)

    def _button(self, one: TourTry) -> QPushButton:
        button = QPushButton(one.words)
        button.setCheckable(True)
        button.clicked.connect(lambda: self._try(one))
        self._row.insertWidget(self._row.count() - 1, button)
        return button

    def _try(self, one: TourTry) -> None:
        self._columns.shown.set_focus(one.view)
        self._session.views.set_options(one.view, dict(one.options))
        self._show_tried()

    def _options_changed(self, _view: str) -> None:
        self._show_tried()

    def _show_tried(self) -> None:
        """Marks what is being tried just now."""
        if not self.steps:
            return
        for button, one in zip(self._tries, self.steps[self._at].tries, strict=True):
            defaults = {option.name: option.default for option in find(one.view).options}
            values = {**defaults, **self._session.views.options.get(one.view, {})}
            button.setChecked(all(values[name] == value for name, value in one.options))

    def _build(self) -> None:
        self._title, self._words = QLabel(), QLabel()
        self._title.setObjectName("title")
        self._title.setFont(theme.font(2))
        self._words.setWordWrap(True)
        self._words.setMaximumWidth(1000)
        self._words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._back, self._next = QPushButton("Back"), QPushButton("Next")
        done = QPushButton("Done")
        done.setToolTip("Ends the walk and puts the views back as they were")
        done.clicked.connect(self.close)
        self._back.clicked.connect(lambda: self.go(self._at - 1))
        self._next.clicked.connect(lambda: self.go(self._at + 1))
        self._dots = [self._dot(index) for index in range(7)]
        top, self._row = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self._title, 1)
        for dot in self._dots:
            top.addWidget(dot)
        top.addSpacing(UNIT)
        top.addWidget(self._back)
        top.addWidget(self._next)
        top.addSpacing(UNIT)
        top.addWidget(done)
        self._row.addStretch()
        words = QScrollArea()
        words.setWidget(self._words)
        words.setWidgetResizable(True)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(2 * UNIT, UNIT, 2 * UNIT, UNIT)
        layout.setSpacing(UNIT)
        layout.addLayout(top)
        layout.addWidget(words, 1)
        layout.addLayout(self._row)
        self.setWidget(body)

    def _dot(self, index: int) -> QToolButton:
        dot = QToolButton()
        dot.setObjectName("quiet")
        dot.setText(str(index + 1))
        dot.setCheckable(True)
        dot.clicked.connect(lambda: self.go(index))
        return dot
