"""Drawings of one view in several columns: announced together, in one range."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from vitviz.core.data.drawing import Drawing
from vitviz.core.drawings.shared_ranges import SharedRanges, ranges, with_ranges
from vitviz.session.columns.columns import LiveColumn
from vitviz.session.work.jobs import Jobs

PATIENCE = 0.04
"""Seconds that a drawing waits for its neighbours, so that it is not coloured in two ranges."""


class ColumnRanges:
    """Announces drawings (view, drawing, column) as soon as those beside them are there."""

    def __init__(self, jobs: Jobs, ready: Callable[[str, Drawing, int], None]) -> None:
        self.one_range = True
        self._jobs, self._ready = jobs, ready
        self._since: dict[str, float] = {}
        self._shown: dict[tuple[int, str], tuple[Drawing, SharedRanges]] = {}

    def drawn(self, view: str, seen: Sequence[LiveColumn]) -> None:
        """A drawing of this view has arrived in one of the columns, or will not come."""
        now = time.monotonic()
        since = self._since.setdefault(view, now)
        if now - since < PATIENCE and any(
            self._jobs.awaits(one.drawings.key(view)) for one in seen
        ):
            return
        self._announce(view, seen)

    def look(self, seen: Sequence[LiveColumn], *, again: bool = False) -> None:
        """Other columns are seen, or ranges are shared otherwise: announces what differs for it, or
        everything `again`.
        """
        ids = set() if again else {live.id for live in seen}
        self._shown = {key: shown for key, shown in self._shown.items() if key[0] in ids}
        for view in dict.fromkeys(view for live in seen for view in live.drawings.latest):
            if not any(self._jobs.awaits(live.drawings.key(view)) for live in seen):
                self._announce(view, seen)

    def _announce(self, view: str, seen: Sequence[LiveColumn]) -> None:
        self._since.pop(view, None)
        latest = [(live.id, one) for live in seen if (one := live.drawings.latest.get(view))]
        shared = ranges([drawing for _, drawing in latest], every=self.one_range)
        for column, drawing in latest:
            before = self._shown.get((column, view))
            if before is None or before[0] is not drawing or before[1] != shared:
                self._shown[column, view] = (drawing, shared)
                self._ready(view, with_ranges(drawing, shared), column)
