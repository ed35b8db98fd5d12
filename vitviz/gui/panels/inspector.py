"""The inspector: the token under the cursor, the options of the view in focus, the look of the maps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.gui.canvas.qimages import image_of
from vitviz.gui.panels.option_form import OptionForm
from vitviz.gui.panels.target_box import TargetBox
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.key_guard import leave_focus
from vitviz.gui.widgets.theme import UNIT
from vitviz.views import View
from vitviz.views.options import Look, Option, OptionValue, options_of

PATCH_SIDE = 88


class TokenBox(QWidget):
    """The token that the views are drawn for: its name, its place, its patch enlarged."""

    def __init__(self) -> None:
        super().__init__()
        self._name, self._patch = QLabel(), QLabel()
        self._name.setObjectName("hero")
        self._name.setFont(theme.font(5, bold=True, numbers=True))
        self._patch.setFixedSize(PATCH_SIDE, PATCH_SIDE)
        self._patch.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._lines = QLabel()
        self._lines.setObjectName("quiet")
        self._lines.setFont(theme.font(-1, numbers=True))
        self._lines.setWordWrap(True)
        self._lines.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._lines.setMinimumHeight(PATCH_SIDE)
        beside = QHBoxLayout()
        beside.setSpacing(12)
        beside.addWidget(self._patch, 0, Qt.AlignmentFlag.AlignTop)
        beside.addWidget(self._lines, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._name)
        layout.addLayout(beside)
        self._shown: tuple[int, int, int | None, str] | None = None

    def show_token(self, trace: Trace, selection: Selection) -> None:
        """Shows the hovered token, else the pinned one."""
        token = selection.token(trace.grid, trace.crop)
        word = selection.word(trace.grid, trace.crop)
        values = _values(trace, selection)
        if self._shown == (id(trace), token, word, values):
            return
        self._shown = (id(trace), token, word, values)
        place, box = trace.grid.place(token), trace.grid.box(token)
        if place is None or box is None:
            self._name.setText(_("{name} token").format(name=trace.grid.name(token).capitalize()))
            self._patch.setText(_("no patch"))
            self._lines.setText(
                _(
                    "token {token} of {tokens}\nA learned vector put in front of the "
                    "patches; it covers no pixels."
                ).format(token=token, tokens=trace.grid.tokens)
            )
            return
        original = trace.crop.box_to_original(box)
        self._name.setText(_("Token ({row}, {col})").format(row=place[0], col=place[1]))
        self._lines.setText(
            _(
                "token {token} of {tokens}\nrow {row}, column {col}\n{word}patch "
                "{height:g} × {width:g} px\nin the picture:\nrows {top:.0f} to "
                "{bottom:.0f}\ncols {left:.0f} to {right:.0f}{values}"
            ).format(
                token=token,
                tokens=trace.grid.tokens,
                row=place[0],
                col=place[1],
                word=_word(trace.grid, word),
                height=box.height,
                width=box.width,
                top=original.top,
                bottom=original.bottom,
                left=original.left,
                right=original.right,
                values=values,
            )
        )
        rows, cols = slice(int(box.top), int(box.bottom)), slice(int(box.left), int(box.right))
        pixels = np.ascontiguousarray(trace.pixels[rows, cols])
        self._patch.setPixmap(
            QPixmap.fromImage(image_of(pixels)).scaled(
                PATCH_SIDE,
                PATCH_SIDE,
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.FastTransformation,
            )
        )

    def show_nothing(self) -> None:
        """No picture has been read yet."""
        self._shown = None
        self._name.setText(_("No token yet"))
        self._lines.setText(_("Point at a patch to see it here."))
        self._patch.clear()


class InspectorPanel(QFrame):
    """Token, options of the view in focus, look. Sends wishes; keeps no values."""

    option_wished = Signal(str, str, object)
    look_wished = Signal(str, object)
    reset_wished = Signal(str)
    look_reset_wished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("side")
        self.token = TokenBox()
        self.token.show_nothing()
        self.target = TargetBox()
        self.target.hide()  # until a view is in focus that follows it
        self._view_title = QLabel(_("Options"))
        self._view_title.setObjectName("title")
        self._view_title.setWordWrap(True)
        self._reset = QPushButton(_("Reset"))
        self._reset.setToolTip(_("Back to this view's defaults"))
        self._reset.clicked.connect(self._reset_pressed)
        self._form: OptionForm | None = None
        self._view, self._has_words = "", False
        self._own: tuple[Option, ...] = ()
        self._maps = _look_options()
        self._holder = QVBoxLayout()
        self._look_reset = QPushButton(_("Reset"))
        self.look = OptionForm(self._maps, self._look_changed)
        self._nothing = QLabel(_("This view has no options of its own."))
        self._nothing.setObjectName("faint")
        self._nothing.setWordWrap(True)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(12, UNIT, 12, UNIT)
        layout.setSpacing(UNIT)
        heading = QHBoxLayout()
        heading.addWidget(self._view_title, 1)
        heading.addWidget(self._reset)
        layout.addWidget(self.token)
        layout.addWidget(_rule())
        layout.addLayout(heading)
        layout.addWidget(self.target)
        layout.addWidget(self._nothing)
        layout.addLayout(self._holder)
        self._coloured = self._look_box()
        layout.addWidget(self._coloured)
        layout.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self.setMinimumWidth(224)

    def _look_box(self) -> QWidget:
        """How maps are coloured, with its heading."""
        box, name, again = QWidget(), QLabel(_("Maps")), self._look_reset
        name.setObjectName("title")
        again.setToolTip(_("Back to the usual colours and range"))
        again.clicked.connect(self.look_reset_wished)
        heading = QHBoxLayout()
        heading.addWidget(name, 1)
        heading.addWidget(again)
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(UNIT)
        layout.addWidget(_rule())
        layout.addLayout(heading)
        layout.addWidget(self.look)
        return box

    def show_view(self, view: View, values: Mapping[str, OptionValue]) -> None:
        """Offers a view's own options; below them the look of maps in all views, if it draws one."""
        own = tuple(option for option in view.options if option.group != "look")
        coloured = tuple(option for option in view.options if option.group == "look")
        self._maps = coloured or _look_options()
        self._coloured.setVisible(bool(coloured))
        if self._form is not None:
            self._holder.removeWidget(self._form)
            self._form.hide()  # it lives until the event loop turns
            self._form.deleteLater()
        self._view = view.name
        self._view_title.setText(view.title)
        self._form = OptionForm(own, self._option_changed)
        self._form.show_values(values)
        self._own = own
        self._show_offers(values)
        leave_focus(self._form)
        leave_focus(self.target)
        self.target.setVisible("target" in view.follows)
        self._form.setVisible(bool(own))
        self._nothing.setVisible(not own)
        self._reset.setVisible(bool(own))
        self._holder.addWidget(self._form)
        # The form is newer than what stands below it, which Tab would go through first.
        for before, after in pairwise((self._reset, *self._form.stops, self._look_reset)):
            QWidget.setTabOrder(before, after)

    def show_values(self, view: View, values: Mapping[str, OptionValue]) -> None:
        """Shows the values of the view in focus after they have changed."""
        if self._form is not None and view.name == self._view:
            defaults = {option.name: option.default for option in view.options}
            self._form.show_values({**defaults, **values})
            self._show_offers(values)

    def show_trace(self, trace: Trace, values: Mapping[str, OptionValue]) -> None:
        """Offers what this trace has; `values` are those of the view in focus."""
        self._has_words = trace.words is not None
        self._show_offers(values)

    def _show_offers(self, values: Mapping[str, OptionValue]) -> None:
        """An option that nothing here answers is offered only to be taken back."""
        if self._form is None:
            return
        for option in self._own:
            if option.needs:
                set_already = values.get(option.name, option.default) != option.default
                self._form.show_offer(option.name, self._has_words or set_already)

    def show_implied(self, view: str, drawing: Drawing | None) -> None:
        """Shows what lines of the view in focus stand for while they are empty."""
        if self._form is not None and drawing is not None and view == self._view:
            self._form.show_implied(dict(drawing.implied))

    def show_look(self, look: Look, chosen: Collection[str]) -> None:
        """Shows how the maps of the view in focus are coloured: as chosen, else as it has them."""
        values = {
            option.name: getattr(look, option.name) if option.name in chosen else option.default
            for option in self._maps
        }
        self.look.show_values(values)
        for name in ("low", "high"):
            if name in self.look.fields:  # a view has those of its own look
                self.look.fields[name].setEnabled(values.get("range") == "fixed")

    def _option_changed(self, name: str, value: OptionValue) -> None:
        self.option_wished.emit(self._view, name, value)

    def _look_changed(self, name: str, value: OptionValue) -> None:
        self.look_wished.emit(name, value)

    def _reset_pressed(self) -> None:
        self.reset_wished.emit(self._view)


def _values(trace: Trace, selection: Selection) -> str:
    """What the pixel under the cursor, else the pinned one, was before it became 8 bits, in a line."""
    place = selection.pin if selection.hover is None else selection.hover
    if trace.picture.values is None or place.spot is None:
        return ""
    row, col = int(place.spot.row), int(place.spot.col)
    rows, cols = trace.picture.pixels.shape[:2]
    if not (0 <= row < rows and 0 <= col < cols):
        return ""
    return _("\nvalue {value}").format(value=trace.picture.values.at(row, col))


def _word(grid: TokenGrid, word: int | None) -> str:
    """The word under the cursor, in a line; nothing where patches are not divided."""
    if word is None or grid.words is None:
        return ""
    rows, cols = grid.words
    return _("word {word} of {rows} × {cols}\n").format(
        word=divmod(word, cols), rows=rows, cols=cols
    )


def _look_options() -> tuple[Option, ...]:
    def probe(*, look: Look = Look()) -> None:
        """Only its signature is read."""

    return options_of(probe)


def _rule() -> QFrame:
    rule = QFrame()
    rule.setObjectName("rule")
    return rule
