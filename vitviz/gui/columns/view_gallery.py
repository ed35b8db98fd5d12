"""All views with pictures of them, in groups, to put on the board or take off; it can be searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import cast

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.language import N_, _
from vitviz.core.resources import resource
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.theme import UNIT, first_size
from vitviz.views import View

CHAPTERS = {
    "attention": N_("Attention"),
    "answers": N_("Answers"),
    "positions": N_("Positions"),
    "layers": N_("Layers"),
    "words": N_("Words inside patches"),
    "across": N_("Across pictures"),
    "compare": N_("Compare two columns"),
    "learn": N_("Learn"),
    "others": N_("Of plugins"),
}
"""What the groups are called, in their order."""

PICTURE = QSize(168, 105)
TILE = QSize(PICTURE.width() + 2 * UNIT, PICTURE.height() + 40)


class ViewTile(QToolButton):
    """One view: its picture and its title; pressed while it is on the board."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view
        self.setObjectName("tile")
        self.setCheckable(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setIconSize(PICTURE)
        self.setFixedSize(TILE)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFont(theme.font(-0.5))
        self.show_state(False, "")

    def show_state(self, on: bool, why_not: str) -> None:
        """Whether it is on the board, or why it has nothing to show."""
        self.setChecked(on)
        self.setEnabled(not why_not)
        self.setToolTip(why_not or self.view.shows)
        title = f"✓ {self.view.title}" if on and not why_not else self.view.title
        self.setText(
            self.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, PICTURE.width())
        )
        state = why_not or (_("on the board") if on else _("not on the board"))
        self.setAccessibleName(f"{self.view.title}, {state}")
        self.setAccessibleDescription(self.view.shows)

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        self.setIcon(_picture(self.view, theme.current().name))

    @property
    def told(self) -> str:
        """All that it can be found by."""
        view = self.view
        return f"{view.title} {view.name} {_(CHAPTERS[view.chapter])} {view.shows}".lower()


