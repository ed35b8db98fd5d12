"""A widget reached by Tab keeps the keys it needs; everybody else leaves them to the window."""

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QSlider, QVBoxLayout, QWidget

from vitviz.gui.actions import WISHES
from vitviz.gui.app import application
from vitviz.gui.keys import KeyGuard


def claims(widget, key):
    """Whether a widget claims a key before the window's shortcuts are asked."""
    event = QKeyEvent(QEvent.Type.ShortcutOverride, key, Qt.KeyboardModifier.NoModifier)
    event.ignore()
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_who_has_the_focus_keeps_its_keys_and_nobody_else_does(qtbot):
    app = application()
    window = QWidget()
    layout = QVBoxLayout(window)
    slider, button, line = QSlider(), QPushButton("go"), QLineEdit()
    for widget in (slider, button, line):
        layout.addWidget(widget)
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    slider.setFocus()
    qtbot.waitUntil(lambda: app.focusWidget() is slider)
    assert claims(slider, Qt.Key.Key_Up)
    assert not claims(slider, Qt.Key.Key_H)
    assert not claims(button, Qt.Key.Key_Space)
    button.setFocus()
    assert claims(button, Qt.Key.Key_Space)
    assert not claims(button, Qt.Key.Key_Up)
    assert not claims(slider, Qt.Key.Key_Up)
    line.setFocus()
    assert claims(line, Qt.Key.Key_H)


def test_the_application_has_one_guard(qtbot):
    app = application()
    assert application() is app
    assert len(app.findChildren(KeyGuard)) == 1


def test_a_key_of_a_menu_means_one_of_its_entries():
    keys = [(wish.menu, wish.text.partition("&")[2][:1].lower()) for wish in WISHES if wish.menu]
    marked = [key for key in keys if key[1]]
    assert len(set(marked)) == len(marked)
