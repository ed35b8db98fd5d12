"""What the mouse does over views: previews, chooses, reads values, enlarges."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from vitviz.core.data.selection import Selection
from vitviz.core.language import _
from vitviz.gui.columns.view_stage import ViewStage
from vitviz.session.session import Session
from vitviz.views.answers.taken_out import ticked_heads
from vitviz.views.learn.predict import repainted

if TYPE_CHECKING:
    from vitviz.gui.canvas.panel_widget import BrushedPatch, PointedPlace


class ViewPointer(QObject):
    """Turns what views say of the mouse into wishes.

    `previews` says whether hovering chooses, `read_out` shows the value under the cursor, `enlarge`
    takes the view that was clicked twice.
    """

    def __init__(
        self,
        session: Session,
        previews: Callable[[], bool],
        read_out: Callable[[str], None],
        enlarge: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._session = session
        self._previews, self._read_out, self._enlarge = previews, read_out, enlarge
        self._before_click: Selection | None = None
        self._wipes = False

    def listen(self, views: ViewStage) -> None:
        """Listens to the views of a board or of a table of columns."""
        views.hovered.connect(self._hovered)
        views.clicked.connect(self._clicked)
        views.read.connect(self._read)
        views.brushed.connect(self._brushed)
        views.double_clicked.connect(self._double_clicked)

    def _hovered(self, found: PointedPlace | None, column: int) -> None:
        self._read(found)
        live = self._session.columns.find(column)
        if live is not None and live.trace is not None:
            place = found.place if found is not None and self._previews() else None
            self._session.chosen.hover(place, column)

    def _read(self, found: PointedPlace | None) -> None:
        """Says the value under the cursor, of the numbers that are drawn now."""
        self._read_out("" if found is None else found.words)

    def _clicked(self, found: PointedPlace | None, column: int) -> None:
        session = self._session
        session.columns.activate(column)
        chosen = self._before_click = session.selection
        if session.trace is None or found is None:
            return
        if found.ticks and found.head is not None and found.depth is not None:
            self._tick(found.depth, found.head)
        elif found.head is not None:
            depth = chosen.depth if found.depth is None else found.depth
            session.chosen.select(depth=depth, head=found.head)
        elif found.depth is not None:
            session.chosen.select(depth=found.depth)
        elif found.place is not None:
            session.chosen.pin(found.place)

    def _tick(self, depth: float, head: int) -> None:
        """Takes a head out of What if, with those ticked before; a ticked one is put back."""
        trace = self._session.trace
        assert trace is not None
        layer = Selection(depth=depth).layer(len(trace.layers))
        text = str(self._session.views.options.get("whatif", {}).get("without") or "")
        now = ticked_heads(text, layer, head)
        self._session.views.set_option("whatif", "without", now)
        told = (
            _("What if without heads (layer.head): {now}").format(now=now)
            if now
            else _("What if: every head is in")
        )
        self._read_out(told)

    def _brushed(self, view: str, patch: BrushedPatch) -> None:
        """Paints a patch, or wipes it, as the stroke began."""
        painted = str(self._session.views.options.get(view, {}).get(patch.option) or "")
        if patch.begins:
            self._wipes = f"{patch.row},{patch.col}" in painted.split()
        place, sides = (patch.row, patch.col), (patch.rows, patch.cols)
        now = repainted(painted, place, sides, wipes=self._wipes)
        self._session.views.set_option(view, patch.option, now)

    def _double_clicked(self, view: str, _column: int) -> None:
        """A double click is for the view: what its first click chose is given back."""
        before, self._before_click = self._before_click, None
        if before is not None:
            self._session.chosen.select(pin=before.pin, depth=before.depth, head=before.head)
        self._enlarge(view)
