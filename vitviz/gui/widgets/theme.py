"""Colours, type and spacing of the window, dark and light; quiet, so that the picture is the hero."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Literal

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from vitviz.core.data.drawing import Role
from vitviz.core.data.plots import Tone
from vitviz.core.resources import resource

ThemeName = Literal["auto", "dark", "light"]
UNIT = 8
"""The one spacing unit, in pixels."""


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one theme, by what they are for."""

    name: Literal["dark", "light"]
    window: str
    surface: str
    raised: str
    line: str
    text: str
    quiet: str
    faint: str
    accent: str
    accent_text: str
    good: str
    assumed: str
    bad: str


DARK = Theme(
    "dark",
    window="#131417",
    surface="#1a1c20",
    raised="#24272c",
    line="#2c2f36",
    text="#e8eaed",
    quiet="#a9afb8",
    faint="#8b919c",
    accent="#ff7a50",
    accent_text="#1a0d07",
    good="#5fc98f",
    assumed="#f2b84b",
    bad="#ff7d7d",
)
LIGHT = Theme(
    "light",
    window="#eef0f2",
    surface="#ffffff",
    raised="#f2f4f6",
    line="#dcdfe4",
    text="#1a1c20",
    quiet="#4d545e",
    faint="#626973",
    accent="#bf3d10",
    accent_text="#ffffff",
    good="#187544",
    assumed="#8a5a00",
    bad="#c62f2f",
)

