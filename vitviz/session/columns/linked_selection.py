"""What is chosen in one column is chosen in all that are linked to it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import cast

from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Picture
from vitviz.session.columns.column_links import (
    PARTS,
    ColumnLinks,
    ColumnSizes,
    GridSides,
    carried,
    differing,
    one_model,
)
from vitviz.session.columns.columns import Columns, LiveColumn

Affected = list[tuple[LiveColumn, list[str]]]
"""Columns with those of their views that look different now."""


class LinkedSelection:
    """Carries selections between columns; `picture` finds an open picture by its key."""

    def __init__(self, columns: Columns, picture: Callable[[str | None], Picture | None]) -> None:
        self.together = ColumnLinks()
        self._columns, self._picture = columns, picture

    def choose(self, origin: LiveColumn, new: Selection) -> Affected:
        """Gives a column a selection, and what is linked of it to the others."""
        parts = differing(origin.selection, new)
        return [(origin, self.take(origin, new)), *self._carry(origin, parts)] if parts else []

    def link(self, together: ColumnLinks) -> Affected:
        """Links or cuts; what is linked anew is as in the active column at once."""
        self.together = together
        return self._carry(self._columns.active, PARTS)

    def take(self, live: LiveColumn, new: Selection) -> list[str]:
        """Gives one column a selection; the views that look different for it."""
        old, live.selection = live.selection, new
        if live.trace is None or new == old:
            return []
        partner = self._columns.partner(live)
        other = None if partner is None else partner.trace
        return live.drawings.following(old, new, live.trace, other)

    def _carry(self, origin: LiveColumn, parts: Collection[str]) -> Affected:
        taken = []
        for live in self._columns.others(origin):
            same = one_model(live.column.model, origin.column.model)
            sizes = self._size(origin), self._size(live)
            between = None if sizes[0] == sizes[1] or None in sizes else cast(ColumnSizes, sizes)
            new = carried(
                live.selection,
                origin.selection,
                parts,
                self.together,
                same_model=same,
                sizes=between,
            )
            taken.append((live, self.take(live, new)))
        return taken

    def _size(self, live: LiveColumn) -> GridSides | None:
        """Rows and columns of the picture that a column's places are in."""
        if live.trace is not None:
            return live.trace.crop.original
        picture = self._picture(live.column.picture)
        return None if picture is None else (picture.pixels.shape[0], picture.pixels.shape[1])
