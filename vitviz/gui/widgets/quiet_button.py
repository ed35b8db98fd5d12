"""The small buttons on cards, rows, headers and panels: a sign that stays in the background."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton


def quiet_button(sign: str, tip: str, name: str = "") -> QToolButton:
    """A button with a sign; `name` is what it is called where signs cannot be seen, else the tip."""
    button = QToolButton()
    button.setObjectName("quiet")
    button.setText(sign)
    button.setToolTip(tip)
    button.setAccessibleName(name or tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
