"""The menu File: pictures and sessions, opened, closed and saved."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from vitviz.core.language import N_, _
from vitviz.gui.app.actions import action
from vitviz.gui.app.actions.window_parts import WindowParts
from vitviz.gui.app.dropped_sources import carries_pictures, pasted_paths, sources_of

PICTURES = N_("Pictures (*.png *.jpg *.jpeg *.webp *.tif *.tiff *.bmp *.gif *.avif);;All files (*)")


@action("&Open pictures…", keys="Ctrl+O", menu="File")
def open_(parts: WindowParts) -> None:
    """Open picture files"""
    folder = parts.session.settings.now.picture_folder
    names, _unused = QFileDialog.getOpenFileNames(
        parts.frame, _("Open pictures"), folder, _(PICTURES)
    )
    if names:
        parts.session.settings.remember(picture_folder=str(Path(names[0]).parent))
        parts.session.open(names)


@action("Open &folder…", keys="Ctrl+Shift+O", menu="File")
def open_folder(parts: WindowParts) -> None:
    """Open all pictures of a folder"""
    folder = parts.session.settings.now.picture_folder
    name = QFileDialog.getExistingDirectory(parts.frame, _("Open all pictures of a folder"), folder)
    if name:
        parts.session.settings.remember(picture_folder=name)
        parts.session.open([name])


@action("&Paste picture", keys="Ctrl+V", menu="File")
def paste(parts: WindowParts) -> None:
    """Open the picture on the clipboard"""
    mime = QGuiApplication.clipboard().mimeData() or QMimeData()  # Qt has none of an empty one
    if carries_pictures(mime):
        parts.session.open(sources_of(mime))
    elif paths := pasted_paths(mime.text()):
        parts.session.open(paths)
    else:
        parts.notices.say([_("The clipboard holds no picture; copy one and paste again.")])


@action("&Close picture", keys="Ctrl+W", menu="File")
def close_picture(parts: WindowParts) -> None:
    """Take the picture off the film-strip"""
    if parts.session.columns.current is not None:
        parts.session.pictures.close(parts.session.columns.current.key)


@action("&Reopen closed picture", keys="Ctrl+Shift+T", menu="File")
def reopen(parts: WindowParts) -> None:
    """Bring the last one back"""
    parts.session.pictures.reopen()


@action("Open &session…", keys="Ctrl+Shift+S", menu="File", rule=True)
def open_session(parts: WindowParts) -> None:
    """Pictures, columns and what was chosen in them, as they were"""
    parts.sessions.open()


@action("Sa&ve session", keys="Ctrl+S", menu="File")
def save_session(parts: WindowParts) -> None:
    """To find all of this again"""
    parts.sessions.save()


@action("Save session &as…", menu="File")
def save_session_as(parts: WindowParts) -> None:
    """(Asks for a file first.)"""
    parts.sessions.save_as()


@action("&Quit", keys="Ctrl+Q", menu="File", rule=True)
def quit_(parts: WindowParts) -> None:
    """(Closes the window.)"""
    parts.frame.close()
