"""The icon in every system's format, made from the one drawing."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

from project import ROOT

SIZES = (16, 24, 32, 48, 64, 128, 256, 512)


def png(size: int) -> bytes:
    """The icon in pixels."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize
    from PySide6.QtGui import QGuiApplication, QIcon

    _application = QGuiApplication.instance() or QGuiApplication([])
    held = QByteArray()
    buffer = QBuffer(held)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image = QIcon(str(ROOT / "resources" / "icon.svg")).pixmap(QSize(size, size)).toImage()
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(held.data())


def write(folder: Path) -> None:
    """vitviz.ico, vitviz.icns and vitviz-256.png in a folder."""
    from PIL import Image

    pictures = {size: Image.open(BytesIO(png(size))) for size in SIZES}
    largest = pictures[512]
    others = [pictures[size] for size in SIZES[:-1]]
    largest.save(
        folder / "vitviz.ico", sizes=[(size, size) for size in SIZES[:-1]], append_images=others
    )
    largest.save(folder / "vitviz.icns", append_images=others)
    pictures[256].save(folder / "vitviz-256.png")
