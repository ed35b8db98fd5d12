"""What maps of an answer are asked about: a likely class to pick, or a line for any other target."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from vitviz.core.data.prediction import Prediction
from vitviz.core.data.target import HOW, PREDICTED, Target, target_of
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.core.progress import VitvizError
from vitviz.gui.panels.option_form import TextLine
from vitviz.gui.widgets.theme import UNIT

FOLLOWING = N_("Predicted class")
OTHER = N_("Other")


class TargetBox(QWidget):
    """The target of the chosen column; sends wishes, and says why a line cannot be meant."""

    wished = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        heading = QLabel(_("Target"))
        heading.setObjectName("title")
        self.classes, self.line, self.why = QComboBox(), TextLine(), QLabel()
        self.classes.setToolTip(_("The number that maps of an answer explain"))
        self.line.setToolTip(_("Any other target: {how}").format(how=_(HOW)))
        self.line.setPlaceholderText(_("285, cat - dog, feature:17, lens:5"))
        self.why.setObjectName("faint")
        self.why.setWordWrap(True)
        self.why.hide()
        self._offered: tuple[Prediction, ...] = ()
        self.classes.activated.connect(self._picked)
        self.line.wished.connect(self._written)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(UNIT)
        for part in (heading, self.classes, self.line, self.why):
            layout.addWidget(part)
        self.show_target(PREDICTED, None)

    def show_target(self, target: Target, trace: Trace | None) -> None:
        """Shows what is chosen, beside the classes that the model finds likely."""
        predictions = () if trace is None else trace.predictions
        blocker = QSignalBlocker(self.classes)
        if predictions != self._offered or not self.classes.count():
            self._offered = predictions
            self.classes.clear()
            self.classes.addItem(_(FOLLOWING))
            self.classes.addItems([f"{each.name}, {each.share:.0%}" for each in predictions])
            self.classes.addItem(_(OTHER))
        self.classes.setCurrentIndex(self._place_of(target))
        blocker.unblock()
        self.line.show_value("" if self._is_offered(target) else str(target))
        self._say("")

    def _is_offered(self, target: Target) -> bool:
        return self._place_of(target) <= len(self._offered)

    def _place_of(self, target: Target) -> int:
        """Its line among the classes; the last one for what is none of them."""
        if target == PREDICTED:
            return 0
        indices = [each.index for each in self._offered]
        if target == Target("class", index=target.index) and target.index in indices:
            return 1 + indices.index(target.index)
        return len(self._offered) + 1

    def _picked(self, at: int) -> None:
        if at == 0:
            self.wished.emit(PREDICTED)
        elif at <= len(self._offered):
            self.wished.emit(Target("class", index=self._offered[at - 1].index))
        else:
            self.line.setFocus()

    def _written(self, text: str) -> None:
        try:
            target = target_of(text)
        except VitvizError as why:
            self._say(str(why))
            return
        self._say("")
        self.wished.emit(target)

    def _say(self, text: str) -> None:
        self.why.setText(text)
        self.why.setVisible(bool(text))
