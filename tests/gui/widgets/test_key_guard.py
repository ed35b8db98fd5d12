"""A widget reached by Tab keeps the keys it needs; everybody else leaves them to the window."""

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QSlider, QVBoxLayout, QWidget

from vitviz.gui.app.actions import actions
from vitviz.gui.app.application import application
from vitviz.gui.widgets.key_guard import KeyGuard


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


def test_tab_goes_through_a_views_options_as_they_stand(window):
    for view in ("rollout", "heads"):  # each form is newer than the one before
        window.shown.set_focus(view)
        own, maps = window.inspector._form.stops, window.inspector.look.stops
        at, seen = own[0], []
        while len(seen) < 60 and maps[0] not in seen:
            seen.append(at)
            at = at.nextInFocusChain()
        assert [each for each in seen if each in (*own, maps[0])] == [*own, maps[0]]


def test_the_next_view_is_in_focus_by_a_key_and_takes_over_the_room(qtbot, window):
    board, shown, act = window.board, window.shown, window.actions_by_name
    first, second, *_, last = board.offered
    shown.set_focus(first)
    act["next_view"].trigger()
    assert shown.focus == second
    act["previous_view"].trigger()
    act["previous_view"].trigger()
    assert shown.focus == last
    act["maximise"].trigger()
    act["next_view"].trigger()
    assert (shown.focus, board.placed) == (first, (first,))
    act["restore"].trigger()
    window.session.columns.add_beside()
    for layout in ("grid", "large"):
        window.compare.set_layout(layout)
        shown.set_focus(first)
        act["next_view"].trigger()
        assert shown.focus == second
        assert layout == "grid" or window.compare.table.placed == (second,)


def test_the_application_has_one_guard(qtbot):
    app = application()
    assert application() is app
    assert len(app.findChildren(KeyGuard)) == 1


def test_a_key_of_a_menu_means_one_of_its_entries():
    keys = [
        (wish.menu, wish.text.partition("&")[2][:1].lower())
        for wish in actions().values()
        if wish.menu
    ]
    marked = [key for key in keys if key[1]]
    assert len(set(marked)) == len(marked)
