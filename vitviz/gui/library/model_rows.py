"""The library's list: a model a row, two lines each, with a star and what it costs to have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QMouseEvent, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from vitviz.core.language import _
from vitviz.gui.library.model_words import facts_line, have
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.library.library_items import LibraryItem

ITEM = Qt.ItemDataRole.UserRole
ROW = 46
STAR = 28

_Index = QModelIndex | QPersistentModelIndex


class ModelRows(QAbstractListModel):
    """The models that are found, with their stars and the downloads that run."""

    def __init__(self) -> None:
        super().__init__()
        self._items: Sequence[LibraryItem] = ()
        self.favourites: frozenset[str] = frozenset()
        self.shares: dict[str, float] = {}
        """How far each running download is, 0 to 1."""

    def show_items(self, items: Sequence[LibraryItem], favourites: frozenset[str]) -> None:
        """Replaces the rows."""
        self.beginResetModel()
        self._items, self.favourites = items, favourites
        self.endResetModel()

    def row_of(self, name: str) -> int:
        """The row of a model; -1 where it is not among them."""
        return next((row for row, item in enumerate(self._items) if item.name == name), -1)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._items)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        item = self._items[index.row()]
        match role:
            case Qt.ItemDataRole.UserRole:
                return item
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return f"{item.title}, {facts_line(item)}"
            case Qt.ItemDataRole.ToolTipRole:
                return item.name
        return None


class RowPainter(QStyledItemDelegate):
    """Paints a model: name and tag, then its numbers; a star at the right."""

    starred = Signal(str)

    def __init__(self, rows: ModelRows, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows = rows

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:
        return QSize(200, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        item: LibraryItem = index.data(ITEM)
        area: QRect = option.rect
        state = option.state
        colors = theme.current()
        selected = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.raised))
            painter.drawRoundedRect(area.adjusted(2, 1, -2, -1), 6, 6)
        if selected:
            painter.setBrush(QColor(colors.accent))
            painter.drawRoundedRect(QRect(area.left() + 2, area.top() + 10, 3, ROW - 20), 1.5, 1.5)
        inside = area.adjusted(UNIT + 4, 5, -STAR - 4, -5)
        self._paint_names(painter, item, inside)
        self._paint_facts(painter, item, inside)
        self._paint_star(painter, area, item.name in self._rows.favourites)
        self._paint_share(painter, inside, self._rows.shares.get(item.name))
        painter.restore()

    def _paint_names(self, painter: QPainter, item: LibraryItem, inside: QRect) -> None:
        colors, font = theme.current(), theme.font()
        painter.setFont(font)
        name, _, tag = item.title.partition(".") if item.source == "timm" else (item.title, "", "")
        metrics = QFontMetrics(font)
        shown = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, inside.width())
        painter.setPen(QColor(colors.text))
        top = QRect(inside.left(), inside.top(), inside.width(), inside.height() // 2)
        painter.drawText(top, Qt.AlignmentFlag.AlignVCenter, shown)
        left = top.adjusted(metrics.horizontalAdvance(shown) + UNIT, 0, 0, 0)
        if tag and left.width() > 40:
            painter.setPen(QColor(colors.quiet))
            shown = metrics.elidedText(tag, Qt.TextElideMode.ElideRight, left.width())
            painter.drawText(left, Qt.AlignmentFlag.AlignVCenter, shown)

    def _paint_facts(self, painter: QPainter, item: LibraryItem, inside: QRect) -> None:
        colors, font = theme.current(), theme.font(-1, numbers=True)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        low = inside.adjusted(0, inside.height() // 2, 0, 0)
        right = have(item)
        painter.setPen(QColor(colors.good if item.on_disk else colors.faint))
        painter.drawText(low, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, right)
        low.setRight(low.right() - metrics.horizontalAdvance(right) - UNIT)
        painter.setPen(QColor(colors.quiet))
        left = metrics.elidedText(facts_line(item), Qt.TextElideMode.ElideRight, low.width())
        painter.drawText(low, Qt.AlignmentFlag.AlignVCenter, left)

    def _paint_star(self, painter: QPainter, area: QRect, on: bool) -> None:
        colors = theme.current()
        painter.setFont(theme.font(2))
        painter.setPen(QColor(colors.accent if on else colors.faint))
        painter.drawText(star_area(area), Qt.AlignmentFlag.AlignCenter, "★" if on else "☆")

    def _paint_share(self, painter: QPainter, inside: QRect, share: float | None) -> None:
        if share is None:
            return
        colors = theme.current()
        painter.setPen(Qt.PenStyle.NoPen)
        line = QRect(inside.left(), inside.bottom() + 2, inside.width(), 2)
        painter.setBrush(QColor(colors.line))
        painter.drawRect(line)
        painter.setBrush(QColor(colors.accent))
        painter.drawRect(QRect(line.left(), line.top(), round(line.width() * share), 2))

    def editorEvent(
        self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: _Index
    ) -> bool:
        """A click on the star."""
        if (
            isinstance(event, QMouseEvent)
            and event.type() == QEvent.Type.MouseButtonRelease
            and star_area(option.rect).contains(event.position().toPoint())
        ):
            self.starred.emit(index.data(ITEM).name)
            return True
        return super().editorEvent(event, model, option, index)


class ModelList(QListView):
    """The list itself: keys and clicks choose, a double click or Enter opens."""

    chosen = Signal(object)
    opened = Signal(object)
    starred = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.rows = ModelRows()
        self._painter = RowPainter(self.rows, self)
        self._painter.starred.connect(self.starred)
        self.setModel(self.rows)
        self.setItemDelegate(self._painter)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumHeight(ROW)
        self.setAccessibleName(_("Models"))
        self.selectionModel().currentChanged.connect(self._changed)
        self.activated.connect(self._activated)

    def show_items(
        self, items: Sequence[LibraryItem], favourites: frozenset[str], keep: str
    ) -> None:
        """Replaces the rows; the one called `keep` stays chosen, else the first is."""
        at = self.indexAt(QPoint(4, 4)).row()
        self.rows.show_items(items, favourites)
        row = self.rows.row_of(keep)
        if items:
            self.setCurrentIndex(self.rows.index(max(row, 0)))
        else:
            self.chosen.emit(None)
        if row >= 0 and at >= 0:
            self.scrollTo(self.rows.index(row), QListView.ScrollHint.EnsureVisible)

    def step(self, by: int) -> None:
        """Goes up or down so many rows."""
        row = min(max(self.currentIndex().row() + by, 0), self.rows.rowCount() - 1)
        self.setCurrentIndex(self.rows.index(row))

    def show_share(self, name: str, share: float | None) -> None:
        """Shows how far a download is; None when none runs."""
        if share is None:
            self.rows.shares.pop(name, None)
        else:
            self.rows.shares[name] = share
        row = self.rows.row_of(name)
        if row >= 0:
            self.update(self.rows.index(row))

    @property
    def current(self) -> LibraryItem | None:
        """The model that is chosen."""
        found: LibraryItem | None = self.currentIndex().data(ITEM)
        return found

    def _changed(self, index: QModelIndex) -> None:
        self.chosen.emit(index.data(ITEM))

    def _activated(self, index: QModelIndex) -> None:
        self.opened.emit(index.data(ITEM))


def star_area(area: QRect) -> QRect:
    """Where a row's star is."""
    return QRect(area.right() - STAR - 2, area.top(), STAR, area.height())
