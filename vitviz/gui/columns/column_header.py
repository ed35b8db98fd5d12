"""What stands above each column: its model, picture and prediction, and the buttons to change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction, QColor, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.language import ENGLISH, _, current_language
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.fitting_labels import ElidedLabel, WrappedLabel
from vitviz.gui.widgets.quiet_button import quiet_button
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.columns.column import ModelChoice
from vitviz.session.columns.header_text import HeaderText

LONGEST_BADGE = 32
"""Letters of a badge above a column; all of it is in its tooltip."""
ROOMY = 280
"""Pixels of a header that has room for the badge's number, and for picture and prediction in a line."""
LISTED = 40
"""Pictures that the menu lists."""
_DRAG = 12  # pixels before a press on a header is a drag
_MARK = 4  # pixels of the mark where a dragged column lands
Side = Literal["", "left", "right"]


@dataclass(frozen=True, slots=True)
class HeaderOffer:
    """What a column can be changed to: models, and (key, name) of the open pictures."""

    models: tuple[ModelChoice, ...] = ()
    pictures: tuple[tuple[str, str], ...] = ()


class ColumnHeader(QFrame):
    """Says what a column is. Sends wishes with the column's number; keeps no truth."""

    wished = Signal(str, int)
    """What, of which column: "activate", "duplicate", "close", "left", "right", "reference", ..."""
    model_wished = Signal(str, int)
    patch_wished = Signal(int, int)
    picture_wished = Signal(str, int)
    dragged = Signal(int, QPoint)
    """The column is held over this point of the screen."""
    dropped = Signal(int, QPoint)
    """The column was dragged to this point of the screen."""
    grew = Signal()
    """It says more than it has room for."""

    def __init__(self, column: int) -> None:
        super().__init__()
        self.column = column
        self._heading: HeaderText | None = None
        self._offer = HeaderOffer()
        self._pressed: QPoint | None = None
        self._held = False
        self._landing: Side = ""
        self.setObjectName("column")
        middle = Qt.TextElideMode.ElideMiddle  # names of files differ at their ends
        self._title, self._picture = WrappedLabel(most=3, mode=middle), ElidedLabel(mode=middle)
        self._line = WrappedLabel(most=3)
        self._prediction, self._badge = ElidedLabel(), QLabel()
        self._instead = WrappedLabel(most=3)
        self._title.setObjectName("title")
        self._prediction.setObjectName("prediction")
        self._instead.setProperty("state", "bad")
        for quiet in (self._line, self._picture):
            quiet.setObjectName("quiet")
        small = theme.font(-1, numbers=True)
        for label in (self._line, self._picture, self._prediction, self._badge, self._instead):
            label.setFont(small)
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self._fill)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 5, 8, 6)
        layout.setSpacing(2)
        layout.addWidget(self._first())
        layout.addWidget(_row((self._line, 1), (self._badge, 0)))
        self._last = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._last.setSpacing(2)
        self._last.addWidget(self._picture, 1)
        self._last.addWidget(self._prediction, 1)
        layout.addLayout(self._last)
        layout.addWidget(self._instead)
        layout.addStretch()
        self._fit()

    def show_heading(self, heading: HeaderText, offer: HeaderOffer) -> None:
        """Shows what the column is."""
        self._offer = offer
        self._again.setVisible(heading.failed or bool(heading.again))
        self._again.setToolTip(_again_words(heading))
        if heading == self._heading:
            return
        self._heading = heading
        self._title.show_text(heading.title)
        self._title.setToolTip(
            "\n".join(filter(None, [heading.title, heading.model, heading.notes]))
        )
        patch = _("patch {patch}").format(patch=heading.patch) if heading.patch else ""
        patch += _(", resampled") if heading.resampled else ""
        still = _("still showing {still}").format(still=heading.still) if heading.still else ""
        parts = [_("reading …")] if heading.reading else [heading.apart, patch, heading.tokens]
        self._line.show_text(" · ".join(filter(None, [*parts, still])))
        self._picture.show_text(heading.picture)
        label, _unused, share = heading.prediction.rpartition(" ")
        self._prediction.show_text(("≠ " if heading.dissent else "") + label, share)
        answer = ": ".join(filter(None, (heading.prediction, heading.doubt)))
        self._prediction.setToolTip(heading.dissent or answer)
        warned = "\n".join(filter(None, [heading.change, heading.instead]))
        self._instead.show_text(warned)
        self._instead.setVisible(bool(warned))
        self._fit()
        self._badge.setToolTip(heading.tip)
        for widget, name, value in (
            (self, "active", "true" if heading.active else "false"),
            (self._badge, "state", heading.state),
            (self._prediction, "dissent", "true" if heading.dissent else "false"),
        ):
            _set(widget, name, value)
        self.setAccessibleName(
            _("Column {title}, {patch}, {picture}").format(
                title=heading.title, patch=patch, picture=heading.picture
            )
        )
        if self.height_at(self.width()) > self.height():
            self.grew.emit()

    def height_at(self, width: int) -> int:
        """The height that it needs at a width."""
        room = width - 20
        title = self._title.height_at(room - self._buttons.sizeHint().width() - 4)
        badge = self._badge.fontMetrics().horizontalAdvance(self._badge_words(width))
        lines = [self._line.height_at(room - badge - 4)]
        lines += [self._picture.height_at(room)] * (1 if width >= ROOMY else 2)
        lines += [self._instead.height_at(room)] if self._instead.text() else []
        return max(title, self._buttons.sizeHint().height()) + sum(lines) + 2 * len(lines) + 14

    def _fit(self) -> None:
        """The whole badge, and picture and prediction beside each other, where there is room."""
        roomy = self.width() >= ROOMY
        self._badge.setText(self._badge_words(self.width()))
        ways = QBoxLayout.Direction
        self._last.setDirection(ways.LeftToRight if roomy else ways.TopToBottom)
        sides = Qt.AlignmentFlag
        self._prediction.setAlignment(sides.AlignRight if roomy else sides.AlignLeft)
        self._prediction.setVisible(roomy or bool(self._prediction.text()))

    def _badge_words(self, width: int) -> str:
        """All of the badge where there is room: in a wide header, or where its line says nothing."""
        words = "" if self._heading is None or self._heading.reading else self._heading.badge
        if width < ROOMY and self._line.text():
            return words[:1]
        return words if len(words) <= LONGEST_BADGE else f"{words[: LONGEST_BADGE - 1]}…"

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()
        super().resizeEvent(event)

    def _first(self) -> QWidget:
        self._again = self._button("↻", "again", _("Read again"))
        self._again.hide()
        copy = self._button("+", "duplicate", _("The same once more, to change one thing"))
        more = _quiet("⋯", _("Another model, patch size or picture; move this column"))
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        more.setMenu(self._menu)
        self._close = self._button("✕", "close", _("Close this column (Ctrl+Z brings it back)"))
        self._buttons = _row((self._again, 0), (copy, 0), (more, 0), (self._close, 0))
        return _row((self._title, 1), (self._buttons, 0))

    def _button(self, sign: str, wish: str, tip: str) -> QToolButton:
        button = _quiet(sign, tip)
        button.setAccessibleName(f"{wish} column" if current_language() == ENGLISH else tip)
        button.clicked.connect(lambda: self.wished.emit(wish, self.column))
        return button

    def _fill(self) -> None:
        menu, heading = self._menu, self._heading
        menu.clear()
        for old in menu.findChildren(QMenu):  # clearing leaves them
            old.deleteLater()
        if heading is None:
            return
        models = menu.addMenu(_("Model"))
        for choice in self._offer.models:
            action = _choice(models, choice.title, choice.name, choice.name == heading.model)
            action.triggered.connect(self._model_chosen)
        models.addSeparator()
        self._wish(models, _("Model library…"), "find")
        self._wish(models, _("Open checkpoint file…"), "checkpoint")
        self._fill_patches(menu, heading)
        self._wish(menu, _("Patch size lab…"), "lab")
        pictures = menu.addMenu(_("Picture"))
        pictures.setEnabled(bool(self._offer.pictures))
        for key, name in _near(self._offer.pictures, heading.key):
            action = _choice(pictures, name, key, key == heading.key)
            action.triggered.connect(self._picture_chosen)
        menu.addSeparator()
        self._wish(menu, _("Compose a figure of it…"), "compose")
        self._wish(menu, _("Duplicate"), "duplicate")
        if heading.change:
            self._wish(menu, _("As it is, without the what-if"), "unchanged")
        self._wish(menu, _("Move left"), "left")
        self._wish(menu, _("Move right"), "right")
        self._wish(menu, _("Compare the others with this"), "reference").setEnabled(
            not heading.reference
        )
        menu.addSeparator()
        self._wish(menu, _("Stop reading"), "stop").setEnabled(heading.reading)
        again = self._wish(menu, _again_words(heading), "again")
        again.setEnabled(heading.failed or bool(heading.again))
        self._wish(menu, _("Close column"), "close")

    def _fill_patches(self, menu: QMenu, heading: HeaderText) -> None:
        choice = next((c for c in self._offer.models if c.name == heading.model), None)
        if choice is None or len(choice.patch_sizes) < 2:
            return
        sizes = menu.addMenu(_("Patch size"))
        for size in choice.patch_sizes:
            action = _choice(
                sizes, _("{size} pixels").format(size=size), size, size == heading.patch
            )
            action.triggered.connect(self._patch_chosen)

    def _wish(self, menu: QMenu, words: str, wish: str) -> QAction:
        action = menu.addAction(words)
        action.triggered.connect(lambda: self.wished.emit(wish, self.column))
        return action

    def _model_chosen(self) -> None:
        self.model_wished.emit(cast(QAction, self.sender()).data(), self.column)

    def _patch_chosen(self) -> None:
        self.patch_wished.emit(cast(QAction, self.sender()).data(), self.column)

    def _picture_chosen(self) -> None:
        self.picture_wished.emit(cast(QAction, self.sender()).data(), self.column)

    def show_landing(self, side: Side) -> None:
        """Marks the side on which a dragged column will land, "" none."""
        if side != self._landing:
            self._landing = side
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._landing:
            left = 0 if self._landing == "left" else self.width() - _MARK
            painter = QPainter(self)
            painter.fillRect(left, 0, _MARK, self.height(), QColor(theme.current().accent))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed, self._held = event.globalPosition().toPoint(), False
        self.wished.emit("activate", self.column)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = event.globalPosition().toPoint()
        if self._pressed is None:
            return
        if not self._held and (point - self._pressed).manhattanLength() > _DRAG:
            self._held = True
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        if self._held:
            self.dragged.emit(self.column, point)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._held:
            self.dropped.emit(self.column, event.globalPosition().toPoint())
        self._pressed, self._held = None, False
        self.unsetCursor()


