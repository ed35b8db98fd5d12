"""The film-strip: every open picture as a thumbnail; drop more on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PySide6.QtCore import QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QAction, QContextMenuEvent
from PySide6.QtWidgets import QAbstractItemView, QLabel, QListView, QMenu, QVBoxLayout, QWidget

from vitviz.core.data.trace import Picture
from vitviz.core.language import _
from vitviz.gui.panels import picture_parts
from vitviz.gui.panels.filmstrip_model import FilmstripModel
from vitviz.gui.panels.page_line import PageLine
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.theme import UNIT

SIDE = 112
SHARP = 256
"""Pixels of a thumbnail's longer side: sharp on screens of two pixels a point."""


class Filmstrip(QWidget):
    """Shows the open pictures; says which one is wanted and which is to be closed.

    `pages` is the slider over the frames or pages of the one that is shown.
    """

    chosen = Signal(str)
    closed = Signal(str)
    open_wished = Signal()
    part_wished = Signal(object)
    """Another page, other bands or converted colours of a picture's file (`PicturePart`)."""
    thumbnail_wanted = Signal(list)
    """Keys of pictures that have come into sight; their thumbnails come by `show_thumbnail`."""

    def __init__(self) -> None:
        super().__init__()
        self._told = False
        """Whether it is being told what is chosen, rather than telling."""
        self._model = FilmstripModel(QSize(SIDE + 8, SIDE * 3 // 4 + 26))
        self._model.setParent(self)
        self._model.thumbnail_wanted.connect(self.thumbnail_wanted)
        self._list = QListView()
        self._list.setModel(self._model)
        self._list.setViewMode(QListView.ViewMode.IconMode)
        self._list.setIconSize(QSize(SIDE, SIDE * 3 // 4))
        self._list.setGridSize(QSize(SIDE + 16, SIDE * 3 // 4 + 30))
        self._list.setUniformItemSizes(True)
        self._list.setMovement(QListView.Movement.Static)
        self._list.setResizeMode(QListView.ResizeMode.Adjust)
        self._list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._list.setAccessibleName(_("Open pictures"))
        self._list.setFont(theme.font(-1.5))
        self._list.selectionModel().currentChanged.connect(self._changed)
        self._drop = QLabel(_("Drop pictures here\nor press Ctrl+O"))
        self._drop.setObjectName("drop")
        self._drop.setFont(theme.font(-1))
        self._drop.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(UNIT, 0, 0, 0)
        layout.setSpacing(UNIT)
        self.pages = PageLine()
        layout.addWidget(self._list, 1)
        layout.addWidget(self.pages)
        layout.addWidget(self._drop)
        self.setMinimumWidth(SIDE + 34)

    def show_pictures(self, pictures: Sequence[Picture]) -> None:
        """Shows the open pictures, keeping the thumbnails of those that stay."""
        chosen = self._model.key(self._list.currentIndex())
        self._told = True
        self._model.show_pictures(pictures)
        self._told = False
        if self._model.key(self._list.currentIndex()) != chosen:
            self.show_current(chosen)

    def show_thumbnail(self, key: str, pixels: UInt8[np.ndarray, "row col rgb"]) -> None:
        """A thumbnail that was wanted."""
        self._model.show_thumbnail(key, pixels)

    def show_current(self, key: str | None) -> None:
        """Marks the picture that is shown."""
        row = self._model.row(key)
        if row is None:
            return
        self._told = True
        self._list.setCurrentIndex(self._model.index(row))
        self._told = False
        self._list.scrollTo(self._model.index(row))

    def _changed(self, now: QModelIndex, _before: QModelIndex) -> None:
        if (key := self._model.key(now)) and not self._told:
            self.chosen.emit(key)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Close and open, at the picture under the mouse."""
        menu = QMenu(self)
        at = self._list.indexAt(self._list.viewport().mapFromGlobal(event.globalPos()))
        if key := self._model.key(at):
            close = QAction(_("Close picture"), menu)
            close.setData(key)
            menu.addAction(close)
            picture_parts.add_parts(menu, self._model.picture(at), self.part_wished.emit)
        opening = menu.addAction(_("Open pictures…"))
        wished = menu.exec(event.globalPos())
        if wished is opening:
            self.open_wished.emit()
        elif wished is not None and wished.data() is not None:
            self.closed.emit(wished.data())