class ViewGallery(QDialog):
    """Sends wishes; arrows go from tile to tile, Enter and Space choose, letters search."""

    toggled = Signal(str, bool)

    def __init__(self, parent: QWidget, views: Mapping[str, View]) -> None:
        super().__init__(parent)
        self.setWindowTitle(_("Views"))
        self.tiles = {name: ViewTile(view) for name, view in views.items()}
        self._chapters: list[tuple[QLabel, QGridLayout, list[ViewTile]]] = []
        self._across = 0
        self._away: set[ViewTile] = set()
        self.search = QLineEdit()
        self.search.setPlaceholderText(_("Search views: a word of what they show"))
        self.search.setAccessibleName(_("Search views"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._found)
        self.search.installEventFilter(self)
        self._none = QLabel(_("No view has that word; F1 on a view tells what it shows."))
        self._none.setObjectName("quiet")
        self._none.hide()
        inside = QWidget()
        self._rows = QVBoxLayout(inside)
        self._rows.setContentsMargins(UNIT, 0, UNIT, UNIT)
        self._rows.addWidget(self._none)
        self._fill(inside)
        self._rows.addStretch()
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(UNIT, UNIT, UNIT, UNIT)
        layout.addWidget(self.search)
        layout.addWidget(self._area, 1)
        first_size(self, 6 * (TILE.width() + UNIT) + 6 * UNIT, 760)
        self.restyle()

    def begin(self) -> None:
        """Opens with an empty search, in the theme that is on now."""
        self.restyle()
        self.search.clear()
        self.search.setFocus()
        self.show()
        self.raise_()
        self.activateWindow()

    def show_states(self, is_on: Callable[[str], bool], why_not: Mapping[str, str]) -> None:
        """Marks the views that are on the board, and says why others have nothing to show."""
        for name, tile in self.tiles.items():
            tile.show_state(is_on(name), why_not.get(name, ""))

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        for tile in self.tiles.values():
            tile.restyle()

    @property
    def found(self) -> list[ViewTile]:
        """The tiles that are there for what is searched, in order."""
        return [
            tile for *_names, tiles in self._chapters for tile in tiles if tile not in self._away
        ]

    def _fill(self, inside: QWidget) -> None:
        for chapter, title in CHAPTERS.items():
            tiles = [tile for tile in self.tiles.values() if tile.view.chapter == chapter]
            if not tiles:
                continue
            label, grid = QLabel(_(title)), QGridLayout()
            label.setObjectName("title")
            grid.setSpacing(UNIT)
            self._rows.addWidget(label)
            self._rows.addLayout(grid)
            self._chapters.append((label, grid, tiles))
            for tile in tiles:
                tile.setParent(inside)
                tile.installEventFilter(self)
                tile.clicked.connect(self._pressed)

    def _pressed(self, on: bool) -> None:
        self.toggled.emit(cast(ViewTile, self.sender()).view.name, on)

    def _found(self, text: str) -> None:
        words = text.lower().split()
        tiles = self.tiles.values()
        self._away = {tile for tile in tiles if not all(word in tile.told for word in words)}
        self._none.setVisible(not self.found)
        self._place(self._across)

    def _place(self, across: int) -> None:
        self._across = across
        for label, grid, tiles in self._chapters:
            for tile in tiles:
                grid.removeWidget(tile)
                tile.setVisible(tile not in self._away)
            there = [tile for tile in tiles if tile not in self._away]
            label.setVisible(bool(there))
            for at, tile in enumerate(there):
                grid.addWidget(tile, at // across, at % across)
            grid.setColumnStretch(across, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As many tiles stand side by side as there is width for."""
        super().resizeEvent(event)
        room = self.width() - 5 * UNIT
        across = max((room + UNIT) // (TILE.width() + UNIT), 1)
        if across != self._across:
            for _label, grid, _tiles in self._chapters:
                grid.setColumnStretch(self._across, 0)
            self._place(across)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows lead from the search to the tiles and from tile to tile; letters lead back."""
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        key = Qt.Key(event.key())
        if watched is self.search:
            if key in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._go(next((tile for tile in self.found if tile.isEnabled()), None))
                return True
            return False
        if not isinstance(watched, ViewTile):
            return False
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            watched.click()
            return True
        if key in _STEPS:
            self._go(self._neighbour(watched, *_STEPS[key]))
            return True
        if event.text().strip() and key != Qt.Key.Key_Escape:
            self.search.setFocus()
            self.search.insert(event.text())
            return True
        return False

    def _go(self, tile: ViewTile | None) -> None:
        if tile is not None:
            tile.setFocus(Qt.FocusReason.TabFocusReason)
            self._area.ensureWidgetVisible(tile, 0, 40)

    def _neighbour(self, tile: ViewTile, across: int, down: int) -> ViewTile | None:
        """The nearest tile that way which can be chosen; beside the last of a line, the next line."""
        usable = [one for one in self.found if one.isEnabled() or one is tile]
        if across:
            at = usable.index(tile) + across
            return usable[at] if 0 <= at < len(usable) else None
        here = tile.mapTo(self, tile.rect().center())
        places = [(one.mapTo(self, one.rect().center()), one) for one in usable]
        beyond = [(place, one) for place, one in places if (place.y() - here.y()) * down > 8]
        return min(
            beyond,
            key=lambda each: (abs(each[0].y() - here.y()), abs(each[0].x() - here.x())),
            default=(None, None),
        )[1]


_STEPS: dict[Qt.Key, tuple[int, int]] = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


@cache
def _picture(view: View, theme_name: str) -> QIcon:
    """A view's small picture in a theme; its title's first letters where a plugin brings none."""
    file = resource(f"views/{theme_name}/{view.name}.webp")
    found = QPixmap(str(file)) if file.is_file() else QPixmap()
    if found.isNull():
        found = QPixmap(PICTURE * 2)
        found.fill(Qt.GlobalColor.transparent)
        painter = QPainter(found)
        painter.setFont(theme.font(24))
        painter.setPen(theme.role_color("quiet"))
        initials = "".join(word[0] for word in view.title.split()[:3])
        painter.drawText(found.rect(), Qt.AlignmentFlag.AlignCenter, initials)
        painter.end()
    found.setDevicePixelRatio(2.0)
    icon = QIcon(found)
    icon.addPixmap(found, QIcon.Mode.Disabled)
    return icon
