"""One view on the board: what it shows in words, its canvas, and its buttons."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QEnterEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.data.drawing import Drawing, Message
from vitviz.core.data.geometry import Box
from vitviz.core.language import _
from vitviz.gui.canvas.drawing_widget import DrawingWidget
from vitviz.gui.canvas.message_widget import MessageWidget
from vitviz.gui.figure.drag_out import DragHandle
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.fitting_labels import ElidedLabel, TitleLabel, WrappedLabel
from vitviz.gui.widgets.quiet_button import quiet_button
from vitviz.gui.widgets.theme import UNIT
from vitviz.views import View

MOMENT, STEP = 400, 120
"""Milliseconds for which a drawing of what was there before may stay as it is: of another picture or
model, and of another place or layer.
"""


class ViewCard(QFrame):
    """A view's frame. It sends wishes with its view's name and shows what it is given."""

    hovered = Signal(object, int)
    clicked = Signal(object, int)
    read = Signal(object)
    brushed = Signal(str, object)
    """(view, `BrushedPatch`): somebody paints on it."""
    double_clicked = Signal(str, int)
    zoomed = Signal(str, int, int, object)
    focused = Signal(str)
    wished = Signal(str, str, int)
    """(wish, view, column): "help", "options", "export", "maximise", "column"."""
    grew = Signal()
    """What is said in it needs more room than it had."""

    def __init__(self, view: View, column: int, *, titled: bool = True) -> None:
        super().__init__()
        self.view = view
        self.column = column
        """The number of the column that it shows."""
        self._titled = titled
        self._maximised = False
        self.setObjectName("card")
        self.canvas = DrawingWidget()
        self.canvas.hovered.connect(self._hovered)
        self.canvas.clicked.connect(self._clicked)
        self.canvas.brushed.connect(self._brushed)
        self.canvas.read.connect(self.read)
        self.canvas.double_clicked.connect(self._double_clicked)
        self.canvas.zoomed.connect(self._zoomed)
        self._subtitle, self._caption = ElidedLabel(), ElidedLabel()
        self.canvas.arrange("fitting" if titled else "rows")
        if not titled:  # in a column that is as high as its words need
            self._subtitle, self._caption = WrappedLabel(most=2), WrappedLabel(most=3)
            for words in (self._subtitle, self._caption, self.canvas):
                words.grew.connect(self.grew)
        self._subtitle.setObjectName("quiet")
        self._caption.setObjectName("faint")
        self._caption.setFont(theme.font(-1.5))
        self._buttons: list[QToolButton] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, UNIT, 12, UNIT)
        layout.setSpacing(UNIT - 2)
        self._words = QHBoxLayout()
        layout.addWidget(self._header())
        self._message = MessageWidget()
        self._stack = QStackedLayout()
        layout.addLayout(self._stack, 1)  # first: without a parent its widgets would be windows
        self._stack.addWidget(self._message)
        self._stack.addWidget(self.canvas)
        layout.addWidget(self._caption)
        self._outdated = QTimer(self)
        self._outdated.setSingleShot(True)
        self._outdated.setInterval(MOMENT)
        self._outdated.timeout.connect(self._show_outdated)
        self._due = QTimer(self)
        self._due.setSingleShot(True)
        self._due.setInterval(STEP)
        self._due.timeout.connect(self._veil_drawing)
        self._veil: QLabel | None = None
        self._tools: QFrame | None = None  # made when the mouse first comes: cards come in numbers
        self.setAccessibleName(view.title)
        self.setMinimumSize(160, 150)

    def expect(self) -> None:
        """Another model or picture is there: a drawing of the one before may stay for a moment."""
        if self.drawing is not None and self.view.traces == 1:
            self._outdated.start()

    def _show_outdated(self) -> None:
        self.show_message(_("Drawing {title} …").format(title=self.view.title))

    def expect_newer(self) -> None:
        """Another place or layer is chosen: the drawing of the one before is veiled if it stays."""
        if self.drawing is not None and not self._due.isActive():
            self._due.start()

    def _veil_drawing(self) -> None:
        if self._veil is None:
            self._veil = QLabel(f"Drawing {self.view.title} …", self.canvas)
            self._veil.setObjectName("veil")
            self._veil.setAlignment(Qt.AlignmentFlag.AlignCenter)
            self._veil.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._veil.setGeometry(self.canvas.rect())
        self._veil.raise_()
        self._veil.show()

    def _unveil(self) -> None:
        self._outdated.stop()
        self._due.stop()
        if self._veil is not None:
            self._veil.hide()

    @property
    def veiled(self) -> bool:
        """Whether it says that what is seen is of what was chosen before."""
        return self._veil is not None and not self._veil.isHidden()

    def show_drawing(self, drawing: Drawing) -> None:
        """Shows a new drawing of this view."""
        self._unveil()
        self._subtitle.show_text(drawing.title.removeprefix(self.view.title).lstrip(": "))
        self._caption.show_text(drawing.caption)
        self._caption.setVisible(bool(drawing.caption))
        self.canvas.show_drawing(drawing)
        self._stack.setCurrentWidget(self.canvas)

    def show_message(self, text: str, hint: str = "") -> None:
        """Says why there is nothing to see."""
        self._unveil()
        self._subtitle.show_text("")
        self._caption.setVisible(False)
        self._message.show_message(Message(text, hint))
        self._stack.setCurrentWidget(self._message)

    def words_height(self, width: int) -> int:
        """The height of all but the panels at a width."""
        words = (label.height_at(width) for label in (self._subtitle, self._caption))
        return sum(words) + 2 * UNIT + 2 * (UNIT - 2)

    @property
    def drawing(self) -> Drawing | None:
        """What is to be seen; None while there is only a message."""
        shown = self._stack.currentWidget() is self.canvas
        return self.canvas.drawing if shown else None

    def show_focus(self, on: bool) -> None:
        """Marks the card whose options and help are offered."""
        self.setProperty("focused", "true" if on else "false")
        self.style().unpolish(self)
        self.style().polish(self)

    def show_maximised(self, on: bool) -> None:
        """Says on the button what it will do next."""
        self._maximised = on
        if self._buttons:
            self._buttons[-1].setText("⤡" if on else "⤢")
            self._buttons[-1].setToolTip(_("Back to all views (Esc)") if on else _("Maximise (F)"))

    def restyle(self) -> None:
        """Takes on the theme that is on now."""
        self.canvas.restyle()

    def _header(self) -> QWidget:
        header, layout = DragHandle(self.canvas, self._drawn), self._words
        header.setLayout(layout)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(UNIT)
        if self._titled:
            title = TitleLabel(self.view.title)
            title.setObjectName("title")
            title.setToolTip(self.view.shows)
            layout.addWidget(title)
        layout.addWidget(self._subtitle, 1)
        return header

    def _drawn(self) -> Drawing | None:
        return self.drawing

    def _tool_strip(self) -> QFrame:
        """The buttons, over the header's right end while the mouse is on the card."""
        strip = QFrame(self)
        strip.setObjectName("strip")
        layout = QHBoxLayout(strip)
        layout.setContentsMargins(UNIT, 0, 0, 0)
        layout.setSpacing(0)
        painted = self.view.painted
        paints = (
            ()
            if painted is None
            else (("paint", "✎", _("On the picture: {text}").format(text=painted.text)),)
        )
        for wish, sign, tip in (
            *paints,
            (
                "column",
                "⧉",
                _("This what-if as a column beside the model as it is (Ctrl+Alt+T)"),
            ),
            ("help", "?", _("What this shows, its formula and source (F1)")),
            ("options", "⚙", _("Options of this view")),
            ("export", "⤓", _("Compose a figure of this, and save it (Ctrl+E)")),
            ("maximise", "⤢", _("Maximise (F, or double click)")),
        ):
            layout.addWidget(self._button(wish, sign, tip))
        strip.setVisible(False)
        return strip

    def _button(self, wish: str, sign: str, tip: str) -> QToolButton:
        button = quiet_button(sign, tip, f"{wish} {self.view.title}")
        button.setProperty("wish", wish)
        button.clicked.connect(self._pressed)
        self._buttons.append(button)
        return button

    def _pressed(self) -> None:
        self.focused.emit(self.view.name)
        self.wished.emit(self.sender().property("wish"), self.view.name, self.column)

    def _hovered(self, found: object) -> None:
        self.hovered.emit(found, self.column)

    def _double_clicked(self) -> None:
        self.double_clicked.emit(self.view.name, self.column)

    def _zoomed(self, panel: int, window: Box) -> None:
        self.zoomed.emit(self.view.name, self.column, panel, window)

    def _brushed(self, patch: object) -> None:
        self.focused.emit(self.view.name)
        self.brushed.emit(self.view.name, patch)

    def _clicked(self, found: object) -> None:
        self.focused.emit(self.view.name)
        self.clicked.emit(found, self.column)

    def enterEvent(self, event: QEnterEvent) -> None:
        if self._tools is None:
            self._tools = self._tool_strip()
            self.show_maximised(self._maximised)
        changed = self.drawing is not None and self.drawing.change is not None
        for button in self._buttons:
            if button.property("wish") == "column":
                button.setVisible(changed)
        self._tools.setVisible(True)
        self._place_tools()
        self._tools.raise_()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        if self._tools is not None:
            self._tools.setVisible(False)
            self._place_tools()
        super().leaveEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place_tools()
        super().resizeEvent(event)

    def _place_tools(self) -> None:
        if self._tools is not None:
            size = self._tools.sizeHint()
            left = self.width() - size.width() - 6
            self._tools.setGeometry(left, UNIT - 4, size.width(), size.height())
            # What stands below them ends before them, in an ellipsis.
            covered = 0 if self._tools.isHidden() else size.width() - UNIT
            self._words.setContentsMargins(0, 0, max(covered, 0), 0)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.focused.emit(self.view.name)
        super().mousePressEvent(event)
