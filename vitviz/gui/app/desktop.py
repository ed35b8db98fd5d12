"""What is asked of the world outside the window: a newer version, licences, a folder to be shown."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from vitviz.core.language import _
from vitviz.core.progress import Progress
from vitviz.gui.app.text_pages import about_page
from vitviz.gui.panels.notices import NoticeStack
from vitviz.session.app import licences, updates
from vitviz.session.app.licences import LicensedPart
from vitviz.session.session import Session
from vitviz.session.work.log import sentence


def ask_for_updates(session: Session, notices: NoticeStack) -> None:
    """Says whether there is a newer vitviz, once somebody has answered."""

    def work(progress: Progress) -> str:
        return updates.look(progress)

    def failed(error: Exception) -> None:
        notices.say([sentence(error, _("looking for a newer version"))])

    def done(said: str) -> None:
        notices.say([said])

    session.jobs.submit("looking for a newer version", work, lane="fetch", done=done, failed=failed)


def show_about(session: Session, frame: QWidget, device: str, notices: NoticeStack) -> None:
    """About vitviz, once it is read what each package inside says of itself."""

    def done(found: tuple[LicensedPart, ...]) -> None:
        about_page(frame, device, found).show()

    def failed(error: Exception) -> None:
        notices.say([sentence(error, _("reading the licences"))])

    session.jobs.submit(
        "about", lambda _progress: licences.parts(), lane="fetch", done=done, failed=failed
    )


def open_folder(folder: Path, notices: NoticeStack) -> None:
    """Shows a folder in the desktop's own way; where there is none, says its path."""
    folder.mkdir(parents=True, exist_ok=True)
    if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
        notices.say(
            [_("No program here shows folders; this one is {folder}").format(folder=folder)]
        )
