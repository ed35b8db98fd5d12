"""How large everything in the window is: a percentage beside the system's own scale."""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from vitviz.core.language import _

SIZES = (80, 90, 100, 110, 125, 150, 175, 200)
"""Percentages to choose from."""

_FACTOR = "QT_SCALE_FACTOR"


def scale_interface(percent: int, environment: MutableMapping[str, str] = os.environ) -> None:
    """Has Qt draw everything so large; before there is an application, which takes it on once.

    It multiplies what the system asks for, and a QT_SCALE_FACTOR that somebody set. A remembered
    percentage beyond 80 to 200 is brought back between the two.
    """
    percent = min(max(percent, SIZES[0]), SIZES[-1])
    if percent != 100:
        environment[_FACTOR] = f"{_number(environment.get(_FACTOR, '')) * percent / 100:g}"


def _number(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        return 1.0
    return found if 0 < found < 10 else 1.0


class InterfaceSizeMenu(QMenu):
    """The sizes to choose from, one of them on; the choice takes effect with the next start."""

    def __init__(self, parent: QWidget, now: int, choose: Callable[[int], None]) -> None:
        super().__init__(_("Interface si&ze"), parent)
        self._choose = choose
        group = QActionGroup(self)
        for percent in SIZES:
            action = QAction(f"{percent} %", self)
            action.setCheckable(True)
            action.setChecked(percent == now)
            action.setData(percent)
            group.addAction(action)
            self.addAction(action)
        group.triggered.connect(self._triggered)

    def _triggered(self, action: QAction) -> None:
        self._choose(action.data())
