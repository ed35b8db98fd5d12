"""The languages to choose from, each in its own script; the choice takes effect with the next start."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from vitviz.core.language import ENGLISH, LANGUAGES, _, current_language


class LanguageMenu(QMenu):
    """A language a line, the remembered one on; "" is the system's."""

    def __init__(self, parent: QWidget, now: str, choose: Callable[[str], None]) -> None:
        title = _("&Language")
        # Whoever cannot read the window finds the menu by the English word.
        super().__init__(title if current_language() == ENGLISH else f"{title} – Language", parent)
        self._choose = choose
        group = QActionGroup(self)
        for code, name in {"": _("As the system"), **LANGUAGES}.items():
            action = QAction(name, self)
            action.setCheckable(True)
            action.setChecked(code == (now if now in LANGUAGES else ""))
            action.setData(code)
            group.addAction(action)
            self.addAction(action)
        group.triggered.connect(self._triggered)

    def _triggered(self, action: QAction) -> None:
        self._choose(action.data())
