"""The headers of all columns: each comes and goes with its column, and what it wishes is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QWidget

from vitviz.gui.columns.column_header import ColumnHeader, HeaderOffer
from vitviz.gui.models.patch_size_window import PatchSizeWindow
from vitviz.gui.panels.notices import NoticeStack
from vitviz.session.columns.columns import LiveColumn
from vitviz.session.columns.header_text import headings
from vitviz.session.session import Session


class ColumnHeaders(QObject):
    """Keeps a header for every column of the session.

    `wished` is an action, by its name; `grew` tells that a header needs another height, `read_again`
    that what stood where a column's views would be holds no more.
    """

    wished = Signal(str)
    grew = Signal()
    read_again = Signal()

    def __init__(self, parent: QWidget, session: Session, notices: NoticeStack) -> None:
        super().__init__(parent)
        self._parent, self._session, self._notices = parent, session, notices
        self._headers: dict[int, ColumnHeader] = {}

    def __getitem__(self, column: int) -> ColumnHeader:
        return self._headers[column]

    def __iter__(self) -> Iterator[int]:
        return iter(self._headers)

    @property
    def all(self) -> list[ColumnHeader]:
        """The headers, in the order of their columns."""
        return [self._headers[live.id] for live in self._session.columns]

    @property
    def gone(self) -> set[int]:
        """The columns that have a header still and are closed."""
        return set(self._headers) - {live.id for live in self._session.columns}

    def follow(self) -> None:
        """Makes the headers of columns that came, and lets those of closed ones go."""
        for column in self.gone:
            header = self._headers.pop(column)
            header.hide()  # it lives until the event loop turns
            header.deleteLater()
        for live in self._session.columns:
            if live.id not in self._headers:
                self._headers[live.id] = self._made(live.id)

    def show(self) -> None:
        """Says above every column what it is; a column alone has no header."""
        session, columns = self._session, self._session.columns
        if len(columns) == 1:
            return
        models, pictures = session.models(), session.pictures.open
        offer = HeaderOffer(models, tuple((picture.key, picture.name) for picture in pictures))
        titles = {model.name: model.title for model in models}
        active, reference = columns.active.id, columns.reference.id
        for heading in headings(list(columns), active, reference, pictures, titles, columns.links):
            header = self._headers.get(heading.column)
            if header is not None:
                header.show_heading(heading, offer)

    def wish(self, wish: str, column: int) -> None:
        """What the buttons and the menu of a header send."""
        columns = self._session.columns
        match wish:
            case "activate":
                columns.activate(column)
            case "duplicate":
                self._activate(columns.duplicate(column))
            case "unchanged":
                live = columns.find(column)
                if live is not None:
                    columns.use_model(replace(live.column.model, change=None), column)
            case "close":
                columns.close(column)
            case "left" | "right":
                by = -1 if wish == "left" else 1
                columns.move(column, min(max(columns.index(column) + by, 0), len(columns) - 1))
            case "stop":
                columns.stop_column(column)
            case "again":
                self._notices.settle(column)
                columns.read_again(column)
                self.show()
                self.read_again.emit()
            case "reference":
                columns.refer_to(column)
            case "lab":
                PatchSizeWindow(self._parent, self._session, column).begin()
            case "compose":
                columns.activate(column)
                self.wished.emit("compose_column")
            case "find":
                columns.activate(column)
                self.wished.emit("find_model")
            case "checkpoint":
                columns.activate(column)
                self.wished.emit("open_model")

    def add_whatif(self) -> bool:
        """The active column's what-if as a column beside it; False where nothing is changed."""
        columns = self._session.columns
        own, drawing = columns.active, columns.active.drawings.latest.get("whatif")
        if drawing is None or drawing.change is None:
            self._notices.say(
                ["nothing is changed yet; change something in the view What if first"]
            )
            return False
        column = replace(own.column, model=replace(own.column.model, change=drawing.change))
        self._activate(columns.add(column, own.selection, columns.index(own.id) + 1))
        return True

    def _activate(self, live: LiveColumn | None) -> None:
        """What has just come is what the next change is about."""
        if live is not None:
            self._session.columns.activate(live.id)

    def _made(self, column: int) -> ColumnHeader:
        header = ColumnHeader(column)
        header.wished.connect(self.wish)
        header.model_wished.connect(self._model_wished)
        header.patch_wished.connect(self._patch_wished)
        header.picture_wished.connect(self._session.columns.show)
        header.dragged.connect(self._dragged)
        header.dropped.connect(self._dropped)
        header.grew.connect(self.grew)
        return header

    def _model_wished(self, name: str, column: int) -> None:
        live = self._session.columns.find(column)
        if live is not None:
            wished = replace(
                live.column.model,
                name=name,
                patch_size=None,
                input_size=None,
                architecture=None,
                pretrained=True,
                change=None,
            )
            self._session.columns.use_model(wished, column)

    def _patch_wished(self, size: int, column: int) -> None:
        live = self._session.columns.find(column)
        if live is not None:
            self._session.columns.use_model(replace(live.column.model, patch_size=size), column)

    def _dragged(self, column: int, point: QPoint) -> None:
        """Marks where the column that is held would land."""
        at, start = self._landing(point), self._session.columns.index(column)
        for index, header in enumerate(self.all):
            there = index == at != start
            header.show_landing(("left" if at < start else "right") if there else "")

    def _dropped(self, column: int, point: QPoint) -> None:
        at = self._landing(point)
        for header in self.all:
            header.show_landing("")
        self._session.columns.move(column, at)

    def _landing(self, point: QPoint) -> int:
        """The position of the column whose header is nearest to a point of the screen."""

        def away(header: ColumnHeader) -> int:
            return (header.mapToGlobal(header.rect().center()) - point).manhattanLength()

        return self.all.index(min(self.all, key=away))