_STYLE = """
* { outline: none; }
QMainWindow, QDialog { background: $window; }
QWidget { color: $text; }
QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: 6px; }
QMenuBar { background: $window; padding: 2px 8px; }
QMenuBar::item { padding: 4px 8px; border-radius: 4px; background: transparent; }
QMenuBar::item:selected { background: $raised; }
QMenu { background: $surface; border: 1px solid $line; padding: 4px; }
QMenu::item { padding: 5px 24px 5px 24px; border-radius: 4px; }
QMenu::item:selected { background: $raised; }
QMenu::item:disabled { color: $faint; }
QMenu::separator { height: 1px; background: $line; margin: 4px 8px; }
QToolBar { background: $window; border: none; padding: 0 8px 6px 8px; spacing: 8px; }
QDockWidget { titlebar-close-icon: none; titlebar-normal-icon: none; }
QMainWindow::separator { background: $window; width: 6px; height: 6px; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QLabel#landing { background: transparent; border: 2px solid $accent; border-radius: 8px; }
QLabel#veil { background: $veil; color: $text; }
QSplitter::handle { background: $window; }
QSplitter#canvas::handle { background: transparent; }
QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; border: none; }
QAbstractScrollArea::corner { background: transparent; border: none; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: $line; border-radius: 4px; min-height: 24px; margin: 1px; }
QScrollBar::handle:hover { background: $faint; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QPushButton, QToolButton#tool, QComboBox, QDoubleSpinBox, QSpinBox, QLineEdit {
  background: $raised; border: 1px solid $line; border-radius: 6px; padding: 4px 10px;
  min-height: 20px; }
QPushButton:hover, QToolButton#tool:hover, QComboBox:hover { border-color: $faint; }
QPushButton:pressed, QToolButton#tool:pressed { background: $line; }
QPushButton:focus, QToolButton:focus, QComboBox:focus, QDoubleSpinBox:focus, QSpinBox:focus,
QLineEdit:focus { border-color: $accent; }
QPushButton:checked, QToolButton#tool:checked { background: $accent; color: $accent_text;
  border-color: $accent; }
QPushButton:disabled, QComboBox:disabled, QToolButton#tool:disabled, QAbstractSpinBox:disabled,
QLineEdit:disabled { color: $faint; }
QToolButton#tool::menu-indicator { image: none; width: 0; }
QToolButton#quiet { background: transparent; border: 1px solid transparent; border-radius: 5px;
  color: $quiet; padding: 1px 5px; }
QToolButton#quiet:hover { background: $raised; color: $text; }
QToolButton#quiet::menu-indicator { image: none; width: 0; }
QToolButton#small { background: transparent; border: 1px solid transparent; border-radius: 5px;
  color: $quiet; padding: 2px 8px; }
QToolButton#small:hover { background: $raised; color: $text; }
QToolButton#small:checked { background: $raised; color: $text; border-color: $line; }
QToolButton#small::menu-indicator { image: none; width: 0; }
QToolButton#quiet:checked { color: $accent; }
QComboBox::drop-down { border: none; width: 20px; }
QComboBox::down-arrow { image: url($arrow); width: 10px; height: 10px; }
QComboBox { padding-right: 2px; }
QComboBox QAbstractItemView { background: $surface; border: 1px solid $line; padding: 4px;
  selection-background-color: $raised; selection-color: $text; }
QSpinBox, QDoubleSpinBox { padding: 1px 4px; min-height: 22px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; border: none; }
QAbstractSpinBox QLineEdit { padding: 0 4px; border: none; min-height: 0; background: transparent; }
QSlider { min-height: 20px; }
QSlider::groove:horizontal { height: 4px; background: $line; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $faint; border-radius: 2px; }
QSlider::sub-page:horizontal:disabled { background: $line; }
QSlider::handle:horizontal { background: $text; width: 12px; height: 12px; margin: -4px 0;
  border-radius: 6px; }
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus { background: $accent; }
QSlider::handle:horizontal:disabled { background: $faint; }
QProgressBar { background: $line; border: none; border-radius: 2px; max-height: 4px;
  min-height: 4px; }
QProgressBar::chunk { background: $accent; border-radius: 2px; }
QCheckBox { spacing: 8px; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid $faint; border-radius: 4px;
  background: $raised; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent; }
QCheckBox:focus { color: $accent; }
QListView { background: $surface; border: none; border-radius: 8px; }
QListView::item { border-radius: 6px; padding: 4px; color: $quiet; }
QListView::item:selected { background: $raised; color: $text; }
QListView::item:hover { background: $raised; }
QTextBrowser { background: $surface; border: none; border-radius: 8px; padding: 8px; }
QTableWidget { background: $surface; border: none; gridline-color: $line; }
QHeaderView::section { background: $surface; color: $quiet; border: none; padding: 4px 8px; }
QFrame#card { background: $surface; border: 1px solid $surface; border-radius: 8px; }
QFrame#card[focused="true"] { border: 1px solid $faint; }
QFrame#column { background: $surface; border: 1px solid $surface; border-top: 2px solid $line;
  border-radius: 8px; border-top-left-radius: 0; border-top-right-radius: 0; }
QFrame#column[active="true"] { border-top: 2px solid $accent; }
QLabel#prediction[dissent="true"] { color: $accent; }
QLabel[state="good"] { color: $good; }
QLabel[state="assumed"] { color: $assumed; }
QLabel[state="bad"] { color: $bad; }
QFrame#strip { background: $surface; }
QFrame#side { background: $surface; border-radius: 8px; }
QFrame#notice { background: $raised; border: 1px solid $line; border-radius: 8px; }
QFrame#rule { background: $line; max-height: 1px; min-height: 1px; }
QToolButton#tile { background: $surface; border: 2px solid transparent; border-radius: 8px;
  padding: 4px; color: $quiet; }
QToolButton#tile:hover { background: $raised; color: $text; }
QToolButton#tile:checked { border-color: $accent; color: $text; }
QToolButton#tile:focus { border-color: $text; }
QToolButton#tile:disabled { color: $faint; }
QLabel#title { font-weight: 600; }
QLabel#title[focused="true"] { color: $accent; }
QLabel#quiet, QLabel#facts { color: $quiet; }
QLabel#faint { color: $faint; }
QLabel#good { color: $good; }
QLabel#bad { color: $bad; }
QLabel#badge { border: 1px solid $line; border-radius: 6px; padding: 4px 10px; color: $quiet; }
QLabel#badge[state="good"] { color: $good; }
QLabel#badge[state="assumed"] { color: $assumed; border-color: $assumed; }
QLabel#badge[state="bad"] { color: $bad; border-color: $bad; }
QLabel#drop { border: 1px dashed $faint; border-radius: 8px; color: $quiet; padding: 10px; }
QLabel#hero { font-weight: 600; }
"""


