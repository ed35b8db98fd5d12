"""The inspector beside the views: shows what the session has chosen, and sends it what is wished."""

from __future__ import annotations

from collections.abc import Mapping

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.gui.columns.shown_views import ShownViews
from vitviz.gui.panels.inspector import InspectorPanel
from vitviz.gui.widgets.subscriptions import Subscriptions
from vitviz.session.session import Session
from vitviz.views import View
from vitviz.views.options import Look


class InspectorDock(InspectorPanel):
    """Follows the active column's token, the view in focus, its options and its look."""

    def __init__(self, session: Session, views: Mapping[str, View], shown: ShownViews) -> None:
        super().__init__()
        self._session, self._views, self._focused = session, views, shown
        shown.focus_changed.connect(self._focus_changed)
        self.option_wished.connect(session.views.set_option)
        self.reset_wished.connect(session.views.reset_options)
        self.look_wished.connect(self._look_wished)
        self.look_reset_wished.connect(self._reset_look)
        self.target.wished.connect(session.chosen.ask_about)

    def listen(self, links: Subscriptions) -> None:
        """Listens to the session."""
        session = self._session
        links.connect(session.chosen.changed, self._selection_changed)
        links.connect(session.chosen.pointed, self._pointed)
        links.connect(session.views.look_changed, self._look_changed_to)
        links.connect(session.views.options_changed, self._options_changed)
        links.connect(session.views.drawing_ready, self._drawing_ready)
        self._look_changed_to(session.views.look)

    def show_active(self, trace: Trace | None) -> None:
        """Shows what the active column has, or that it has nothing yet."""
        if trace is None:
            self.token.show_nothing()
            return
        self.show_trace(trace, self._session.views.options.get(self._focused.focus, {}))
        self._selection_changed(self._session.selection)

    def _selection_changed(self, new: Selection, _old: Selection | None = None) -> None:
        trace = self._session.columns.active.trace
        if trace is not None:
            self.token.show_token(trace, new)
            self.target.show_target(new.target, trace)

    def _pointed(self, selection: Selection) -> None:
        trace = self._session.columns.active.trace
        if trace is not None:
            self.token.show_token(trace, selection)

    def _look_changed_to(self, look: Look) -> None:
        self.show_look(look, self._session.views.look_chosen)

    def _options_changed(self, view: str) -> None:
        if view == self._focused.focus:
            self.show_values(self._views[view], self._session.views.options.get(view, {}))

    def _drawing_ready(self, view: str, drawing: Drawing, column: int) -> None:
        if column == self._session.columns.active.id:
            self.show_implied(view, drawing)

    def _focus_changed(self, view: str) -> None:
        chosen = self._session.views
        self.show_view(self._views[view], chosen.options.get(view, {}))
        self._look_changed_to(chosen.look)
        self.show_implied(view, chosen.drawings.get(view))

    def _look_wished(self, name: str, value: object) -> None:
        self._session.views.set_look(**{name: value})

    def _reset_look(self) -> None:
        self._session.views.reset_look()