class HeaderStrip(QWidget):
    """All headers side by side, each as wide as its column."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(UNIT)

    def place(self, headers: Sequence[ColumnHeader]) -> None:
        """Puts the headers in order."""
        for at, header in enumerate(headers):
            if self._layout.indexOf(header) != at:
                self._layout.insertWidget(at, header, 1)
            header.show()

    def show_gap(self, right: int) -> None:
        """Leaves room at the right, as a scroll bar does below."""
        self._layout.setContentsMargins(0, 0, right, 0)


def _near(pictures: Sequence[tuple[str, str]], key: str | None) -> Sequence[tuple[str, str]]:
    """The pictures around one of them, as many as a menu can list; the film strip has all."""
    at = next((at for at, (other, _name) in enumerate(pictures) if other == key), 0)
    first = max(0, min(at - LISTED // 2, len(pictures) - LISTED))
    return pictures[first : first + LISTED]


def _row(*widgets: tuple[QWidget, int]) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget, stretch in widgets:
        layout.addWidget(widget, stretch)
    return row


def _quiet(sign: str, tip: str) -> QToolButton:
    button = quiet_button(sign, tip)
    button.setFixedWidth(24)
    return button


def _again_words(heading: HeaderText) -> str:
    """What reading again means: a model's name where another one is shown instead of it."""
    return (
        _("Read {again} again").format(again=heading.again)
        if heading.again and not heading.failed
        else _("Read again")
    )


def _choice(menu: QMenu, words: str, data: object, chosen: bool) -> QAction:
    action = menu.addAction(words)
    action.setData(data)
    action.setCheckable(True)
    action.setChecked(chosen)
    return action


def _set(widget: QWidget, name: str, value: str) -> None:
    """A property that the style sheet looks at; styles are made anew only when it changes."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
