"""Columns in the window: their headers, the table of their views, layouts, links and wishes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import cast

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.geometry import Box
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.gui.columns.board import LAID_OUT, ViewBoard
from vitviz.gui.columns.column_header import HeaderStrip
from vitviz.gui.columns.column_headers import ColumnHeaders
from vitviz.gui.columns.column_table import ColumnTable
from vitviz.gui.columns.compare_bar import ColumnLayout, CompareBar
from vitviz.gui.columns.shown_views import ShownViews
from vitviz.gui.columns.view_card import ViewCard
from vitviz.gui.columns.view_gallery import ViewGallery
from vitviz.gui.columns.view_stage import ViewStage
from vitviz.gui.panels.notices import NoticeStack
from vitviz.gui.widgets.subscriptions import Subscriptions
from vitviz.session.columns.column_words import card_words
from vitviz.session.columns.columns import LiveColumn
from vitviz.session.session import Session
from vitviz.session.work.jobs import Job
from vitviz.views import View
from vitviz.views.shared import picture_layers


class ColumnArea(QObject):
    """Shows the session's columns on a stage: one on the board, or several in a table.

    `arranged` tells that another page may be shown, `activated` that another column is the active one,
    `painted` that a view's new drawing is on its stage; `wished` is an action, by its name.
    """

    arranged = Signal()
    painted = Signal(str)
    activated = Signal()
    wished = Signal(str)

    def __init__(
        self,
        parent: QWidget,
        session: Session,
        views: Mapping[str, View],
        notices: NoticeStack,
    ) -> None:
        super().__init__(parent)
        self._parent, self._session, self._views = parent, session, views
        self._notices, self.shown = notices, ShownViews(views)
        self.bar, self.tabs = CompareBar(), HeaderStrip()
        self.board, self.table = ViewBoard(views), ColumnTable(views)
        self.stages: tuple[ViewStage, ...] = (self.board, self.table)
        self.headers = ColumnHeaders(parent, session, notices)
        self._in_use: ViewStage | None = None
        self._tabbed = False
        self._offered: tuple[int, str] | None = None
        self._has_gallery = False
        self.layout: ColumnLayout = "one"
        self._maximised = False
        self._before: ColumnLayout = "grid"
        self._arranged: ColumnLayout = "one"
        self._count = 1

    def listen(self, links: Subscriptions) -> None:
        """Listens to the session and to its own widgets."""
        session, bar = self._session, self.bar
        links.connect(session.columns.changed, self.arrange)
        links.connect(session.columns.active_changed, self._activated)
        links.connect(session.columns.links_changed, self._show_together)
        links.connect(session.views.range_changed, bar.show_range)
        links.connect(session.views.drawing_ready, self.show_drawing)
        links.connect(session.views.drawing_failed, self._show_failure)
        links.connect(session.views.drawing_due, self._drawing_due)
        links.connect(session.columns.trace_ready, self._trace_ready)
        links.connect(session.columns.trace_failed, self._trace_failed)
        links.connect(session.chosen.changed, self._show_apart)
        links.connect(session.pictures.changed, self.headers.show)
        links.connect(session.settings.models_changed, self.headers.show)
        links.connect(session.jobs.ended, self._job_ended)
        self.shown.changed.connect(self.show_views)
        self.shown.chosen.connect(session.history.note)
        self.shown.focus_changed.connect(self._focus_changed)
        for stage in self.stages:
            stage.visible_changed.connect(self.want)
            stage.focused.connect(self.shown.set_focus)
            stage.zoomed.connect(self._zoomed)
        self.headers.wished.connect(self.wished)
        self.headers.grew.connect(self._header_grew)
        self.headers.read_again.connect(self._show_missing)
        bar.layout_wished.connect(self.set_layout)
        bar.link_wished.connect(self._link)
        bar.range_wished.connect(session.views.share_range)
        bar.wished.connect(self.wish)
        bar.add_view.clicked.connect(self._gallery_wished)
        self._show_together()
        bar.show_range(session.views.one_range)
        self.arrange()

    # What is shown

    @property
    def lives(self) -> list[LiveColumn]:
        """The columns, in order."""
        return list(self._session.columns)

    @property
    def stage(self) -> ViewStage:
        """Where the views are shown now."""
        return self.board if self.layout == "one" else self.table

    @property
    def page(self) -> QWidget:
        """What the middle of the window shows while a picture is open."""
        return self.board if self.layout == "one" else self.table

    @property
    def large(self) -> str:
        """The view that has all the room, or ""."""
        alone = self._maximised if self.layout == "one" else self.layout == "large"
        return self.shown.focus if alone else ""

    def _stands(self, column: int) -> bool:
        """Whether a column is on the stage."""
        return self.layout != "one" or column == self._session.columns.active.id

    def possible(self) -> dict[str, str]:
        """Why a view has nothing to show in any column that is seen; "" where it has."""
        traces, many = self._seen(), len(self._session.columns) > 1
        if not traces and not many:  # nobody knows yet: the cards that stay for any model
            return {name: _expected(view) for name, view in self._views.items()}
        return {name: _why_not(view, traces, many) for name, view in self._views.items()}

    def called(self) -> list[str]:
        """The views that come by themselves for some column that is seen."""
        traces = self._seen()
        return [name for name, view in self._views.items() if any(map(view.comes, traces))]

    def _seen(self) -> list[Trace]:
        lives = self.lives if self.layout != "one" else [self._session.columns.active]
        return [live.trace for live in lives if live.trace is not None]

    def arrange(self) -> None:
        """Lays everything out for the columns there are."""
        count = len(self._session.columns)
        if count == 1:
            self.layout = "one"
        elif self._count == 1:  # whoever adds a column wants to see both
            self.layout = "grid"
        self._count = count
        if gone := self.headers.gone:
            for stage in self.stages:
                stage.forget(gone)
        self.headers.follow()
        if (count, self.layout) != self._offered:
            self._offered = (count, self.layout)
            self.bar.show_count(count)
            self.bar.show_layout(self.layout)
        self.headers.show()
        self.show_views()
        self.arranged.emit()
        if self._arranged != self.layout:
            self._arranged = self.layout
            self._session.views.show_again()  # cards that were not on this page show what they missed

    def show_views(self) -> None:
        """Shows the views that were not taken off, as far as some column has something for them."""
        possible, called, stage = self.possible(), self.called(), self.stage
        before = set(stage.placed)
        self.shown.take_possible([name for name, why in possible.items() if not why], called)
        self._session.history.absorb()
        if self._has_gallery:
            self.gallery.show_states(self.shown.is_shown, possible)
        headers = self.headers.all
        tabs = headers if self.layout == "one" and len(headers) > 1 else []
        self.tabs.setVisible(bool(tabs))
        if stage is not self._in_use:
            for other in self.stages:
                if other is not stage:
                    other.rest()
            self._in_use = stage
        if tabs or self._tabbed:
            self.tabs.place(tabs)
            self._tabbed = bool(tabs)
        if self.layout == "one":
            headers = [self.headers[self._session.columns.active.id]]
        offered = self.shown.offered
        if offered and not self.large and self.shown.focus not in offered:
            self.shown.set_focus(offered[0])  # options and help are of a view that is there
        stage.show_columns(headers, offered, large=self.large)
        stage.show_focus(self.shown.focus)
        self._show_missing()
        self._show_coming(set(stage.placed) - before)
        self.want()

    def _show_coming(self, views: Collection[str]) -> None:
        """Views that come to the board say so until they are drawn."""
        live = self._session.columns.active
        if self.layout == "one" and live.trace is not None:
            for name in views:
                card = self.stage.card(name, live.id)
                if card is not None and card.drawing is None:
                    card.show_message(_("Drawing {title} …").format(title=self._views[name].title))

    def show_drawing(self, view: str, drawing: Drawing, column: int) -> None:
        """Shows a column's new drawing where that column is."""
        if self._stands(column):
            self.stage.show_drawing(view, column, drawing)
        self.painted.emit(view)

    def _show_failure(self, view: str, why: str, column: int) -> None:
        self.show_message(view, column, _("Not shown"), picture_layers.sentence(why))
        self.painted.emit(view)

    def show_message(self, view: str, column: int, text: str, hint: str = "") -> None:
        """Says where a column's view would be why there is nothing to see."""
        if self._stands(column):
            self.stage.show_message(view, column, text, hint)

    def say_on_board(self, text: str, hint: str) -> None:
        """Says in all cards of the active column why there is nothing to see."""
        for name in self._views:
            self.board.show_message(name, self._session.columns.active.id, text, hint)

    def card(self, view: str) -> ViewCard | None:
        """The card of a view: the active column's."""
        return self.stage.card(view, self._session.columns.active.id)

    def cards(self) -> list[ViewCard]:
        """All cards there are."""
        return [card for stage in self.stages for card in stage.all_cards()]

    def want(self) -> None:
        """Tells the session what is to be seen."""
        stage, focus = self.stage, self.shown.focus
        # What is in focus is what would be saved, out of sight or not.
        beside = [focus] if focus in stage.placed else []
        self._session.views.want([*stage.visible, *beside], stage.visible_columns)

    def state(self) -> dict[str, str]:
        """What a saved session finds again: layout, view in focus, views taken off or put on."""
        shown = " ".join(filter(self.shown.is_shown, self._views))
        return {"layout": self.layout, "focus": self.shown.focus, "views": shown}

    def restore_state(self, state: Mapping[str, str]) -> None:
        """Takes it back, as far as there are such views."""
        shown = [name for name in state.get("views", "").split() if name in self._views]
        if shown:
            self.shown.set_all_shown(shown)
        self.shown.set_focus(state.get("focus", ""))
        layout = state.get("layout", "one")
        self.set_layout(layout if layout in ("one", "grid", "large") else "one")

    def choices(self) -> dict[str, str]:
        """What of the layout somebody chose, to be taken back."""
        shown = " ".join(filter(self.shown.is_shown, self._views))
        return {"layout": self.layout, "views": shown, "large": self.large}

    def show_choices(self, choices: Mapping[str, str]) -> None:
        """Lays out as it was; what is not named stays."""
        if "views" in choices:
            self.shown.set_all_shown(choices["views"].split())
        layout, large = choices.get("layout", self.layout), choices.get("large", self.large)
        self.shown.set_focus(large)
        self._maximised = bool(large) and layout == "one"
        self.set_layout(layout)

    def board_state(self) -> str:
        """Sizes of the board's rows and the views taken off, as text."""
        return f"{self.board.sizes()}|{self.shown.state()}"

    def restore_board(self, state: str) -> None:
        """Takes that back."""
        sizes, _, shown = state.partition("|")
        self.shown.restore(shown)
        self.board.restore_sizes(sizes)

    def reset_board(self) -> None:
        """Puts all views back, at their first sizes."""
        self._maximised = False
        self.shown.reset()
        self.board.restore_sizes()

    # What the session announced

    def _activated(self, _new: int, _old: int) -> None:
        self.headers.show()
        if self.layout == "one":
            self.show_views()
        self.activated.emit()

    def _trace_ready(self, _trace: Trace, column: int) -> None:
        self.headers.show()
        self.show_views()
        for card in self._cards(column):
            card.expect()

    def _drawing_due(self, view: str, column: int) -> None:
        """What is seen of a view is of what was chosen before, until the new drawing is there."""
        card = self.stage.card(view, column) if self._stands(column) else None
        if card is not None:
            card.expect_newer()

    def _cards(self, column: int) -> list[ViewCard]:
        """The cards of a column, where they are seen."""
        if not self._stands(column):
            return []
        found = (self.stage.card(name, column) for name in self._views)
        return [card for card in found if card is not None]

    def _job_ended(self, job: Job) -> None:
        """A column may have nothing to wait for any more."""
        if job.lane == "run":
            self.headers.show()

    def _header_grew(self) -> None:
        self.stage.settle()

    def _trace_failed(self, _said: str, _column: int) -> None:
        self.headers.show()
        self._show_missing()

    def _show_together(self) -> None:
        self.bar.show_together(self._session.columns.links)
        self.headers.show()

    def _show_apart(self, new: Selection, old: Selection) -> None:
        together = self._session.columns.links
        moved = (new.depth, new.head) != (old.depth, old.head)
        if new.pin != old.pin or (moved and not (together.depth and together.head)):
            self.headers.show()

    def _show_missing(self) -> None:
        """Says in the cards of a column without a trace what it waits for, or why it has none."""
        named = {picture.key: picture.name for picture in self._session.pictures.open}
        for live in self.lives:
            if live.trace is None and self.layout != "one":
                picture = named.get(live.column.picture or "", "the picture")
                text, hint = card_words(live.state, picture)
                for name in self.stage.placed:
                    self.stage.show_message(name, live.id, text, hint)

    def _focus_changed(self, view: str) -> None:
        if self.large:
            self._session.history.note()
            self.show_views()
        else:
            self.stage.show_focus(view)
            self.want()

    def _zoomed(self, view: str, column: int, panel: int, window: Box) -> None:
        if self._session.columns.links.zoom:
            for live in self.lives:
                card = self.stage.card(view, live.id)
                if live.id != column and card is not None:
                    card.canvas.show_window(panel, window)

    # What the user wished

    def set_layout(self, layout: str) -> None:
        """One column's views, the grid of all, or one view of all columns."""
        if len(self._session.columns) == 1:
            layout = "one"
        if layout == "large" and self.layout != "large":
            self._before = self.layout
        self.layout = cast(ColumnLayout, layout)
        self.bar.show_layout(self.layout)  # whatever was pressed to have it
        self._session.history.note()
        self.arrange()

    def maximise(self, view: str) -> None:
        """Gives a view all the room; again gives it back."""
        again = self.large == view
        self.shown.set_focus(view)
        if self.layout == "one":
            self._maximised = not again
            self._session.history.note()
            self.show_views()
        else:
            self.set_layout(self._before if self.layout == "large" else "large")

    def step_focus(self, by: int) -> None:
        """Puts the next view in focus; it takes over all the room where one has that."""
        names, focus = self.stage.offered, self.shown.focus
        if names:
            at = names.index(focus) if focus in names else -1
            view = names[(at + by) % len(names)]
            self.shown.set_focus(view)
            self.stage.reveal(view)

    def restore(self) -> bool:
        """Gives the room back to all views; whether there was something to give back."""
        if self.layout == "large":
            self.set_layout(self._before)
            return True
        if self.layout == "one" and self._maximised:
            self._maximised = False
            self._session.history.note()
            self.show_views()
            return True
        return False

    def wish(self, wish: str) -> None:
        """ "add", or a preset."""
        session, shown = self._session, self.shown
        match wish:
            case "add":
                session.columns.add_beside()
            case "whatif":
                if self.headers.add_whatif():
                    self.set_layout("grid")
            case _:
                found = session.columns.set_up(wish, session.models())
                if found is not None:
                    if found.one_view and not _tells_layers(self._views[shown.focus]):
                        shown.set_focus("heads")
                    self.set_layout("large" if found.one_view else "grid")
                    self._notices.tell(found.hint)

    def show_gallery(self) -> None:
        """All views with pictures of them, to put them on and take them off."""
        self.gallery.show_states(self.shown.is_shown, self.possible())
        self.gallery.begin()

    @cached_property
    def gallery(self) -> ViewGallery:
        """All views to choose from, made when they are first wanted."""
        made = ViewGallery(self._parent, self._views)
        made.toggled.connect(self._view_toggled)
        self._has_gallery = True
        return made

    def _view_toggled(self, view: str, on: bool) -> None:
        """One that comes is in focus, and scrolled to."""
        self._session.history.settle()
        self.shown.set_shown(view, on)
        if on and view in self.stage.placed:
            self.shown.set_focus(view)
            self.stage.reveal(view)

    def _gallery_wished(self) -> None:
        self.wished.emit("add_view")

    def _link(self, name: str, on: bool) -> None:
        self._session.chosen.link(**{name: on})


def _tells_layers(view: View) -> bool:
    """Whether a view shows another thing in each column of one model, layer by layer."""
    return view.traces == 1 and "layer" in view.follows


def _expected(view: View) -> str:
    """Why a card is not there before the first trace; "" where any model is likely to fill it."""
    if view.name in LAID_OUT and view.shown:
        return ""
    return _("shown once a picture has been read, where the model has it")


def _why_not(view: View, traces: list[Trace], many: bool) -> str:
    if view.traces == 2 and not many:
        return _("compares two columns; add one more to see it (Ctrl+T)")
    reasons = [view.applies(trace) for trace in traces]
    return "" if not reasons or "" in reasons else reasons[0]
