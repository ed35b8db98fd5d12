"""The film-strip: every open picture as a thumbnail; drop more on it."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction, QContextMenuEvent, QIcon, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.data.trace import Picture
from vitviz.core.pictures.picture_files import thumbnail
from vitviz.gui.canvas.qimages import image_of
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.theme import UNIT

SIDE = 112


class Filmstrip(QWidget):
    """Shows the open pictures; says which one is wanted and which is to be closed."""

    chosen = Signal(str)
    closed = Signal(str)
    open_wished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._list = QListWidget()
        self._list.setViewMode(QListWidget.ViewMode.IconMode)
        self._list.setIconSize(QSize(SIDE, SIDE * 3 // 4))
        self._list.setGridSize(QSize(SIDE + 16, SIDE * 3 // 4 + 30))
        self._list.setMovement(QListWidget.Movement.Static)
        self._list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self._list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._list.setAccessibleName("Open pictures")
        self._list.setFont(theme.font(-1.5))
        self._list.currentItemChanged.connect(self._changed)
        self._drop = QLabel("Drop pictures here\nor press Ctrl+O")
        self._drop.setObjectName("drop")
        self._drop.setFont(theme.font(-1))
        self._drop.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(UNIT, 0, 0, 0)
        layout.setSpacing(UNIT)
        layout.addWidget(self._list, 1)
        layout.addWidget(self._drop)
        self.setMinimumWidth(SIDE + 34)

    def show_pictures(self, pictures: tuple[Picture, ...]) -> None:
        """Shows the open pictures, keeping the thumbnails of those that stay."""
        blocker = QSignalBlocker(self._list)
        known = {self._key(row): self._list.item(row).icon() for row in range(self._list.count())}
        current = self._list.currentItem()
        chosen = None if current is None else current.data(Qt.ItemDataRole.UserRole)
        self._list.clear()
        for picture in pictures:
            icon = known.get(picture.key) or _icon(picture)
            item = QListWidgetItem(icon, picture.name)
            rows, cols, _rgb = picture.pixels.shape
            note = f"\n{picture.note}" if picture.note else ""
            item.setToolTip(f"{picture.path or picture.name}\n{cols} × {rows} pixels{note}")
            item.setData(Qt.ItemDataRole.UserRole, picture.key)
            self._list.addItem(item)
        blocker.unblock()
        self.show_current(chosen)

    def show_current(self, key: str | None) -> None:
        """Marks the picture that is shown."""
        blocker = QSignalBlocker(self._list)
        for row in range(self._list.count()):
            if self._key(row) == key:
                self._list.setCurrentRow(row)
                self._list.scrollToItem(self._list.item(row))
        blocker.unblock()

    def _key(self, row: int) -> str:
        return str(self._list.item(row).data(Qt.ItemDataRole.UserRole))

    def _changed(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Close and open, at the picture under the mouse."""
        menu = QMenu(self)
        item = self._list.itemAt(self._list.viewport().mapFromGlobal(event.globalPos()))
        if item is not None:
            close = QAction("Close picture", menu)
            close.setData(item.data(Qt.ItemDataRole.UserRole))
            menu.addAction(close)
        opening = menu.addAction("Open pictures…")
        wished = menu.exec(event.globalPos())
        if wished is opening:
            self.open_wished.emit()
        elif wished is not None:
            self.closed.emit(wished.data())


def _icon(picture: Picture) -> QIcon:
    """The picture small, in its own colours also where it is selected."""
    pixmap = QPixmap.fromImage(image_of(thumbnail(picture, 256)))
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(pixmap, mode)
    return icon
