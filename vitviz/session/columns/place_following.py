"""The chosen place followed through a film: where in the next frame the same thing is."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from psygnal import Signal

from vitviz.core.data.selection import Place, place_of
from vitviz.core.data.trace import Trace
from vitviz.core.progress import VitvizError
from vitviz.session.columns.columns import LiveColumn
from vitviz.session.columns.linked_selection import LinkedSelection
from vitviz.session.columns.working_columns import WorkingColumns
from vitviz.views.shared.compared_vectors import unit_vectors
from vitviz.views.shared.model_questions import depth_of


class PlaceFollowing:
    """While it is on, another frame of a file has the patch chosen that is most like the chosen one.

    What is looked for is the patch that somebody chose, in the frame in which it was chosen, after the
    chosen layer: errors do not add up from frame to frame.
    """

    changed = Signal(bool)

    def __init__(self, columns: WorkingColumns, chosen: LinkedSelection) -> None:
        self._columns, self._chosen = columns, chosen
        self._on = self._moving = False
        self._sought: Float32[np.ndarray, "dim"] | None = None
        columns.trace_came.connect(self._came)
        chosen.changed.connect(self._chosen_anew)

    @property
    def on(self) -> bool:
        """Whether the chosen place is followed."""
        return self._on

    def follow(self, on: bool) -> None:
        """Follows the chosen place from now on, or no longer."""
        self._on, self._sought = on, None
        self.changed.emit(on)

    def _chosen_anew(self, *_selections: object) -> None:
        if not self._moving:
            self._sought = None

    def _came(self, live: LiveColumn, old: Trace | None, trace: Trace) -> None:
        """Chooses in another frame what is most like what was chosen."""
        if not self._on or live is not self._columns.active or not _is_next(old, trace):
            return
        assert old is not None
        try:
            selection = live.selection
            pinned = selection.pin.token(old.grid, old.crop)
            if pinned is None or old.grid.place(pinned) is None:
                return  # the class token is where it is
            if self._sought is None:
                self._sought = unit_vectors(old, depth_of(old, selection), "tokens")[pinned]
            found = most_like(trace, depth_of(trace, selection), self._sought)
        except VitvizError:
            return  # a model without such vectors: the place stays
        self._moving = True
        try:
            self._chosen.pin(found, live.id)
        finally:
            self._moving = False


def most_like(trace: Trace, layer: int, sought: Float32[np.ndarray, "dim"]) -> Place:
    """The place of the patch whose vector points most the way of what is looked for."""
    vectors = unit_vectors(trace, layer, "tokens")[trace.grid.patches]
    token = int((vectors @ sought).argmax()) + len(trace.grid.prefix)
    return place_of(token, trace.grid, trace.crop)


def _is_next(old: Trace | None, trace: Trace) -> bool:
    """Whether one trace is of another frame of the other's file, read by the same model."""
    if old is None or not trace.picture.path or old.picture.path != trace.picture.path:
        return False
    same = old.model.weights_hash == trace.model.weights_hash and old.grid == trace.grid
    return same and old.picture.choice.page != trace.picture.choice.page
