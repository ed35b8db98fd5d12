"""What Qt says itself (buttons of dialogs, menus of text fields) and its letters, in a language."""

from __future__ import annotations

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QApplication

from vitviz.core.language import FOLDERS, current_language

HAN_FAMILIES = (
    "PingFang SC",
    "Microsoft YaHei UI",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
)
"""Families with the letters of simplified Chinese: of macOS, Windows, then of Linux."""


def speak_in_qt(app: QApplication) -> None:
    """Has Qt say its own words in the language spoken here, in letters of that language's shape.

    Without a family of its own Qt might take one for Japanese, whose same letters look otherwise.
    """
    folder = FOLDERS.get(current_language())
    if folder is None:
        return
    QLocale.setDefault(QLocale(folder))
    translator = QTranslator(app)
    if translator.load(f"qtbase_{folder}", _translations()):
        app.installTranslator(translator)
    there = set(QFontDatabase.families())
    font = app.font()
    if found := [name for name in HAN_FAMILIES if name in there]:
        font.setFamilies([font.family(), *found])
        app.setFont(font)


def _translations() -> str:
    """Where PySide6 has Qt's own translations."""
    return QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
