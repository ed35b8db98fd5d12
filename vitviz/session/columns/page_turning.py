"""From one page or frame of a file to another, in its place, with the next ones made ahead."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from functools import partial
from pathlib import Path

from psygnal import Signal

from vitviz.core.data.picture_choice import PictureChoice
from vitviz.core.data.trace import Picture, Trace
from vitviz.core.language import _
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import Progress
from vitviz.session.columns.column_state import TraceTarget
from vitviz.session.columns.column_trace import TraceCache, size_of
from vitviz.session.columns.working_columns import WorkingColumns
from vitviz.session.pictures.open_pictures import OpenPictures
from vitviz.session.work.jobs import Jobs
from vitviz.session.work.log import sentence
from vitviz.session.work.model_cache import ModelCache

AHEAD = 3
"""Pages that are opened and read before they are asked for."""
_KEPT = 8
"""Opened pages that are kept beside the one that is shown."""

FilePage = tuple[str, PictureChoice]


class PageTurning:
    """Shows another page of the active column's file; the newest wish wins.

    When it is shown, the pages behind it, the way somebody goes, are opened and read by the column's
    model, one after the other, as long as nobody asks for anything else.
    """

    problems = Signal(list)

    def __init__(
        self,
        jobs: Jobs,
        pictures: OpenPictures,
        columns: WorkingColumns,
        engine: ModelCache,
        traces: TraceCache,
    ) -> None:
        self._jobs, self._pictures, self._columns = jobs, pictures, columns
        self._engine, self._traces = engine, traces
        self._opened: OrderedDict[FilePage, Picture] = OrderedDict()
        self._way = 1
        self._left = 0
        columns.trace_settled.connect(self._settled)

    def turn(self, page: int) -> None:
        """Shows a page, from 0, of the file that the active column shows, in its place."""
        shown = self._columns.current
        if shown is None or not shown.path or shown.pages < 2:
            return
        self._jobs.cancel(_NEXT)
        page = min(max(page, 0), shown.pages - 1)
        if page == shown.choice.page:
            self._jobs.cancel(_WANTED)
            return
        self._way = 1 if page > shown.choice.page else -1
        wanted = replace(shown.choice, page=page)
        if (ready := self._opened.get((shown.path, wanted))) is not None:
            self._jobs.cancel(_WANTED)
            self._show(shown, ready)
            return
        self._jobs.submit(
            _WANTED,
            partial(_open, shown, wanted),
            lane="read",
            done=partial(self._show, shown),
            failed=self._failed,
            label=_("opening {name}, {page} of {pages}").format(
                name=shown.name, page=page + 1, pages=shown.pages
            ),
        )

    def _show(self, before: Picture, page: Picture) -> None:
        self._keep(before)
        page = self._keep(page)
        self._left = AHEAD
        self._columns.turn_page(before.key, page)

    def _failed(self, error: Exception) -> None:
        self.problems.emit([sentence(error, _("opening another page"))])

    def _keep(self, page: Picture) -> Picture:
        """Keeps an opened page; the one that was opened first stays, and its key with it."""
        key = page.path, page.choice
        kept = self._opened.setdefault(key, page)
        self._opened.move_to_end(key)
        while len(self._opened) > _KEPT:
            self._opened.popitem(last=False)
        return kept

    def _settled(self, _live: object, _target: TraceTarget) -> None:
        """What was asked for is there: now the next."""
        shown = self._columns.current
        if self._left > 0 and shown is not None and shown.pages > 1:
            self._prepare(shown, shown.choice.page + self._way)

    def _prepare(self, shown: Picture, page: int) -> None:
        if self._left == 0 or not 0 <= page < shown.pages:
            return
        self._left -= 1
        wanted = replace(shown.choice, page=page)
        request = self._columns.request
        known = self._opened.get((shown.path, wanted))
        if known is not None and TraceTarget(request, known.key) in self._traces:
            self._prepare(shown, page + self._way)
            return

        def work(progress: Progress) -> tuple[Picture, Trace]:
            picture = known or _open(shown, wanted, progress)
            return picture, self._engine.trace(request, picture, progress)

        def done(found: tuple[Picture, Trace]) -> None:
            picture, trace = found
            picture = self._keep(picture)
            self._traces.put(TraceTarget(request, picture.key), trace, size_of(trace))
            self._prepare(shown, page + self._way)

        self._jobs.submit(
            _NEXT,
            work,
            lane="run",
            done=done,
            failed=lambda _error: None,  # said when somebody goes there
            label=_("reading {name}, {page} of {pages}, ahead").format(
                name=shown.name, page=page + 1, pages=shown.pages
            ),
        )


_WANTED, _NEXT = "page", "pages ahead"


def _open(shown: Picture, choice: PictureChoice, _progress: Progress) -> Picture:
    return open_picture(Path(shown.path), name=shown.name, choice=choice)
