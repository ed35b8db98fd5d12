"""The window: puts the rooms together, sends wishes to the session and shows what it announces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QMainWindow,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.data.trace import Picture, Trace
from vitviz.core.language import _, chosen_language, language
from vitviz.core.pictures.picture_files import bundled_pictures
from vitviz.gui.app import text_pages
from vitviz.gui.app.action_menus import ActionMenus
from vitviz.gui.app.actions import actions
from vitviz.gui.app.actions.figure_actions import compose_view
from vitviz.gui.app.actions.model_actions import open_checkpoint, say_of_model
from vitviz.gui.app.actions.window_parts import WindowParts
from vitviz.gui.app.area_painting import AreaPainting
from vitviz.gui.app.device_list import learn_devices
from vitviz.gui.app.docks.dock_panels import DockPanels
from vitviz.gui.app.docks.inspector_dock import InspectorDock
from vitviz.gui.app.docks.library_dock import LibraryDock
from vitviz.gui.app.dropped_sources import DropLanding
from vitviz.gui.app.middle_pages import MiddlePages
from vitviz.gui.app.picture_thumbnails import make_thumbnails
from vitviz.gui.app.session_menu import SessionMenu
from vitviz.gui.app.window_place import WindowPlace
from vitviz.gui.columns.column_area import ColumnArea
from vitviz.gui.columns.pointer import ViewPointer
from vitviz.gui.panels.bottom_bar import BottomBar
from vitviz.gui.panels.filmstrip import Filmstrip
from vitviz.gui.panels.notices import NoticeStack
from vitviz.gui.panels.page_header import PageHeader
from vitviz.gui.panels.prompt_line import PromptLine
from vitviz.gui.panels.run_line import RunLine
from vitviz.gui.panels.top_bar import TopBar
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.interface_size import InterfaceSizeMenu
from vitviz.gui.widgets.key_guard import leave_focus
from vitviz.gui.widgets.language_menu import LanguageMenu
from vitviz.gui.widgets.subscriptions import Subscriptions
from vitviz.gui.widgets.theme import UNIT, first_size
from vitviz.session.columns.column_words import card_words
from vitviz.session.history.session_history import WindowChoices
from vitviz.session.pictures.picture_list import PicturePart
from vitviz.session.session import Session
from vitviz.session.work.request import ModelRequest
from vitviz.views import views
from vitviz.views.options import Look


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
        self.filmstrip, self.controls = Filmstrip(), BottomBar(session)
        self.notices, self.bar = NoticeStack(), TopBar()
        self.library = LibraryDock(session)
        self.prompts, self.run = PromptLine(), RunLine()
        self.header = PageHeader()
        self._wished: ModelRequest | None = None
        self._devices_known = False
        self._links = Subscriptions()
        self.compare = ColumnArea(self, session, self.views, self.notices)
        self.board, self.shown = self.compare.board, self.compare.shown
        self.pages = MiddlePages(session, self.compare, self.controls.jobs)
        self.welcome = self.pages.welcome
        self.inspector = InspectorDock(session, self.views, self.shown)
        self.sessions = SessionMenu(self, session, self.notices, self.compare)
        self.menus = ActionMenus(self, self.perform)
        self.actions_by_name = self.menus.by_name
        self._pointing = ViewPointer(
            session,
            previews=self.actions_by_name["preview"].isChecked,
            read_out=self.controls.read_out,
            enlarge=self.compare.maximise,
        )
        self.painting = AreaPainting(self, session, self.views, self.notices)
        self._landing = DropLanding(self)
        self._build()
        self.place = WindowPlace(self, self._docks, self.compare)
        self.parts = self._parts()
        self._add_menus()
        self._connect_widgets()
        self._connect_session()
        leave_focus(self)
        self.menus.switch("preview", True)
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
        top.addWidget(self.header, 1)
        top.addWidget(self.compare.bar)
        layout.addLayout(top)
        layout.addWidget(self.compare.tabs)
        layout.addWidget(self.prompts)
        layout.addWidget(self.run)
        layout.addWidget(self.sessions.left)
        layout.addWidget(self.notices)
        layout.addWidget(self.painting.bar)
        layout.addLayout(self.pages, 1)
        layout.addWidget(self.controls)
        self.setCentralWidget(middle)
        self._docks = DockPanels(self, self.filmstrip, self.inspector, self.library)

    def _add_menus(self) -> None:
        menu, file = self.menus.menus["View"], self.menus.menus["File"]
        file.insertMenu(self.actions_by_name["save_session"], self.sessions.recent)
        menu.addSeparator()
        panels = menu.addMenu(_("Panels"))
        panels.addActions(self._docks.toggles())
        size = self.session.settings.now.interface_size
        menu.addMenu(InterfaceSizeMenu(self, size, self._size_chosen))
        spoken = self.session.settings.now.language
        menu.addMenu(LanguageMenu(self, spoken, self._language_chosen))

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
            place=self.place,
            set_theme=self.set_theme,
            is_on=self.menus.is_on,
        )

    def perform(self, name: str) -> None:
        """Does the action of that name, as its menu entry and its keys do."""
        self.session.history.settle()
        actions()[name].perform(self.parts)

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

    def _play(self) -> None:
        if not self.session.waiting:
            self.filmstrip.pages.step()

    def _open_part(self, part: PicturePart) -> None:
        self.session.open([part])

    # Who listens to whom

    def _connect_widgets(self) -> None:
        session = self.session
        for stage in self.compare.stages:
            self._pointing.listen(stage)
            stage.wished.connect(self._card_wished)
        self.filmstrip.chosen.connect(session.columns.show)
        self.filmstrip.closed.connect(session.pictures.close)
        self.filmstrip.open_wished.connect(self._open)
        self.filmstrip.part_wished.connect(self._open_part)
        self.filmstrip.pages.wished.connect(session.pages.turn)
        self.filmstrip.pages.follow_wished.connect(session.following.follow)
        self.filmstrip.pages.beat.connect(self._play)
        self.header.part.wished.connect(self._open_part)
        self.filmstrip.thumbnail_wanted.connect(partial(make_thumbnails, session, self.filmstrip))
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
        self.compare.painted.connect(self.painted)
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
        links.connect(session.views.look_changed, self._show_look)
        links.connect(session.problems, self._show_problems)
        links.connect(session.history.changed, self._show_history)
        links.connect(session.checkpoint_asked, self._open_checkpoint)
        links.connect(session.session_asked, self.sessions.files.open)
        self.controls.listen(links)
        self.inspector.listen(links)
        self.pages.listen(links)
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
        self.filmstrip.pages.show_picture(picture)
        trace = self.session.trace
        if picture is None or trace is None:
            self._show_trace(None)
        else:
            self.show_header()

    def _show_request(self, request: ModelRequest) -> None:
        self.bar.show_request(request)
        self.prompts.show_request(request)
        self.run.show_request(request)
        self.menus.switch("whole", request.fit != "crop")

    def _trace_ready(self, trace: Trace, column: int) -> None:
        if column == self.session.columns.active.id:
            self._show_trace(trace)
            self._first_trace(trace)

    def _show_trace(self, trace: Trace | None) -> None:
        self.bar.show_trace(trace)
        self.prompts.show_trace(trace)
        self.show_header()
        self.pages.show_page()
        self.controls.show_selection(self.session.selection)
        self.inspector.show_active(trace)
        picture = self.session.columns.current
        if trace is None and picture is not None:
            self.compare.say_on_board(*card_words(self.session.columns.active.state, picture.name))

    def _arranged(self) -> None:
        self.pages.show_page()
        self.show_header()

    def _show_active(self) -> None:
        """Another column is the active one: shows what was drawn for it, or what it waits for."""
        self._show_trace(self.session.trace)

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
        columns, trace = self.session.columns, self.session.trace
        alone = len(columns) == 1
        self.header.show_page(trace, columns.current, columns.active.state, alone=alone)
        shown = "" if trace is None else f"{trace.picture.name} – {trace.model.title} – "
        self.setWindowTitle(f"{shown}vitviz")

    def _show_trace_failure(self, sentence: str, column: int) -> None:
        self._learn_devices()  # perhaps the one that was asked for is not there
        self.show_header()
        given_up = [live.id for live in self.session.columns if live.state.given_up is not None]
        if given_up == [column]:  # of several, each has a button of its own above it
            again = partial(self.compare.headers.wish, "again", column)
            self.notices.offer(sentence, (_("Read again"), again), about=column)
        else:
            self.notices.say([sentence])
        if self.session.trace is None and column == self.session.columns.active.id:
            self.compare.say_on_board(_("Nothing to show"), sentence)

    def _show_look(self, look: Look) -> None:
        self.menus.switch("grid", look.grid)
        self.menus.switch("heat", look.heat)

    def _show_problems(self, sentences: list[str]) -> None:
        self.notices.say(sentences)

    def _show_history(self) -> None:
        """Says in the menu what would be undone, and what done again."""
        history = self.session.history
        self.menus.say_after("undo", history.undoes)
        self.menus.say_after("redo", history.redoes)

    def _choices(self) -> dict[str, str]:
        """What of the window somebody chose, to be taken back."""
        return {**self.compare.choices(), "panels": self._docks.shown}

    def _show_choices(self, choices: Mapping[str, str]) -> None:
        if "panels" in choices:
            self._docks.show_only(choices["panels"])
        self.compare.show_choices(choices)

    # What the user wished

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

    def show_views_of(self, *names: str) -> None:
        """Shows these views and takes all others off."""
        self.shown.set_all_shown(names)

    def request_model(self, request: ModelRequest) -> None:
        """Has a model shown; a file as what it was confirmed to be."""
        request = self.session.settings.confirmed(request)
        self._wished = request
        self.session.columns.use_model(request)

    def hide_library(self) -> None:
        """Closes the model library: its room is the board's, which has the keys again."""
        self._docks.close_library()
        self.pages.take_focus()

    # Theme, drops and closing

    def _size_chosen(self, percent: int) -> None:
        """Remembers how large the interface is to be."""
        self.session.settings.remember(interface_size=percent)
        self.notices.tell(
            _("The interface is drawn at {percent} % from the next start of vitviz on.").format(
                percent=percent
            )
        )

    def _language_chosen(self, code: str) -> None:
        """Remembers in which language the window is to speak; it says so in that one."""
        self.session.settings.remember(language=code)
        with language(chosen_language(code)):
            self.notices.tell(_("vitviz speaks this language from its next start on."))

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
        self.pages.take_focus()
        QTimer.singleShot(0, self._docks.follow)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._docks.fold()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._landing.offer(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._landing.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self.session.open(self._landing.take(event))

    def _open_checkpoint(self, path: str) -> None:
        open_checkpoint(self.parts, path)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.session.settings.remember(
            window_geometry=self.place.geometry, window_state=self.place.state
        )
        self.sessions.end()
        self._links.cut()
        self.library.cut()
        self.session.close()
        super().closeEvent(event)
