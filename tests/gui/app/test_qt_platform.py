"""What is missing for a window is named exactly; where nothing is missing nothing is said."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from vitviz.gui.app import qt_platform
from vitviz.gui.widgets import theme

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


def test_offscreen_is_always_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert qt_platform.has_display()
    assert qt_platform.explain() == ""


def test_no_display_is_said() -> None:
    assert not qt_platform.has_display()
    assert "no display" in qt_platform.explain()


def test_a_display_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    said = qt_platform.explain()
    assert ":987" in said or "sudo apt install" in said


def test_a_missing_library_is_named_with_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    row = ("libvitviz-absent.so.7", "libvitviz-absent7", "vitviz-absent")
    monkeypatch.setattr(qt_platform, "_XCB", (row,))
    monkeypatch.setitem(qt_platform._NEEDS, "xcb", (row,))
    monkeypatch.setenv("DISPLAY", ":987")
    assert qt_platform.missing_libraries() == ("libvitviz-absent.so.7",)
    said = qt_platform._sentence("libvitviz-absent.so.7: cannot open shared object file")
    assert "needs libvitviz-absent.so.7;" in said
    assert "apt install libvitviz-absent7'" in said
    assert "dnf install vitviz-absent'" in said


def test_a_window_is_no_larger_than_its_screen(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    theme.first_size(widget, 1440, 900)
    assert widget.size() == QSize(1440, 900)  # nothing is seen of it but what is painted
    monkeypatch.setattr(QGuiApplication, "platformName", staticmethod(lambda: "xcb"))
    room = widget.screen().availableSize()
    theme.first_size(widget, 5000, 200)
    assert room.width() - 40 <= widget.width() < room.width()
    assert widget.height() == 200
