"""What somebody had before the walk through, to be given back behind it."""

from __future__ import annotations

from dataclasses import replace

from vitviz.core.data.said_facts import NOTHING_SAID
from vitviz.core.data.selection import Place, Selection
from vitviz.gui.columns.column_area import ColumnArea
from vitviz.session.session import Session
from vitviz.session.work.request import ModelRequest
from vitviz.views.options import OptionValue


class TourKeepsake:
    """The views, what was chosen, the options and the model, as they were when it was made."""

    def __init__(self, session: Session, columns: ColumnArea) -> None:
        self._session, self._columns = session, columns
        session.history.pause()
        self._board, self._focus, self._large = (
            columns.board_state(),
            columns.shown.focus,
            columns.large,
        )
        self._selection: Selection = session.selection
        self._chosen: Place | None = None  # as the walk has chosen it
        self._options = dict(session.views.options)
        self._own: ModelRequest | None = None  # while another model is lent

    @property
    def lends(self) -> bool:
        """Whether another model is shown than the one that is to be given back."""
        return self._own is not None

    def choose(
        self, *, pin: Place | None = None, depth: float | None = None, head: int | None = None
    ) -> None:
        """Chooses what a step is about."""
        if pin is not None:
            self._session.chosen.pin(pin)
            self._chosen = self._session.selection.pin
        if depth is not None:
            self._session.chosen.select(depth=depth, head=head)

    def lend(self, name: str) -> bool:
        """Has the active column read by a bundled model for a while; False where there is none."""
        session = self._session
        if self._own is not None or all(name != each.name for each in session.models()):
            return False
        self._own = session.request
        session.columns.use_model(
            replace(
                session.request,
                name=name,
                patch_size=None,
                input_size=None,
                architecture=None,
                pretrained=True,
                facts=NOTHING_SAID,
            )
        )
        self._lent = session.request
        return True

    def take_back(self) -> bool:
        """The model that was open is back, unless somebody has chosen another one since."""
        own, self._own = self._own, None
        if own is None or self._session.request != self._lent:
            return False
        self._session.columns.use_model(own)
        return True

    def give_back(self) -> None:
        """All is as it was; a token that somebody chose on the way stays."""
        self.take_back()
        session, columns = self._session, self._columns
        for view in {*session.views.options, *self._options}:
            now, before = session.views.options.get(view, {}), self._options.get(view, {})
            if now != before:
                self._give_options(view, before)
        columns.restore_board(self._board)
        columns.shown.set_focus(self._focus)
        if self._large and not columns.large:
            columns.maximise(self._large)
        session.chosen.select(depth=self._selection.depth, head=self._selection.head)
        if session.selection.pin == self._chosen:
            session.chosen.pin(self._selection.pin)
        session.history.resume()

    def _give_options(self, view: str, values: dict[str, OptionValue]) -> None:
        self._session.views.reset_options(view)
        if values:
            self._session.views.set_options(view, values)
