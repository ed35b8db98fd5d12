"""The line of buttons for comparing: layouts, links, one range for all, and more columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QMenu, QToolButton, QWidget

from vitviz.core.language import N_, _
from vitviz.session.columns.column_links import ColumnLinks
from vitviz.session.columns.comparisons import PRESETS

ColumnLayout = Literal["one", "grid", "large"]
LAYOUTS: tuple[tuple[ColumnLayout, str, str], ...] = (
    ("one", N_("One column"), N_("All views of one column; its neighbours are a click away")),
    ("grid", N_("Grid"), N_("Rows are views, columns are models with a picture")),
    ("large", N_("One view"), N_("The view in focus, of all columns, as large as it gets")),
)
LINKS: tuple[tuple[str, str, str], ...] = (
    ("place", N_("place"), N_("Hover and pin mean the same spot of the picture in every column")),
    (
        "depth",
        N_("depth"),
        N_("The layer slider goes from the first to the last layer in every column"),
    ),
    (
        "head",
        N_("heads"),
        N_("The same head in columns of one model; other models' heads are others"),
    ),
    ("picture", N_("picture"), N_("Columns that show one picture go on to the next together")),
    ("zoom", N_("zoom"), N_("Zoom and pan of a view happen in every column")),
)


class CompareBar(QWidget):
    """Sends wishes about columns, shows which layout, links and range are on."""

    layout_wished = Signal(str)
    link_wished = Signal(str, bool)
    range_wished = Signal(bool)
    wished = Signal(str)
    """What: "add", or the name of a preset."""

    def __init__(self) -> None:
        super().__init__()
        self._layouts = QButtonGroup(self)
        self._switches: list[QToolButton] = []
        self._links = _menu_button(
            _("Linked  ▾"), _("What columns have in common; every link can be cut")
        )
        self._actions: dict[str, QAction] = {}
        self._range = _tool(_("One range"), "")
        self._range.setCheckable(True)
        self._range.clicked.connect(self.range_wished)
        self.add_view = _tool(_("+ View"), _("Choose among all views, with pictures of them (V)"))
        self._more = _menu_button(
            _("Compare  ▾"), _("One more column, or a comparison set up at once")
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for name, words, tip in LAYOUTS:
            button = _tool(_(words), _(tip))
            button.setCheckable(True)
            button.setProperty("layout", name)
            button.clicked.connect(self._layout_pressed)
            self._layouts.addButton(button)
            self._switches.append(button)
            layout.addWidget(button)
        layout.addSpacing(8)
        for widget in (self._links, self._range, self._more, self.add_view):
            layout.addWidget(widget)
        self._fill()
        self.show_count(1)

    def show_count(self, columns: int) -> None:
        """With one column there is nothing to lay out or to link yet."""
        for widget in (*self._switches, self._links, self._range):
            widget.setVisible(columns > 1)
        self._more.setText(_("Compare  ▾") if columns == 1 else _("Add  ▾"))

    def show_layout(self, layout: ColumnLayout) -> None:
        """Shows which layout is on."""
        for button in self._switches:
            button.setChecked(button.property("layout") == layout)

    def show_together(self, together: ColumnLinks) -> None:
        """Shows which links there are; one that is usual and cut is named on the button."""
        usual, cut = ColumnLinks(), []
        for name, words, _tip in LINKS:
            on = getattr(together, name)
            self._actions[name].setChecked(on)
            if getattr(usual, name) and not on:
                cut.append(_(words))
        apart = _(", not {cut}").format(cut=_(" or ").join(cut)) if cut else ""
        self._links.setText(
            _("Linked{apart}  ▾").format(apart=apart) if len(cut) < 4 else _("Not linked  ▾")
        )

    def show_range(self, shared: bool) -> None:
        """Shows whether the columns of a view share their range."""
        self._range.setChecked(shared)
        self._range.setText(_("One range") if shared else _("Own ranges"))
        self._range.setToolTip(
            _(
                "One colour, and one height in a plot, means one value in all columns of a view; "
                "press to give each its own range"
            )
            if shared
            else _("Every column has its own range, which does not compare; press to share one")
        )

    def _fill(self) -> None:
        links = self._links.menu()
        links.setToolTipsVisible(True)
        for name, words, tip in LINKS:
            action = links.addAction(_("Link {words}").format(words=_(words)))
            action.setToolTip(_(tip))
            action.setCheckable(True)
            action.setData(name)
            action.triggered.connect(self._link_toggled)
            self._actions[name] = action
        more = self._more.menu()
        more.setToolTipsVisible(True)
        offered: Sequence[tuple[str, str, str]] = [
            ("add", _("One more column\tCtrl+T"), _("The same once more, to change one thing")),
            *((preset.name, preset.title, preset.tip) for preset in PRESETS),
        ]
        for name, words, tip in offered:
            action = more.addAction(_(words))
            action.setToolTip(_(tip))
            action.setData(name)
            action.triggered.connect(self._wish)
            if name == "add":
                more.addSection(_("Set up"))

    def _layout_pressed(self) -> None:
        self.layout_wished.emit(self.sender().property("layout"))

    def _link_toggled(self, on: bool) -> None:
        self.link_wished.emit(cast(QAction, self.sender()).data(), on)

    def _wish(self) -> None:
        self.wished.emit(cast(QAction, self.sender()).data())


def _tool(words: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName("small")
    button.setText(words)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


def _menu_button(words: str, tip: str) -> QToolButton:
    button = _tool(words, tip)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    menu = QMenu(button)
    button.setMenu(menu)
    return button