def stylesheet(theme: Theme) -> str:
    """The window's style sheet in a theme's colours."""
    style = _STYLE.replace("$veil", f"#c8{theme.surface.removeprefix('#')}")
    # Longest names first: $accent_text must not be taken for $accent.
    for field in sorted(fields(theme), key=lambda field: -len(field.name)):
        style = style.replace(f"${field.name}", str(getattr(theme, field.name)))
    return style.replace("$arrow", resource(f"arrow-{theme.name}.svg").as_posix())


def resolve(name: ThemeName) -> Theme:
    """The theme of that name; "auto" follows the desktop."""
    match name:
        case "dark":
            return DARK
        case "light":
            return LIGHT
        case "auto":
            scheme = QGuiApplication.styleHints().colorScheme()
            return LIGHT if scheme == Qt.ColorScheme.Light else DARK


_current = DARK


def current() -> Theme:
    """The theme that is on."""
    return _current


def apply(app: QApplication, theme: Theme) -> None:
    """Puts a theme on the whole application."""
    _colour(app, theme)
    app.setStyleSheet(stylesheet(theme))


@contextmanager
def applied_last(app: QApplication, theme: Theme) -> Iterator[None]:
    """Puts a theme on the application whose sheet comes when what is built inside is built.

    With a sheet on, Qt works a widget's style out anew for every layout that it is put into: a tenth of
    the whole start.
    """
    _colour(app, theme)
    yield
    app.setStyleSheet(stylesheet(theme))


def _colour(app: QApplication, theme: Theme) -> None:
    global _current
    _current = theme
    if app.styleSheet():
        # From one sheet to another Qt polishes every widget anew and all below it; with none in between
        # it takes a fifth of the time.
        app.setStyleSheet("")
    else:
        app.setStyle("Fusion")
    palette = QPalette()
    roles = QPalette.ColorRole
    for role, color in (
        (roles.Window, theme.window),
        (roles.Base, theme.surface),
        (roles.Button, theme.raised),
        (roles.AlternateBase, theme.raised),
        (roles.ToolTipBase, theme.raised),
        (roles.WindowText, theme.text),
        (roles.Text, theme.text),
        (roles.ButtonText, theme.text),
        (roles.ToolTipText, theme.text),
        (roles.PlaceholderText, theme.faint),
        (roles.Highlight, theme.accent),
        (roles.HighlightedText, theme.accent_text),
        (roles.Link, theme.accent),
    ):
        palette.setColor(role, QColor(color))
    app.setPalette(palette)


def role_color(role: Role) -> QColor:
    """The colour of an outline or line by what it is for."""
    match role:
        case "pin" | "chosen" | "hover":
            return QColor(_current.accent)
        case "seen":
            return QColor(_current.accent)
        case "grid":
            return QColor(255, 255, 255, 70)
        case "quiet":
            return QColor(_current.faint)


def tone_color(tone: Tone) -> QColor:
    """A curve's colour by what it is for."""
    dark = _current.name == "dark"
    match tone:
        case "plain":
            return QColor(_current.quiet)
        case "chosen":
            return QColor(_current.accent)
        case "quiet":
            return QColor(_current.faint)
        case "second":
            return QColor("#6aa9e9" if dark else "#2f6fb3")
        case "third":
            return QColor("#63c79a" if dark else "#23845a")


def font(size: float = 0.0, *, bold: bool = False, numbers: bool = False) -> QFont:
    """The application's font, larger or smaller by `size` points; `numbers` aligns the digits."""
    made = QFont(QApplication.font())
    made.setPointSizeF(max(made.pointSizeF() + size, 7.0))
    if bold:
        made.setWeight(QFont.Weight.DemiBold)
    if numbers and hasattr(made, "setFeature"):
        made.setFeature(QFont.Tag("tnum"), 1)
    return made


def first_size(widget: QWidget, width: int, height: int) -> None:
    """The size that a window opens with: as wanted, but never larger than its screen has room for.

    What is painted without a screen has all the room that it wants.
    """
    if QGuiApplication.platformName() == "offscreen":
        widget.resize(width, height)
        return
    room = widget.screen().availableSize() - QSize(2 * UNIT, 5 * UNIT)  # its frame and title
    widget.resize(QSize(width, height).boundedTo(room))
