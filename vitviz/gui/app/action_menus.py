"""The menu bar: an entry for every action, with its keys, its switch and its tooltip."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from vitviz.core.language import _
from vitviz.gui.app.actions import MENU_TITLES, Action, actions, plain


class ActionMenus(QObject):
    """Puts all actions into a window's menus, and has one performed by its name."""

    def __init__(self, window: QMainWindow, perform: Callable[[str], None]) -> None:
        super().__init__(window)
        self._perform = perform
        self.menus: dict[str, QMenu] = {
            name: window.menuBar().addMenu(_(said)) for name, said in MENU_TITLES.items()
        }
        self.by_name: dict[str, QAction] = {}
        self._texts: dict[str, str] = {}
        for known in actions().values():
            entry = self._entry(known)
            window.addAction(entry)
            if known.menu:
                if known.rule:
                    self.menus[known.menu].addSeparator()
                self.menus[known.menu].addAction(entry)

    def _entry(self, known: Action) -> QAction:
        entry = QAction(known.text, self.parent())
        entry.setData(known.name)
        entry.setShortcuts([QKeySequence(keys) for keys in known.keys])
        entry.setToolTip(known.tip or plain(known.text))
        entry.setCheckable(known.check)
        entry.triggered.connect(self._triggered)
        self.by_name[known.name], self._texts[known.name] = entry, known.text
        return entry

    def _triggered(self) -> None:
        entry = self.sender()
        if isinstance(entry, QAction):
            self._perform(str(entry.data()))

    def is_on(self, name: str) -> bool:
        """Whether the switch of that name is on."""
        return self.by_name[name].isChecked()

    def switch(self, name: str, on: bool) -> None:
        """Shows a switch as on or off; nothing is performed."""
        self.by_name[name].setChecked(on)

    def say_after(self, name: str, words: str) -> None:
        """Says behind an action's words what it is about; without any there is nothing to do."""
        entry = self.by_name[name]
        entry.setText(f"{self._texts[name]} {words}".rstrip())
        entry.setEnabled(bool(words))
