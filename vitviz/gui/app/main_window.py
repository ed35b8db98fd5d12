"""The window: puts the rooms together, sends wishes to the session and shows what it announces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QByteArray, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeySequence,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Picture, Trace
from vitviz.core.pictures.picture_files import bundled_pictures
from vitviz.gui.app import text_pages
from vitviz.gui.app.actions import MENUS, actions, plain
from vitviz.gui.app.actions.figure_actions import compose_view
from vitviz.gui.app.actions.model_actions import open_checkpoint, say_of_model
from vitviz.gui.app.actions.window_parts import WindowParts
from vitviz.gui.app.area_painting import AreaPainting
from vitviz.gui.app.device_list import learn_devices
from vitviz.gui.app.dock_panels import DockPanels
from vitviz.gui.app.dropped_sources import carries_pictures, sources_of
from vitviz.gui.app.library_dock import LibraryDock
from vitviz.gui.app.picture_thumbnails import make_thumbnails
from vitviz.gui.app.session_menu import SessionMenu
from vitviz.gui.columns.column_area import ColumnArea
from vitviz.gui.columns.pointer import ViewPointer
from vitviz.gui.panels.bottom_bar import BottomBar
from vitviz.gui.panels.filmstrip import Filmstrip
from vitviz.gui.panels.inspector import InspectorPanel
from vitviz.gui.panels.notices import NoticeStack
from vitviz.gui.panels.picture_parts import PicturePartButton
from vitviz.gui.panels.prompt_line import PromptLine
from vitviz.gui.panels.run_line import RunLine
from vitviz.gui.panels.top_bar import TopBar
from vitviz.gui.panels.welcome import Welcome
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.fitting_labels import ElidedLabel
from vitviz.gui.widgets.interface_size import InterfaceSizeMenu
from vitviz.gui.widgets.key_guard import leave_focus
from vitviz.gui.widgets.subscriptions import Subscriptions
from vitviz.gui.widgets.theme import UNIT, first_size
from vitviz.session.columns.column_words import card_words, doing_words
from vitviz.session.columns.header_text import answer_words, doubt_words
from vitviz.session.history.session_history import WindowChoices
from vitviz.session.pictures.picture_list import PicturePart
from vitviz.session.session import Session
from vitviz.session.work.jobs import Job
from vitviz.session.work.request import ModelRequest
from vitviz.views import views
from vitviz.views.options import Look
from vitviz.views.shared import picture_layers


class MainWindow(QMainWindow):
    """vitviz's window."""

    painted = Signal(str)
    """A view's new drawing has been handed to the painter."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.setWindowTitle("vitviz")
        self.setAcceptDrops(True)
        self.views = views()
        self.filmstrip, self.inspector = Filmstrip(), InspectorPanel()
        self.controls, self.notices, self.bar = BottomBar(), NoticeStack(), TopBar()
        self.welcome, self._middle = Welcome(), QStackedLayout()
        self.library = LibraryDock(session)
        self.prompts, self.run = PromptLine(), RunLine()
        self._header = ElidedLabel()
        self._header.setFont(theme.font(0.5))
        self._part = PicturePartButton()
        self._jobs: list[Job] = []
        self._picture_expected = False
        self._wished: ModelRequest | None = None
        self._devices_known = False
        self.actions_by_name: dict[str, QAction] = {}
        self._links = Subscriptions()
        self.compare = ColumnArea(self, session, self.views, self.notices)
        self.board, self.shown = self.compare.board, self.compare.shown
        self.sessions = SessionMenu(self, session, self.notices, self.compare)
        self._pointing = ViewPointer(
            session,
            previews=partial(self._is_on, "preview"),
            read_out=self.controls.read_out,
            enlarge=self.compare.maximise,
        )
        self.painting = AreaPainting(self, session, self.views, self.notices)
        self._landing = QLabel(self)
        self._landing.setObjectName("landing")
        self._landing.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._landing.hide()
        self._build()
        self.parts = self._parts()
        self._build_menus()
        self._connect_widgets()
        self._connect_session()
        self._default_state = self.saveState()
        leave_focus(self)
        self.actions_by_name["preview"].setChecked(True)
        self.setContentsMargins(0, 0, UNIT, 0)
        first_size(self, 1440, 900)
        self._show_all()

    # What the window looks like

    def _build(self) -> None:
        self.addToolBar(self.bar)
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(UNIT, 0, UNIT, 0)
        layout.setSpacing(UNIT)
        top = QHBoxLayout()
        top.addWidget(self._header, 1)
        top.addWidget(self._part)
        top.addWidget(self.compare.bar)
        layout.addLayout(top)
        layout.addWidget(self.compare.tabs)
        layout.addWidget(self.prompts)
        layout.addWidget(self.run)
        layout.addWidget(self.sessions.left)
        layout.addWidget(self.notices)
        layout.addWidget(self.painting.bar)
        layout.addLayout(self._middle, 1)
        for page in (self.welcome, self.board, self.compare.table):
            self._middle.addWidget(page)
        layout.addWidget(self.controls)
        self.setCentralWidget(middle)
        self._docks = DockPanels(self, self.filmstrip, self.inspector, self.library)

    def _build_menus(self) -> None:
        menus = {name: self.menuBar().addMenu(f"&{name}") for name in MENUS if name}
        for known in actions().values():
            action = QAction(known.text, self)
            action.setData(known.name)
            action.setShortcuts([QKeySequence(keys) for keys in known.keys])
            action.setToolTip(known.tip or plain(known.text))
            action.setCheckable(known.check)
            action.triggered.connect(self._triggered)
            self.actions_by_name[known.name] = action
            self.addAction(action)
            if known.menu:
                if known.rule:
                    menus[known.menu].addSeparator()
                menus[known.menu].addAction(action)
        self._add_panels(menus["View"])
        menus["File"].insertMenu(self.actions_by_name["save_session"], self.sessions.recent)

    def _add_panels(self, menu: QMenu) -> None:
        menu.addSeparator()
        panels = menu.addMenu("Panels")
        panels.addActions(self._docks.toggles())
        size = self.session.settings.now.interface_size
        menu.addMenu(InterfaceSizeMenu(self, size, self._size_chosen))

    def _parts(self) -> WindowParts:
        return WindowParts(
            session=self.session,
            frame=self,
            views=self.views,
            shown=self.shown,
            columns=self.compare,
            notices=self.notices,
            library=self.library,
            docks=self._docks,
            sessions=self.sessions,
            painting=self.painting,
            request_model=self.request_model,
            hide_library=self.hide_library,
            reset_layout=self.reset_layout,
            set_theme=self.set_theme,
            is_on=self._is_on,
        )

    def _triggered(self) -> None:
        self.perform(_data(self.sender()))

    def perform(self, name: str) -> None:
        """Does the action of that name, as its menu entry and its keys do."""
        self.session.history.settle()
        actions()[name].perform(self.parts)

    def _is_on(self, name: str) -> bool:
        return self.actions_by_name[name].isChecked()

    def _open(self) -> None:
        self.perform("open")

    def _open_model(self) -> None:
        self.perform("open_model")

    def _say_more(self) -> None:
        say_of_model(self.parts)

    def _find_model(self) -> None:
        self.perform("find_model")

    def _ask_prompts(self, prompts: tuple[str, ...]) -> None:
        request = self.session.request
        facts = replace(request.facts, prompts=prompts)
        self.session.columns.use_model(replace(request, facts=facts))

    def _show_step(self, path: str) -> None:
        self.session.columns.use_model(replace(self.session.request, name=path))

    def _open_samples(self) -> None:
        self.session.open([*bundled_pictures()])

    def _open_part(self, part: PicturePart) -> None:
        self.session.open([part])

    # Who listens to whom

    def _connect_widgets(self) -> None:
        session = self.session
        for stage in self.compare.stages:
            self._pointing.listen(stage)
            stage.wished.connect(self._card_wished)
        self.shown.focus_changed.connect(self._focus_changed)
        self.filmstrip.chosen.connect(session.columns.show)
        self.filmstrip.closed.connect(session.pictures.close)
        self.filmstrip.open_wished.connect(self._open)
        self.filmstrip.part_wished.connect(self._open_part)
        self._part.wished.connect(self._open_part)
        self.filmstrip.thumbnail_wanted.connect(partial(make_thumbnails, session, self.filmstrip))
        self.inspector.option_wished.connect(session.views.set_option)
        self.inspector.look_wished.connect(self._look_wished)
        self.inspector.reset_wished.connect(session.views.reset_options)
        self.inspector.look_reset_wished.connect(self._reset_look)
        self.inspector.target.wished.connect(session.chosen.ask_about)
        self.controls.layer.chosen.connect(self._layer_chosen)
        self.controls.head.chosen.connect(self._head_chosen)
        self.controls.prefixes.chosen.connect(session.chosen.choose_prefix)
        self.controls.jobs.stopped.connect(self._stop)
        self.bar.requested.connect(self.request_model)
        self.bar.open_wished.connect(self._open)
        self.welcome.open_wished.connect(self._open)
        self.welcome.samples_wished.connect(self._open_samples)
        self.prompts.wished.connect(self._ask_prompts)
        self.run.wished.connect(self._show_step)
        self.bar.find_wished.connect(self._find_model)
        self.library.requested.connect(self.request_model)
        self.library.file_wished.connect(self._open_model)
        self.library.closed.connect(self.hide_library)
        self.bar.checkpoint_wished.connect(self._open_model)
        self.bar.evidence_wished.connect(self._say_more)
        self.compare.arranged.connect(self._arranged)
        self.compare.activated.connect(self._show_active)
        self.compare.wished.connect(self.perform)

    def _connect_session(self) -> None:
        session, links = self.session, self._links
        links.connect(session.pictures.changed, self._show_pictures)
        links.connect(session.columns.current_changed, self._show_current)
        links.connect(session.columns.request_changed, self._show_request)
        links.connect(session.settings.models_changed, self._show_models)
        links.connect(session.columns.trace_ready, self._trace_ready)
        links.connect(session.columns.trace_failed, self._show_trace_failure)
        links.connect(session.chosen.changed, self._show_selection)
        links.connect(session.chosen.pointed, self._show_pointed)
        links.connect(session.views.look_changed, self._show_look)
        links.connect(session.views.options_changed, self._show_options)
        links.connect(session.views.drawing_ready, self._show_drawing)
        links.connect(session.views.drawing_failed, self._show_drawing_failure)
        links.connect(session.problems, self._show_problems)
        links.connect(session.history.changed, self._show_history)
        links.connect(session.checkpoint_asked, self._open_checkpoint)
        links.connect(session.session_asked, self.sessions.files.open)
        links.connect(session.jobs.started, self._job_started)
        links.connect(session.jobs.progressed, self._show_jobs)
        links.connect(session.jobs.ended, self._job_ended)
        self.compare.listen(links)
        self.sessions.listen(links)
        self._docks.toggled.connect(session.history.note)
        session.history.include(WindowChoices(self._choices, self._show_choices))

    def _show_all(self) -> None:
        self._show_models()
        self._show_pictures()
        self._show_request(self.session.request)
        self._show_look(self.session.views.look)
        self._show_trace(self.session.trace)
        self._show_history()
        self.shown.set_focus("heads" if "heads" in self.views else next(iter(self.views)))
        self.compare.want()

    # What the session announced

    def _show_models(self) -> None:
        self.bar.show_choices(self.session.models())

    def _show_pictures(self) -> None:
        self.filmstrip.show_pictures(self.session.pictures.open)

    def _show_current(self, picture: Picture | None) -> None:
        self.filmstrip.show_current(None if picture is None else picture.key)
        trace = self.session.trace
        if picture is None or trace is None:
            self._show_trace(None)
        else:
            self.show_header()

    def _show_request(self, request: ModelRequest) -> None:
        self.bar.show_request(request)
        self.prompts.show_request(request)
        self.run.show_request(request)
        self.actions_by_name["whole"].setChecked(request.fit != "crop")

    def _trace_ready(self, trace: Trace, column: int) -> None:
        if column == self.session.columns.active.id:
            self._show_trace(trace)
            self._first_trace(trace)

    def _show_trace(self, trace: Trace | None) -> None:
        self.bar.show_trace(trace)
        self.prompts.show_trace(trace)
        self.show_header()
        self.show_page()
        picture = self.session.columns.current
        if trace is not None:
            focus = self.shown.focus
            self.inspector.show_trace(trace, self.session.views.options.get(focus, {}))
            self._show_selection(self.session.selection, self.session.selection)
            return
        self.inspector.token.show_nothing()
        if picture is not None:
            self.compare.say_on_board(*card_words(self.session.columns.active.state, picture.name))

    def _arranged(self) -> None:
        self.show_page()
        self.show_header()

    def show_page(self) -> None:
        """The welcome page while no picture is open or coming, else the board or the table."""
        empty = self.session.columns.current is None and not self._picture_comes
        self._show_middle(self.welcome if empty else self.compare.page)

    def expect_picture(self, on: bool) -> None:
        """Whether a picture is about to be opened: nobody is asked to drop one then."""
        self._picture_expected = on
        self._show_coming()

    @property
    def _picture_comes(self) -> bool:
        opening = any(job.lane in ("read", "web") for job in self._jobs)
        return self._picture_expected or opening

    def _show_coming(self) -> None:
        """The cards are there from the start, and say what they wait for."""
        if self.session.columns.current is None and self._picture_comes:
            self.compare.say_on_board("Opening the picture …", "")
        self.show_page()

    def _show_active(self) -> None:
        """Another column is the active one: shows what was drawn for it, or what it waits for."""
        self._show_trace(self.session.trace)
        self._show_options(self.shown.focus)

    def _show_middle(self, page: QWidget) -> None:
        """The page that is shown has the keys: a button that had them would take Space."""
        if self._middle.currentWidget() is not page or self.focusWidget() is None:
            self._middle.setCurrentWidget(page)
            page.setFocus()

    def _first_trace(self, trace: Trace) -> None:
        """Once torch is there it can be asked for devices; a model that worked is remembered."""
        self._learn_devices()
        wished = self._wished
        if wished is not None and wished == self.session.request:
            self.session.settings.remember(
                fit=wished.fit, device=wished.device, precision=wished.precision
            )
            if trace.model.weights == "trained":
                self.session.settings.remember(model=wished.name)

    def _learn_devices(self) -> None:
        if not self._devices_known:
            self._devices_known = True
            learn_devices(self.session, self.bar)

    def show_header(self) -> None:
        """Says what is shown; several columns have headers of their own that say it."""
        self._part.show_picture(self.session.columns.current)
        trace = self.session.trace
        if trace is None:
            self._header.show_text("")
            self.setWindowTitle("vitviz")
            return
        self.setWindowTitle(f"{trace.picture.name} – {trace.model.title} – vitviz")
        wished = self.session.columns.current
        if wished is not None and wished.key != trace.picture.key:
            doing = doing_words(self.session.columns.active.state, wished.name)
            parts = [f"{doing} (still showing {trace.picture.name})"]
        else:
            parts = _header_parts(trace)
        self._header.show_text("   ·   ".join(parts) if len(self.session.columns) == 1 else "")

    def _show_trace_failure(self, sentence: str, column: int) -> None:
        self._learn_devices()  # perhaps the one that was asked for is not there
        self.show_header()
        given_up = [live.id for live in self.session.columns if live.state.given_up is not None]
        if given_up == [column]:  # of several, each has a button of its own above it
            again = partial(self.compare.column_wished, "again", column)
            self.notices.offer(sentence, ("Read again", again), about=column)
        else:
            self.notices.say([sentence])
        if self.session.trace is None and column == self.session.columns.active.id:
            self.compare.say_on_board("Nothing to show", sentence)

    def _show_selection(self, new: Selection, _old: Selection) -> None:
        trace = self.session.trace
        if trace is None:
            return
        layers = trace.depths
        self.controls.layer.show_value(new.layer(layers), max(layers, 1))
        self.controls.head.show_value(-1 if new.head is None else new.head, max(trace.heads, 1))
        self.controls.prefixes.show_names(trace.grid.prefix, new.pin.prefix)
        self.inspector.token.show_token(trace, new)
        self.inspector.target.show_target(new.target, trace)

    def _show_pointed(self, selection: Selection) -> None:
        trace = self.session.columns.active.trace
        if trace is not None:
            self.inspector.token.show_token(trace, selection)

    def _show_look(self, look: Look) -> None:
        self.inspector.show_look(look, self.session.views.look_chosen)
        self.actions_by_name["grid"].setChecked(look.grid)
        self.actions_by_name["heat"].setChecked(look.heat)

    def _show_options(self, view: str) -> None:
        if view == self.shown.focus:
            self.inspector.show_values(self.views[view], self.session.views.options.get(view, {}))

    def _show_drawing(self, view: str, drawing: Drawing, column: int) -> None:
        self.compare.show_drawing(view, drawing, column)
        if column == self.session.columns.active.id:
            self.inspector.show_implied(view, drawing)
        self.painted.emit(view)

    def _show_drawing_failure(self, view: str, sentence: str, column: int) -> None:
        self.compare.show_message(view, column, "Not shown", picture_layers.sentence(sentence))
        self.painted.emit(view)

    def _show_problems(self, sentences: list[str]) -> None:
        self.notices.say(sentences)

    def _job_started(self, job: Job) -> None:
        self._jobs.append(job)
        self._show_jobs(job)
        self._show_coming()

    def _job_ended(self, job: Job) -> None:
        self._jobs = [other for other in self._jobs if other is not job]
        self._show_jobs(job)
        self._show_coming()

    def _show_jobs(self, _job: Job) -> None:
        if not self._jobs:
            self.controls.jobs.show_nothing()
            return
        job = self._jobs[0]  # what the others wait for
        self.controls.jobs.show_job(job.words, job.done, job.total)

    def _show_history(self) -> None:
        """Says in the menu what would be undone, and what done again."""
        history = self.session.history
        for name, words in (("undo", history.undoes), ("redo", history.redoes)):
            action = self.actions_by_name[name]
            action.setText(f"{actions()[name].text} {words}".rstrip())
            action.setEnabled(bool(words))

    def _choices(self) -> dict[str, str]:
        """What of the window somebody chose, to be taken back."""
        return {**self.compare.choices(), "panels": self._docks.shown}

    def _show_choices(self, choices: Mapping[str, str]) -> None:
        if "panels" in choices:
            self._docks.show_only(choices["panels"])
        self.compare.show_choices(choices)

    # What the user wished

    def _reset_look(self) -> None:
        self.session.views.reset_look()

    def _card_wished(self, wish: str, view: str, column: int = -1) -> None:
        if column >= 0:
            self.session.columns.activate(column)
        match wish:
            case "paint":
                self.painting.begin(view)
            case "column":
                self.compare.wish("whatif")
            case "help":
                text_pages.view_help(self, self.views[view]).show()
            case "options":
                self._docks.inspector.setVisible(True)
            case "export":
                compose_view(self.parts, view)
            case "maximise":
                self.compare.maximise(view)

    def _focus_changed(self, view: str) -> None:
        self.inspector.show_view(self.views[view], self.session.views.options.get(view, {}))
        self.inspector.show_look(self.session.views.look, self.session.views.look_chosen)
        self.inspector.show_implied(view, self.session.views.drawings.get(view))

    def show_views_of(self, *names: str) -> None:
        """Shows these views and takes all others off."""
        self.shown.set_all_shown(names)

    def _look_wished(self, name: str, value: object) -> None:
        self.session.views.set_look(**{name: value})

    def _layer_chosen(self, layer: int) -> None:
        trace = self.session.trace
        if trace is not None:
            depth = self.session.selection.with_layer(layer, trace.depths).depth
            self.session.chosen.select(depth=depth)

    def _head_chosen(self, head: int) -> None:
        self.session.chosen.select(head=None if head < 0 else head)

    def request_model(self, request: ModelRequest) -> None:
        """Has a model shown; a file as what it was confirmed to be."""
        request = self.session.settings.confirmed(request)
        self._wished = request
        self.session.columns.use_model(request)

    def _stop(self) -> None:
        self.session.columns.stop_all()

    def hide_library(self) -> None:
        """Closes the model library: its room is the board's, which has the keys again."""
        self._docks.close_library()
        current = self._middle.currentWidget()
        if current is not None:
            current.setFocus()

    # Theme, drops and closing

    def _size_chosen(self, percent: int) -> None:
        """Remembers how large the interface is to be."""
        self.session.settings.remember(interface_size=percent)
        self.notices.tell(
            f"The interface is drawn at {percent} % from the next start of vitviz on."
        )

    def set_theme(self, name: theme.ThemeName) -> None:
        """Puts the window into a theme, and remembers it."""
        app = QApplication.instance()
        if isinstance(app, QApplication):
            theme.apply(app, theme.resolve(name))
        self.session.settings.remember(theme=name)
        for stage in self.compare.stages:
            stage.restyle()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        current = self._middle.currentWidget()
        if current is not None:
            current.setFocus()
        QTimer.singleShot(0, self._docks.follow)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if carries_pictures(event.mimeData()):
            _take_a_copy(event)
            self._landing.setGeometry(self.rect().adjusted(4, 4, -4, -4))
            self._landing.show()
            self._landing.raise_()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._landing.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self._landing.hide()
        self.session.open(sources_of(event.mimeData()))
        _take_a_copy(event)

    def _open_checkpoint(self, path: str) -> None:
        open_checkpoint(self.parts, path)

    def reset_layout(self) -> None:
        """Puts the panels and the views back where they were at first."""
        self.restoreState(self._default_state)
        self._docks.unfold("Pictures Inspector")
        self.compare.reset_board()

    def state(self) -> str:
        """Where docks, rows and columns are, as text."""
        return f"{_text(self.saveState())};{self.compare.board_state()};{self._docks.folded}"

    def restore(self, geometry: str, state: str) -> None:
        """Takes back what was remembered; anything unreadable is ignored."""
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))
        docks, rows, folded = (*state.split(";"), "", "")[:3]
        if docks and self.restoreState(QByteArray.fromBase64(docks.encode())):
            self.compare.restore_board(rows)
        self._docks.unfold(folded)
        if not self.isVisible():
            self._docks.hold_back()

    def take_size(self, width: int, height: int) -> None:
        """Takes a size that was asked for; where it was before it might reach beyond the screen."""
        self.resize(width, height)
        if self.testAttribute(Qt.WidgetAttribute.WA_Moved):  # else the desktop finds it a place
            room, place = self.screen().availableGeometry(), self.geometry()
            place.moveRight(min(place.right(), room.right()))
            place.moveBottom(min(place.bottom(), room.bottom()))
            place.moveTopLeft(QPoint(max(place.left(), room.left()), max(place.top(), room.top())))
            self.setGeometry(place)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.session.settings.remember(
            window_geometry=_text(self.saveGeometry()), window_state=self.state()
        )
        self.sessions.end()
        self._links.cut()
        self.library.cut()
        self.session.close()
        super().closeEvent(event)


def _header_parts(trace: Trace) -> list[str]:
    """What is said above the views: the model, the picture, the answer, and how much is seen."""
    said = (answer_words(trace), doubt_words(trace))
    parts = [trace.model.title, trace.picture.name, *filter(None, said)]
    if trace.crop.seen_share < 0.995:
        parts.append(f"the model sees {trace.crop.seen_words} of the picture")
    return [*parts, trace.picture.note] if trace.picture.note else parts


def _data(action: QObject | None) -> str:
    return str(action.data()) if isinstance(action, QAction) else ""


def _text(state: QByteArray) -> str:
    return bytes(state.toBase64().data()).decode()


def _take_a_copy(event: QDropEvent) -> None:
    """What is dropped stays where it was: whoever hears that it was moved may delete it."""
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()
