"""The bar below the board: layer, head, prefix tokens, the value under the cursor, running jobs."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)

from vitviz.core.data.selection import Selection
from vitviz.core.language import _
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.fitting_labels import ElidedLabel
from vitviz.gui.widgets.progress_line import ProgressLine
from vitviz.gui.widgets.subscriptions import Subscriptions
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.session import Session
from vitviz.session.work.jobs import Job, Lane

FEW = 2
"""Prefix tokens that get a button each."""


class ValueStepper(QWidget):
    """A named slider over 1 to n; with `all_words`, its leftmost position means all together."""

    chosen = Signal(int)
    """Index from 0; -1 is all together."""

    def __init__(self, name: str, tip: str, all_words: str = "") -> None:
        super().__init__()
        self._first = -1 if all_words else 0
        self._all = all_words
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setToolTip(tip)
        self._slider.setAccessibleName(name)
        self._slider.setMinimumWidth(48)
        self._slider.valueChanged.connect(self._moved)
        label = QLabel(name)
        label.setObjectName("quiet")
        self._number = QLabel()
        self._number.setFont(theme.font(numbers=True))
        self._number.setMinimumWidth(52)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(UNIT)
        layout.addWidget(label)
        layout.addWidget(self._slider, 1)
        layout.addWidget(self._number)
        self.setMaximumWidth(330)
        self.show_value(0, 1)

    def show_value(self, value: int, count: int) -> None:
        """Shows what is chosen of how many, without sending it."""
        blocker = QSignalBlocker(self._slider)
        self._slider.setRange(self._first, count - 1)
        self._slider.setValue(value)
        self._slider.setEnabled(count > 1)
        blocker.unblock()
        self._say(value, count)

    def _moved(self, value: int) -> None:
        self._say(value, self._slider.maximum() + 1)
        self.chosen.emit(value)

    def _say(self, value: int, count: int) -> None:
        self._number.setText(
            self._all
            if value < 0
            else _("{number} of {count}").format(number=value + 1, count=count)
        )


class PrefixButtons(QWidget):
    """The prefix tokens to choose from: buttons for one or two, a menu for more."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._names: tuple[str, ...] = ()
        self._buttons: list[QToolButton] = []
        self._more = QToolButton()
        self._more.setObjectName("tool")
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._more.setToolTip(_("Choose a class or register token"))
        self._more.setMenu(QMenu(self._more))
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._layout.addWidget(self._more)
        self._more.setVisible(False)

    def show_names(self, names: tuple[str, ...], chosen: str | None) -> None:
        """Shows the model's prefix tokens and which one is pinned."""
        if names != self._names:
            self._rebuild(names)
        for name, button in zip(self._names, self._buttons, strict=False):
            button.setChecked(name == chosen)
        for action in self._more.menu().actions():
            action.setChecked(action.data() == chosen)
        self._more.setText(f"{chosen if chosen in names[1:] else 'registers'}  ▾")

    def _rebuild(self, names: tuple[str, ...]) -> None:
        for button in self._buttons:
            self._layout.removeWidget(button)
            button.deleteLater()
        self._names = names
        few = names if len(names) <= FEW else names[:1]
        self._buttons = [self._button(name) for name in few]
        for position, button in enumerate(self._buttons):
            self._layout.insertWidget(position, button)
        menu = self._more.menu()
        menu.clear()
        for name in names[len(few) :]:
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setData(name)
            action.triggered.connect(self._picked)
        self._more.setVisible(len(names) > FEW)

    def _button(self, name: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName("tool")
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setText(name)
        button.setToolTip(
            _("Choose the {name} token").format(name=_(name)) + (" (C)" if name == "class" else "")
        )
        button.setProperty("prefix", name)
        button.clicked.connect(self._pressed)
        return button

    def _pressed(self) -> None:
        self.chosen.emit(self.sender().property("prefix"))

    def _picked(self) -> None:
        self.chosen.emit(cast(QAction, self.sender()).data())


class JobsBar(QWidget):
    """What is running, how far it is, and its stop button; hidden when nothing runs."""

    stopped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._jobs: list[Job] = []
        self._label = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self._label.setObjectName("quiet")
        self._label.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._bar = ProgressLine()
        self._bar.setMinimumWidth(28)
        self._bar.setMaximumWidth(80)
        stop = QPushButton(_("Stop"))
        stop.setToolTip(_("Stop what is running; nothing that is open is lost"))
        stop.clicked.connect(self.stopped)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(UNIT)
        layout.addWidget(self._label, 1)
        layout.addWidget(self._bar)
        layout.addWidget(stop)
        self.setMinimumWidth(108)  # a low window must not grow when something runs
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setVisible(False)

    @property
    def lanes(self) -> set[Lane]:
        """The lanes in which something runs."""
        return {job.lane for job in self._jobs}

    def begin(self, job: Job) -> None:
        """A job runs."""
        self._jobs.append(job)
        self.show_progress()

    def end(self, job: Job) -> None:
        """It does not run any more."""
        self._jobs = [other for other in self._jobs if other is not job]
        self.show_progress()

    def show_progress(self, _job: Job | None = None) -> None:
        """Shows the job that the others wait for; a total of 0 means nobody knows how long."""
        self.setVisible(bool(self._jobs))
        if self._jobs:
            job = self._jobs[0]
            self._label.show_text(job.words)
            self._bar.setRange(0, 1000 if job.total > 0 else 0)
            if job.total > 0:
                self._bar.setValue(round(1000 * job.done / job.total))


class BottomBar(QWidget):
    """Layer and head sliders, prefix tokens, read-out and jobs in one bar."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.layer = ValueStepper(_("Layer"), _("Layer (PgUp, PgDown, Home, End)"))
        self.head = ValueStepper(_("Head"), _("Head ([ and ], 0 for all)"), all_words=_("all"))
        self.prefixes = PrefixButtons()
        self.jobs = JobsBar()
        self._read_out = ElidedLabel()
        self._read_out.setFont(theme.font(numbers=True))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 2, 12, UNIT)
        layout.setSpacing(UNIT * 2)
        for widget, stretch in (
            (self.layer, 3),
            (self.head, 3),
            (self.prefixes, 0),
            (self._read_out, 3),
            (self.jobs, 8),
        ):
            layout.addWidget(widget, stretch)
        self.layer.chosen.connect(self._layer_chosen)
        self.head.chosen.connect(self._head_chosen)
        self.prefixes.chosen.connect(session.chosen.choose_prefix)
        self.jobs.stopped.connect(self._stop)

    def listen(self, links: Subscriptions) -> None:
        """Listens to what is chosen and to what runs."""
        session, jobs = self._session, self.jobs
        links.connect(session.chosen.changed, self.show_selection)
        links.connect(session.jobs.started, jobs.begin)
        links.connect(session.jobs.progressed, jobs.show_progress)
        links.connect(session.jobs.ended, jobs.end)

    def show_selection(self, new: Selection, _old: Selection | None = None) -> None:
        """Shows layer, head and prefix token as the active column has them."""
        trace = self._session.trace
        if trace is not None:
            layers = trace.depths
            self.layer.show_value(new.layer(layers), max(layers, 1))
            self.head.show_value(-1 if new.head is None else new.head, max(trace.heads, 1))
            self.prefixes.show_names(trace.grid.prefix, new.pin.prefix)

    def _layer_chosen(self, layer: int) -> None:
        trace = self._session.trace
        if trace is not None:
            depth = self._session.selection.with_layer(layer, trace.depths).depth
            self._session.chosen.select(depth=depth)

    def _head_chosen(self, head: int) -> None:
        self._session.chosen.select(head=None if head < 0 else head)

    def _stop(self) -> None:
        self._session.columns.stop_all()

    def read_out(self, words: str) -> None:
        """Shows what lies under the cursor."""
        self._read_out.show_text(words)
