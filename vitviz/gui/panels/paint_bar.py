"""The line above the views while somebody paints: what for, in which shape, and the way out."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton

from vitviz.core.language import _
from vitviz.gui.canvas.area_brush import BrushShape
from vitviz.gui.widgets.fitting_labels import ElidedLabel
from vitviz.gui.widgets.theme import UNIT


class PaintBar(QFrame):
    """Sends wishes and shows what it is told."""

    shape_wished = Signal(str)
    clear_wished = Signal()
    mask_wished = Signal()
    done_wished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("notice")
        self._words = ElidedLabel()
        self._shapes: dict[BrushShape, QToolButton] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, UNIT // 2, UNIT, UNIT // 2)
        layout.addWidget(self._words, 1)
        self._shapes["brush"] = self._button(_("Brush"), _("Paint patch by patch"), self._brush)
        self._shapes["rectangle"] = self._button(
            _("Rectangle"), _("Paint all patches of a rectangle"), self._rectangle
        )
        for button in self._shapes.values():
            button.setCheckable(True)
        clear = self._button(_("Clear"), _("Take all that is painted away"), self.clear_wished)
        self._mask = self._button(
            _("Load a mask…"),
            _("A picture that is white where the mark is and black elsewhere"),
            self.mask_wished,
        )
        done = self._button(_("Done"), _("Lay the brush down (Esc)"), self.done_wished)
        for button in (*self._shapes.values(), clear, self._mask, done):
            layout.addWidget(button)
        self.hide()

    def show_painting(self, words: str, shape: BrushShape, *, masks: bool) -> None:
        """Shows what is painted for, in which shape, and whether a file can say it."""
        self._words.show_text(words)
        for name, button in self._shapes.items():
            button.setChecked(name == shape)
        self._mask.setVisible(masks)
        self.show()

    def _brush(self) -> None:
        self.shape_wished.emit("brush")

    def _rectangle(self) -> None:
        self.shape_wished.emit("rectangle")

    def _button(self, words: str, tip: str, act: object) -> QToolButton:
        button = QToolButton()
        button.setObjectName("small")
        button.setText(words)
        button.setToolTip(tip)
        button.setAccessibleName(words)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(act)
        return button
