"""Sessions in the window: saved, opened, offered after a crash; moved files are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import cast

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox, QWidget

from vitviz.core.files import clear_leftovers
from vitviz.core.language import _
from vitviz.gui.columns.column_area import ColumnArea
from vitviz.gui.figure.figure_saving import ask_where
from vitviz.gui.panels.notices import NoticeStack
from vitviz.gui.widgets.subscriptions import Subscriptions
from vitviz.session.files.session_format import SUFFIX, MissingFiles, SavedSession, beside_this
from vitviz.session.files.settings_folder import settings_folder
from vitviz.session.session import Session
from vitviz.session.session_files import SessionFiles

_EVERY = 15_000  # milliseconds between looks whether something is to be saved


def session_kind() -> str:
    """What a dialog for files calls sessions."""
    return f"{_('vitviz sessions')} (*{SUFFIX})"


class SessionMenu(QObject):
    """Asks where to save and what to open, and saves now and then for the case of a crash."""

    def __init__(
        self, parent: QWidget, session: Session, notices: NoticeStack, columns: ColumnArea
    ) -> None:
        super().__init__(parent)
        self._parent, self._session = parent, session
        self._notices, self._columns = notices, columns
        self.left = NoticeStack()
        """What a crash left behind is offered in a strip of its own: nothing that happens later may
        take the offer away."""
        self.files = SessionFiles(session)
        self.recent = QMenu(_("Recent sessions"), parent)
        self.recent.aboutToShow.connect(self._fill)
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY)
        self._timer.timeout.connect(self._autosave)

    def listen(self, links: Subscriptions) -> None:
        """Listens to what was saved, opened and missed."""
        links.connect(self.files.saved_as, self._saved)
        links.connect(self.files.opened, self._opened)
        links.connect(self.files.missing, self._missing)
        links.connect(self.files.far, self._far)

    def begin(self) -> None:
        """Offers what a crash left behind, and begins to save for the case of another."""
        clear_leftovers(settings_folder())
        left = self.files.left_behind()
        if left is not None:
            self.left.offer(
                _("vitviz was not closed properly last time."),
                (_("Open what was there"), partial(self.files.open, left)),
                (_("Forget it"), partial(self.files.forget, left)),
            )
        self._timer.start()

    def end(self) -> None:
        """Closed as it should be: nothing needs to be offered next time."""
        self._timer.stop()
        self.files.forget()

    def save(self) -> None:
        """Saves to the session's file, or asks for one."""
        if self.files.file is None:
            self.save_as()
        else:
            self.files.save(self.files.file, self._columns.state())

    def save_as(self) -> None:
        """Asks for a file and saves there."""
        first = str(self.files.file or f"session{SUFFIX}")
        if (path := ask_where(self._parent, _("Save session"), first, session_kind())) is not None:
            self.files.save(path, self._columns.state())

    def open(self) -> None:
        """Asks for a session and opens it."""
        name, _unused = QFileDialog.getOpenFileName(
            self._parent, _("Open session"), "", f"{session_kind()};;{_('All files')} (*)"
        )
        if name:
            self.files.open(Path(name))

    def _autosave(self) -> None:
        self.files.autosave(self._columns.state())

    def _fill(self) -> None:
        self.recent.clear()
        for name in self._session.settings.now.recent_sessions:
            action = self.recent.addAction(Path(name).name)
            action.setToolTip(name)
            action.setData(name)
            action.setEnabled(Path(name).is_file())
            action.triggered.connect(self._chosen)
        self.recent.setToolTipsVisible(True)
        if self.recent.isEmpty():
            self.recent.addAction(_("none yet")).setEnabled(False)

    def _chosen(self) -> None:
        self.files.open(Path(cast(QAction, self.sender()).data()))

    def _saved(self, file: Path) -> None:
        self._notices.tell(_("Saved {file}").format(file=file))

    def _opened(self, file: Path, state: dict[str, str]) -> None:
        self._columns.restore_state(state)
        self._session.history.clear()
        self.files.forget_left(file)

    def _missing(self, found: SavedSession, file: Path, gone: list[MissingFiles]) -> None:
        """Asks for the first that has gone; others are looked for beside it."""
        told = self._asked(gone)
        if told is not None:
            self.files.open(file, told)

    def _far(self, file: Path, told: dict[str, str], models: dict[str, str]) -> None:
        """Asks before anything is fetched: the session may be anybody's."""
        named = ", ".join(f"{name} (from {where})" for name, where in models.items())
        again = partial(self.files.open, file, told)
        self._notices.offer(
            _("{name} shows models that are not on this computer: {named}.").format(
                name=file.name, named=named
            ),
            (_("Download and open"), partial(again, download="yes")),
            (_("Open without them"), partial(again, download="no")),
        )

    def _asked(self, gone: Sequence[MissingFiles]) -> dict[str, str] | None:
        """Where the pictures lie now, "" for those to be left out; None to open nothing."""
        told: dict[str, str] = {}
        for one in gone:
            if one.key in told:
                continue
            match self._ask(one, len(gone) - len(told)):
                case "":
                    return {**{each.key: "" for each in gone}, **told}
                case None:
                    return None
                case path:
                    rest = [each for each in gone if each.key not in told]
                    told |= {**beside_this(Path(path), rest), one.key: path}
        return told

    def _ask(self, gone: MissingFiles, count: int) -> str | None:
        """A path, "" to leave out what is missing, None to open nothing."""
        box = QMessageBox(self._parent)
        box.setWindowTitle(_("Where is it now?"))
        said = _("{name} is not where it was.")
        if count > 1:
            said = _("{name} is not where it was ({count} files are missing).")
        box.setText(said.format(name=gone.name, count=count))
        box.setInformativeText(gone.path)
        find = box.addButton(_("Find it…"), QMessageBox.ButtonRole.AcceptRole)
        leave = box.addButton(
            _("Leave out what is missing"), QMessageBox.ButtonRole.DestructiveRole
        )
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.exec()
        if box.clickedButton() is leave:
            return ""
        if box.clickedButton() is not find:
            return None
        wanted = f"{gone.name} ({Path(gone.path).name});;{_('All files')} (*)"
        name, _unused = QFileDialog.getOpenFileName(
            self._parent, _("Find {name}").format(name=gone.name), "", wanted
        )
        return name or None
