"""What is dropped or pasted, and where: files, folders, pictures from a browser, raw image data."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import cast
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import QBuffer, QIODevice, QMimeData, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QLabel, QWidget

from vitviz.core.language import _

DroppedSource = str | tuple[str, bytes]
_DATA_URL = re.compile(r"data:image/[\w.+-]+(;base64)?,([^\"'\s>]+)")


class DropLanding(QLabel):
    """A frame around the whole window that lets everything through."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("landing")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def offer(self, event: QDragEnterEvent) -> None:
        """Shows itself where what is dragged can be opened."""
        if carries_pictures(event.mimeData()):
            _take_a_copy(event)
            self.setGeometry(self.window().rect().adjusted(4, 4, -4, -4))
            self.show()
            self.raise_()

    def take(self, event: QDropEvent) -> list[DroppedSource]:
        """What was dropped, to be opened."""
        self.hide()
        found = sources_of(event.mimeData())
        _take_a_copy(event)
        return found


def _take_a_copy(event: QDropEvent) -> None:
    """What is dropped stays where it was: whoever hears that it was moved may delete it."""
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()


def carries_pictures(mime: QMimeData) -> bool:
    """Whether a drag or the clipboard holds something that may be pictures."""
    return mime.hasUrls() or mime.hasImage() or _DATA_URL.search(mime.html() or "") is not None


def sources_of(mime: QMimeData) -> list[DroppedSource]:
    """Paths, web addresses, or (name, bytes) in the order they were dropped.

    Local files come first: they keep their name, EXIF turn and full quality. A browser's own image
    data is taken before its address, so that no network is needed.
    """
    local = [url.toLocalFile() for url in mime.urls() if url.isLocalFile()]
    if local:
        return list(local)
    for kind in ("image/png", "image/jpeg", "image/webp", "image/avif", "image/gif", "image/bmp"):
        if mime.hasFormat(kind):
            return [(f"pasted.{kind.partition('/')[2]}", bytes(mime.data(kind).data()))]
    if mime.hasImage():
        return [(_("pasted picture"), _png(cast(QImage, mime.imageData())))]
    inline = _inline(" ".join([mime.html() or "", mime.text() or ""]))
    if inline is not None:
        return [inline]
    web = (url for url in mime.urls() if url.scheme() in ("http", "https"))
    return [bytes(url.toEncoded().data()).decode("ascii") for url in web]


def pasted_paths(text: str) -> list[str]:
    """The files and folders that a pasted text names, one a line; nothing else is guessed at."""
    found = []
    for line in text.splitlines()[:1000]:
        name = line.strip().strip("'\"")
        try:
            if name and Path(name).is_absolute() and Path(name).exists():
                found.append(name)
        except (OSError, ValueError):  # no name of a file: too long, or with characters none has
            continue
    return found


def _png(image: QImage) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())


def _inline(text: str) -> tuple[str, bytes] | None:
    found = _DATA_URL.search(text)
    if found is None:
        return None
    data = unquote_to_bytes(found.group(2))
    try:
        return _("picture from a page"), base64.b64decode(data) if found.group(1) else data
    except binascii.Error:
        return None
