"""The open pictures as rows of a list: only those in sight have thumbnails made, in the background."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QIcon, QPixmap

from vitviz.core.data.trace import Picture
from vitviz.core.language import _
from vitviz.gui.canvas.qimages import image_of

KEPT = 400
"""Thumbnails that are kept, the last ones seen: a thousand pictures are not held twice."""
_Index = QModelIndex | QPersistentModelIndex


class FilmstripModel(QAbstractListModel):
    """Says of each row what is asked; `thumbnail_wanted` asks for those that have come into sight."""

    thumbnail_wanted = Signal(list)

    def __init__(self, cell: QSize) -> None:
        super().__init__()
        self._cell = cell
        self._pictures: tuple[Picture, ...] = ()
        self._rows: dict[str, int] = {}
        self._icons: OrderedDict[str, QIcon] = OrderedDict()
        self._asked: set[str] = set()
        self._wanted: list[str] = []
        self._asking = QTimer(self)
        self._asking.setSingleShot(True)
        self._asking.timeout.connect(self._ask)

    def show_pictures(self, pictures: Sequence[Picture]) -> None:
        """Rows for these; what was there at the beginning stays as it is."""
        new, old = tuple(pictures), self._pictures
        if len(new) > len(old) and new[: len(old)] == old:
            self.beginInsertRows(QModelIndex(), len(old), len(new) - 1)
            self._pictures = new
            self._rows |= {one.key: row for row, one in enumerate(new[len(old) :], len(old))}
            self.endInsertRows()
        elif new != old:
            self.beginResetModel()
            self._take(new)
            self.endResetModel()

    def show_thumbnail(self, key: str, pixels: UInt8[np.ndarray, "row col rgb"]) -> None:
        """A thumbnail has been made."""
        self._asked.discard(key)
        self._icons[key] = _icon(pixels)
        while len(self._icons) > KEPT:
            self._icons.popitem(last=False)
        if (row := self.row(key)) is not None:
            index = self.index(row)
            self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])

    def row(self, key: str | None) -> int | None:
        """Where a picture is; None where it is not open."""
        return self._rows.get(key or "")

    def key(self, index: _Index) -> str:
        """The picture of a row; "" for none."""
        return self._pictures[index.row()].key if index.isValid() else ""

    def picture(self, index: _Index) -> Picture:
        """The picture of a row that there is."""
        return self._pictures[index.row()]

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  as Qt declares it
        """As Qt asks."""
        return 0 if parent.isValid() else len(self._pictures)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """As Qt asks, of what is in sight."""
        if not 0 <= index.row() < len(self._pictures):
            return None
        picture = self._pictures[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return picture.name
            case Qt.ItemDataRole.DecorationRole:
                return self._thumbnail(picture.key)
            case Qt.ItemDataRole.ToolTipRole:
                rows, cols, _rgb = picture.pixels.shape
                note = f"\n{picture.note}" if picture.note else ""
                return _("{file}\n{cols} × {rows} pixels{note}").format(
                    file=picture.path or picture.name, cols=cols, rows=rows, note=note
                )
            case Qt.ItemDataRole.SizeHintRole:
                return self._cell  # the same before and after its thumbnail has come
            case Qt.ItemDataRole.UserRole:
                return picture.key
        return None

    def _thumbnail(self, key: str) -> QIcon | None:
        if (icon := self._icons.get(key)) is not None:
            self._icons.move_to_end(key)
            return icon
        if key not in self._asked:
            self._asked.add(key)
            self._wanted.append(key)
            self._asking.start()  # not from inside the painting that asks
        return None

    def _ask(self) -> None:
        wanted, self._wanted = self._wanted, []
        self.thumbnail_wanted.emit(wanted)

    def _take(self, pictures: tuple[Picture, ...]) -> None:
        self._pictures = pictures
        self._rows = {picture.key: row for row, picture in enumerate(pictures)}


def _icon(pixels: UInt8[np.ndarray, "row col rgb"]) -> QIcon:
    """The picture small, in its own colours also where it is selected."""
    pixmap = QPixmap.fromImage(image_of(pixels))
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(pixmap, mode)
    return icon
