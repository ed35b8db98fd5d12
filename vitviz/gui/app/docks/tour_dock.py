"""The walk through: a guide below the views that goes from pixels to answer, step by step."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QCloseEvent, QHideEvent, QResizeEvent, QShowEvent
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
from vitviz.core.language import _
from vitviz.gui.app.docks.tour_keepsake import TourKeepsake
from vitviz.gui.columns.column_area import ColumnArea
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.progress_line import ProgressLine
from vitviz.gui.widgets.subscriptions import Subscriptions
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.session import Session
from vitviz.views import find
from vitviz.views.learn.tour import TITLES, TourStep, TourTry, steps

HEIGHT = 156
LOW = 132
"""Height in a low window, where the views need the room."""
DOTTED = 1080
"""Width of the guide from which every step has a number to press."""


def show_walk(window: QMainWindow, session: Session, columns: ColumnArea) -> TourDock:
    """The guide, begun or brought to the front."""
    found = window.findChild(TourDock)
    walk = found if isinstance(found, TourDock) else TourDock(window, session, columns)
    walk.begin()
    return walk


def step_walk(window: QMainWindow, by: int) -> None:
    """The guide goes on or back by so many steps, where it is open."""
    found = window.findChild(TourDock)
    if isinstance(found, TourDock) and found.isVisible():
        found.go(found.at + by)


class TourDock(QDockWidget):
    """Shows one step at a time, with its views on the board; closed, all is as it was."""

    def __init__(self, window: QMainWindow, session: Session, columns: ColumnArea) -> None:
        super().__init__(_("Walk through"), window)
        self.setObjectName("Walk through")
        self.setAllowedAreas(
            Qt.DockWidgetArea.BottomDockWidgetArea | Qt.DockWidgetArea.TopDockWidgetArea
        )
        self._window, self._session, self._columns = window, session, columns
        self._before: TourKeepsake | None = None
        self._coming = False
        """Whether another model was asked for by the walk, and its trace is not there yet."""
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
            self._before = TourKeepsake(self._session, self._columns)
        self.show()
        self.raise_()
        height = HEIGHT if self._window.height() >= 800 else LOW
        self._window.resizeDocks([self], [height], Qt.Orientation.Vertical)
        self._read(self._session.trace)
        self.go(self._at)

    def go(self, step: int) -> None:
        """Goes to a step: its words, its views on the board, and what it is about chosen."""
        if not self.steps or self._before is None:
            return
        self._at = min(max(step, 0), len(self.steps) - 1)
        self._change_model(self.steps[self._at], self._before)
        self._show_step()
        shown = self.steps[self._at]
        for view, option, value in shown.begins:
            self._session.views.set_option(view, option, value)
        self._choose(shown, self._before)

    def _show_step(self) -> None:
        """A step's words, and its views."""
        self._show_words()
        shown = self.steps[self._at]
        self._columns.restore()
        self._columns.shown.set_all_shown(shown.views)
        self._columns.shown.set_focus(shown.focus)

    def _change_model(self, step: TourStep, before: TourKeepsake) -> None:
        """A step that another model is needed for lends it, any other one gives it back."""
        trace = self._session.trace
        if step.model and trace is not None and trace.grid.words is None:
            self._coming = before.lend(step.model) or self._coming
        elif not step.model and before.lends:
            self._coming = before.take_back()

    def _choose(self, step: TourStep, before: TourKeepsake) -> None:
        """Chooses the layer and head of a step, and a token that it can be seen from."""
        trace, session = self._session.trace, self._session
        if trace is None:
            return
        head = None if step.head == "all" else min(step.head, max(trace.heads - 1, 0))
        pinned = session.selection.pin.token(trace.grid, trace.crop)
        place = None if pinned is None else trace.grid.place(pinned)
        pin = None
        if step.token == "patch" and place is None:
            pin = place_of(trace.grid.middle, trace.grid, trace.crop)
        elif step.token == "class" and "class" in trace.grid.prefix and place is not None:
            pin = Place(prefix="class")
        before.choose(pin=pin, depth=step.depth, head=head)

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

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Numbers of all steps where there is room, else a line that shows how far it is."""
        super().resizeEvent(event)
        for dot in self._dots:
            dot.setVisible(self.width() >= DOTTED)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Closes before the window does, so that the window remembers its own views."""
        if watched is self._window and event.type() == QEvent.Type.Close:
            self.close()
        return False

    def closeEvent(self, event: QCloseEvent) -> None:
        """Gives everything back as it was."""
        super().closeEvent(event)
        self._coming = False
        before, self._before = self._before, None
        if before is not None:
            before.give_back()

    def _trace_ready(self, trace: Trace, column: int) -> None:
        if not self.isVisible() or column != self._session.columns.active.id:
            return
        begun, came = bool(self.steps), self._coming
        self._read(trace)
        self._coming = False
        self._show_step() if begun and not came else self.go(self._at)

    def _read(self, trace: Trace | None) -> None:
        self.steps = () if trace is None else steps(trace)
        if not self.steps:
            self._title.setText(_("Walk through: from pixels to the answer"))
            reading = self._session.columns.current
            self._words.setText(
                _("Open a picture (Ctrl+O); the walk is through it, with its own numbers.")
                if reading is None
                else _("It begins when {name} has been read.").format(name=reading.name)
            )
        for button in (self._back, self._next, *self._dots):
            button.setEnabled(bool(self.steps))
        self._progress.setVisible(bool(self.steps))

    def _show_words(self) -> None:
        step, count = self.steps[self._at], len(self.steps)
        self._title.setText(
            _("{at} of {count}   {title}").format(at=self._at + 1, count=count, title=step.title)
        )
        self._words.setText(step.words)
        self._progress.setRange(0, count)
        self._progress.setValue(self._at + 1)
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
        button.setCheckable(one.marked)
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
        self._words.setMaximumWidth(1200)
        self._words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._progress = ProgressLine(_("How far the walk is"))
        self._back, self._next = QPushButton(_("Back")), QPushButton(_("Next"))
        self._back.setToolTip(_("The step before (Alt+Left)"))
        self._next.setToolTip(_("The next step (Alt+Right)"))
        done = QPushButton(_("Done"))
        done.setToolTip(_("Ends the walk and puts everything back as it was"))
        done.clicked.connect(self.close)
        self._back.clicked.connect(lambda: self.go(self._at - 1))
        self._next.clicked.connect(lambda: self.go(self._at + 1))
        self._dots = [self._dot(index) for index in range(len(TITLES))]
        top, self._row = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self._title, 1)
        top.setSpacing(2)
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
        layout.setContentsMargins(2 * UNIT, 0, 2 * UNIT, UNIT)
        layout.setSpacing(UNIT - 2)
        layout.addWidget(self._progress)
        layout.addLayout(top)
        layout.addWidget(words, 1)
        layout.addLayout(self._row)
        self.setWidget(body)

    def _dot(self, index: int) -> QToolButton:
        dot = QToolButton()
        dot.setObjectName("quiet")
        dot.setText(str(index + 1))
        dot.setToolTip(_(TITLES[index]))
        dot.setAccessibleName(
            _("Step {index}: {titles}").format(index=index + 1, titles=_(TITLES[index]))
        )
        dot.setCheckable(True)
        dot.clicked.connect(lambda: self.go(index))
        return dot
