"""Forms made from options: what a view can be asked for becomes sliders, switches and choices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSlider,
    QSpinBox,
    QWidget,
)

from vitviz.core.language import _
from vitviz.gui.widgets.theme import UNIT
from vitviz.views.options import Option, OptionValue

OptionWish = Callable[[str, OptionValue], None]
BESIDE = 112
"""Pixels of a choice's words that fit into a box beside its label."""


class OptionForm(QWidget):
    """A form over options: sends every change as a wish, shows the values it is told."""

    def __init__(self, options: Iterable[Option], wish: OptionWish) -> None:
        super().__init__()
        self._wish = wish
        self._setters: dict[str, Callable[[OptionValue], None]] = {}
        self.fields: dict[str, QWidget] = {}
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(UNIT)
        layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for option in options:
            field = self._field(option)
            field.setToolTip(option.text)
            self.fields[option.name] = field
            for widget in (field, *field.findChildren(QWidget)):
                widget.installEventFilter(self)
                widget.setAccessibleName(option.label.capitalize())
            if option.kind == "switch":
                layout.addRow(field)
                continue
            if option.kind == "text" or self._is_long(option):  # words want the whole width
                layout.addRow(self._label(option, field))
                layout.addRow(field)
                continue
            label = self._label(option, field)
            label.setMinimumHeight(30)
            label.setMinimumWidth(64)
            layout.addRow(label, field)

    def _is_long(self, option: Option) -> bool:
        """Whether a choice has words that would be cut in a box beside its label."""
        metrics = self.fontMetrics()
        return any(metrics.horizontalAdvance(_(choice)) > BESIDE for choice in option.choices)

    def _label(self, option: Option, field: QWidget) -> QLabel:
        label = QLabel(option.label.capitalize())
        label.setObjectName("quiet")
        label.setToolTip(option.text)
        label.setBuddy(field)
        return label

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The wheel scrolls past a form: it changes only what was given the focus."""
        wheel = event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget)
        if wheel and not cast(QWidget, watched).hasFocus():
            event.ignore()
            return True
        return False

    @property
    def stops(self) -> list[QWidget]:
        """What Tab goes through, as it stands on the form (lists that fold out are windows)."""
        return [
            widget
            for field in self.fields.values()
            for widget in (field, *field.findChildren(QWidget))
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            and widget.focusProxy() is None
            and widget.window() is self.window()
        ]

    def show_values(self, values: Mapping[str, OptionValue]) -> None:
        """Shows values without sending them as wishes."""
        for name, value in values.items():
            if name in self._setters:
                self._setters[name](value)

    def show_implied(self, values: Mapping[str, str]) -> None:
        """Shows what lines that are left empty stand for."""
        for name, text in values.items():
            if isinstance(line := self.fields.get(name), TextLine):
                line.show_implied(text)

    def show_offer(self, name: str, offered: bool) -> None:
        """Offers an option, or leaves it out."""
        layout = cast(QFormLayout, self.layout())
        layout.setRowVisible(self.fields[name], offered)

    def _field(self, option: Option) -> QWidget:
        match option.kind:
            case "choice":
                return self._choice(option)
            case "switch":
                return self._switch(option)
            case "number" if option.low is not None and option.high is not None:
                return self._slider(option)
            case "number":
                return self._spin(option, QDoubleSpinBox())
            case "integer":
                return self._spin(option, QSpinBox())
            case "text":
                return self._text(option)

    def _choice(self, option: Option) -> QWidget:
        box = QComboBox()
        for choice in option.choices:
            box.addItem(_(choice), choice)
        # A long choice is cut in the box and whole in its list: the form keeps to its column.
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(8)
        box.view().setMinimumWidth(box.view().sizeHintForColumn(0) + 2 * UNIT)
        self._setters[option.name] = lambda value: _quietly(
            box, lambda: box.setCurrentIndex(max(box.findData(str(value)), 0))
        )
        self._setters[option.name](option.default)
        box.currentIndexChanged.connect(lambda _at: self._wish(option.name, box.currentData()))
        return box

    def _switch(self, option: Option) -> QWidget:
        box = QCheckBox(option.label.capitalize())
        self._setters[option.name] = lambda value: _quietly(
            box, lambda: box.setChecked(bool(value))
        )
        self._setters[option.name](option.default)
        box.toggled.connect(lambda on: self._wish(option.name, on))
        return box

    def _slider(self, option: Option) -> QWidget:
        low, high = option.low or 0.0, option.high or 1.0
        step = option.step or (high - low) / 100
        holder, slider, spin = QWidget(), QSlider(Qt.Orientation.Horizontal), QDoubleSpinBox()
        spin.setRange(low, high)
        spin.setSingleStep(step)
        spin.setDecimals(max(len(f"{step:.6f}".rstrip("0").partition(".")[2]), 1))
        spin.setFixedWidth(58)
        slider.setRange(0, round((high - low) / step))
        layout = QHBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(slider, 1)
        layout.addWidget(spin)
        holder.setFocusProxy(slider)

        def show(value: OptionValue) -> None:
            amount = float(value or 0)
            _quietly(spin, lambda: spin.setValue(amount))
            _quietly(slider, lambda: slider.setValue(round((amount - low) / step)))

        def slid(position: int) -> None:
            amount = low + position * step
            _quietly(spin, lambda: spin.setValue(amount))
            self._wish(option.name, round(amount, 6))

        def typed(amount: float) -> None:
            _quietly(slider, lambda: slider.setValue(round((amount - low) / step)))
            self._wish(option.name, amount)

        self._setters[option.name] = show
        show(option.default)
        slider.valueChanged.connect(slid)
        spin.valueChanged.connect(typed)
        return holder

    def _spin(self, option: Option, box: QSpinBox | QDoubleSpinBox) -> QWidget:
        whole = isinstance(box, QSpinBox)
        low, high = option.low or 0, option.high if option.high is not None else 999
        box.setRange(int(low), int(high))

        def show(value: OptionValue) -> None:
            amount = float(value or 0)
            _quietly(box, lambda: box.setValue(int(amount) if whole else amount))  # type: ignore[arg-type]

        self._setters[option.name] = show
        show(option.default)
        box.valueChanged.connect(lambda value: self._wish(option.name, value))
        return box

    def _text(self, option: Option) -> QWidget:
        line = TextLine()
        self._setters[option.name] = lambda value: line.show_value(str(value or ""))
        self._setters[option.name](option.default)
        line.wished.connect(lambda text: self._wish(option.name, text))
        return line


class TextLine(QLineEdit):
    """A line of text. Left empty it stands for something, which it shows, and offers to be changed to
    whoever goes into it.
    """

    wished = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setClearButtonEnabled(True)
        self.editingFinished.connect(self._finished)
        self._sent = ""

    def show_value(self, text: str) -> None:
        """Shows a value without wishing for it; what somebody is writing is not touched."""
        self._sent = text
        if not (self.hasFocus() and self.isModified()):
            self.setText(text)
            self.setCursorPosition(0)

    def show_implied(self, text: str) -> None:
        """Shows what stands here while nothing is written."""
        self.setPlaceholderText(text)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Offers what is implied to be changed."""
        super().focusInEvent(event)
        if not self.text():
            self.setText(self.placeholderText())

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Leaves the line empty again where what is implied was not changed."""
        super().focusOutEvent(event)
        if not self._sent and self.text() == self.placeholderText():
            self.clear()
        self.setCursorPosition(0)

    def _finished(self) -> None:
        text = "" if self.text() == self.placeholderText() else self.text()
        self.setModified(False)
        if text != self._sent:
            self._sent = text
            self.wished.emit(text)


def _quietly(widget: QWidget, change: Callable[[], None]) -> None:
    blocker = QSignalBlocker(widget)
    change()
    blocker.unblock()
