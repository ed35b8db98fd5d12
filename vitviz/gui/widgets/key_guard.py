"""Keys that a widget needs for itself while it has the focus, and clicks that leave the focus alone."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QWidget,
)

_OWN = {
    Qt.Key.Key_Space,
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
}
_TYPED = (QLineEdit, QAbstractSpinBox)
_MOVED = (QAbstractItemView, QAbstractSlider, QComboBox)


class KeyGuard(QObject):
    """Whoever was reached by Tab keeps its keys: a filter on the widget that has the focus.

    On that one alone: a filter on the application would be asked about every event of every widget,
    and each question waits for Python's lock while views are drawn in other threads.
    """

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        app.focusChanged.connect(self._follow)
        self._follow(None, app.focusWidget())

    def _follow(self, before: QWidget | None, now: QWidget | None) -> None:
        if before is not None:
            before.removeEventFilter(self)
        if now is not None:
            now.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Claims a key for the focused widget before a shortcut can take it."""
        if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
            return False
        plain = event.modifiers() in (
            Qt.KeyboardModifier.NoModifier,
            Qt.KeyboardModifier.ShiftModifier,
        )
        typing = isinstance(watched, _TYPED) and plain
        moving = isinstance(watched, _MOVED) and plain and event.key() in _OWN
        pressing = isinstance(watched, QAbstractButton) and event.key() == Qt.Key.Key_Space
        if typing or moving or pressing:
            event.accept()
            return True
        return False


def leave_focus(window: QWidget) -> None:
    """Sliders, switches and choices take the focus by Tab only: arrows go on moving the token."""
    for kind in (QAbstractSlider, QAbstractButton, QComboBox, QAbstractItemView):
        for widget in window.findChildren(kind):
            if widget.focusPolicy() != Qt.FocusPolicy.NoFocus:
                widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
