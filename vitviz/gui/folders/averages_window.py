"""Averages over a folder in a window beside the board: chosen, filling while they run, saved."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget
from shiboken6 import isValid

from vitviz.core.language import N_, _
from vitviz.core.progress import Progress
from vitviz.gui.figure.figure_saving import ask_where, save_to
from vitviz.gui.folders.folder_window import FolderWindow
from vitviz.session.session import Session
from vitviz.session.work.request import ModelRequest

if TYPE_CHECKING:
    from vitviz.folders.averages.folder_statistics import FolderStatistics
    from vitviz.folders.averages.statistics_run import StatisticsOrder

USUAL = ("distance", "entropy")
KINDS = N_(
    "PDF, vector (*.pdf);;PNG picture (*.png);;SVG, vector (*.svg);;Arrays (*.npz);;Table (*.csv);;"
    "Parquet table (*.parquet)"
)
_EVERY = 0.5
"""Seconds between two drawings while it fills."""


class AveragesWindow(FolderWindow):
    """What the active column's model does over all pictures of a folder.

    `found` are the averages so far. A run that was stopped goes on where it was while the window is
    open.
    """

    def __init__(self, parent: QWidget, session: Session) -> None:
        from vitviz.folders.averages.folder_measures import MEASURES

        super().__init__(
            parent,
            session,
            _("Averages over a folder"),
            _("No folder yet: choose one, or drop it here"),
        )
        self.found: FolderStatistics | None = None
        self._drawn, self._runs = 0.0, 0
        self._asked: tuple[StatisticsOrder, ModelRequest] | None = None
        self.measures = {name: QCheckBox(each.title) for name, each in MEASURES.items()}
        for name, box in self.measures.items():
            box.setToolTip(f"{MEASURES[name].label}; {MEASURES[name].source}")
            box.setChecked(name in USUAL)
        self.save.setToolTip(_("A figure, arrays or a table of what is averaged so far"))
        self._lay_out(self._asked_part())

    def _asked_part(self) -> QWidget:
        part = QWidget()
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(QLabel(_("What is averaged")))
        for box in self.measures.values():
            column.addWidget(box)
        column.addStretch(1)
        column.addWidget(self.start)
        column.addWidget(self.save)
        return part

    def take_folder(self, folder: Path) -> None:
        """Chooses the folder; what was averaged over another one goes."""
        self.folder = folder
        self.place.show_text(str(folder))
        self.start.setEnabled(True)
        self.start.setFocus()
        self._forget()
        self._say(_("Start averages over all its pictures, in folders inside it too."))

    def begin(self) -> None:
        """Measures every picture, or those that are left after a stop."""
        views = self._chosen()
        if self.folder is None:
            return
        if not views:
            self._say(_("Choose at least one thing to average."))
            return
        order, out = self._order(self.folder, views)
        request, engine = self._session.request, self._session.models_at_work
        model_of = partial(engine.load, request)

        def work(progress: Progress) -> FolderStatistics:
            from vitviz.folders.averages.statistics_run import statistics_of

            return statistics_of(
                order,
                out,
                model=model_of(progress),
                overwrite=True,
                progress=progress,
                grown=lambda found: self._mailbox.deliver(partial(self._grown, found)),
            )

        self._work()
        self._session.jobs.submit(
            self._key,
            work,
            lane="folder",
            done=self._done,
            failed=self._failed,
            label=_("averaging over {name}").format(name=self.folder.name),
        )

    def _order(self, folder: Path, views: tuple[str, ...]) -> tuple[StatisticsOrder, Path]:
        from vitviz.folders.averages.statistics_run import StatisticsOrder

        order = StatisticsOrder(folder, views, fit=self._session.request.fit)
        asked = (order, self._session.request)
        if asked != self._asked:  # what was left by another question answers no part of this one
            self._asked, self._runs = asked, self._runs + 1
        return order, Path(self._kept.name, f"averages-{self._runs}.npz")

    def _chosen(self) -> tuple[str, ...]:
        return tuple(name for name, box in self.measures.items() if box.isChecked())

    def _grown(self, found: FolderStatistics) -> None:
        if not isValid(self) or found.used == 0:
            return
        self.found = found
        if time.monotonic() - self._drawn > _EVERY:
            self._show(found)

    def _show(self, found: FolderStatistics) -> None:
        from vitviz.folders.averages.statistics_drawing import averages_drawing

        self._drawn = time.monotonic()
        self._show_drawing(averages_drawing(found))

    def _done(self, found: FolderStatistics) -> None:
        if isValid(self):
            self.found = found
            self._show(found)
            self._rest("Start")

    def _stopped(self) -> None:
        if self.found is not None and self.found.used:
            self._show(self.found)
        super()._stopped()

    def _forget(self) -> None:
        self._session.jobs.cancel(self._key)
        self._rest("Start")
        self._asked = None
        self.found = None
        self._show_nothing()

    def _save(self) -> None:
        found = self.found
        if found is None:
            return
        first = (
            Path(self._session.settings.now.figure_folder) / f"{found.about.folder}-averages.pdf"
        )
        path = ask_where(self, _("Save averages"), str(first), _(KINDS))
        if path is None:
            return

        def work(_progress: Progress) -> None:
            from vitviz.folders.averages.statistics_files import save_statistics

            save_statistics(found, path, overwrite=True)

        save_to(self._session, path, work, self._say, self._say)
