"""The middle of the window: the welcome while no picture is open or coming, else the columns."""

from __future__ import annotations

from PySide6.QtWidgets import QStackedLayout

from vitviz.core.language import _
from vitviz.gui.columns.column_area import ColumnArea
from vitviz.gui.panels.bottom_bar import JobsBar
from vitviz.gui.panels.welcome import Welcome
from vitviz.gui.widgets.subscriptions import Subscriptions
from vitviz.session.session import Session
from vitviz.session.work.jobs import Job


class MiddlePages(QStackedLayout):
    """Shows one page at a time, which has the keys."""

    def __init__(self, session: Session, columns: ColumnArea, running: JobsBar) -> None:
        super().__init__()
        self._session, self._columns, self._running = session, columns, running
        self._expected = False
        self.welcome = Welcome()
        for page in (self.welcome, columns.board, columns.table):
            self.addWidget(page)

    def listen(self, links: Subscriptions) -> None:
        """Listens to the jobs: one of them may be about to open a picture."""
        links.connect(self._session.jobs.started, self.show_coming)
        links.connect(self._session.jobs.ended, self.show_coming)

    def show_page(self) -> None:
        """Shows the page that is due now."""
        empty = self._session.columns.current is None and not self._picture_comes
        page = self.welcome if empty else self._columns.page
        window = page.window()
        if self.currentWidget() is not page or window.focusWidget() is None:
            self.setCurrentWidget(page)
            page.setFocus()  # a button that had the keys would take Space

    def expect_picture(self, on: bool) -> None:
        """Whether a picture is about to be opened: nobody is asked to drop one then."""
        self._expected = on
        self.show_coming()

    @property
    def _picture_comes(self) -> bool:
        return self._expected or bool({"read", "web"} & self._running.lanes)

    def show_coming(self, _job: Job | None = None) -> None:
        """The cards are there from the start, and say what they wait for."""
        if self._session.columns.current is None and self._picture_comes:
            self._columns.say_on_board(_("Opening the picture …"), "")
        self.show_page()

    def take_focus(self) -> None:
        """The page that is shown has the keys."""
        if page := self.currentWidget():
            page.setFocus()
