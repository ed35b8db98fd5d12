"""What pictures are compared with: prompts, for models with a text tower."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QWidget

from vitviz.core.data.said_facts import prompts_of
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.core.progress import VitvizError
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.work.request import ModelRequest

TIP = N_(
    "What the model compares the picture with, in place of classes; semicolons between prompts, "
    "Return to ask, nothing to have the picture's features alone"
)


class PromptLine(QWidget):
    """The prompts of the active column; there only while its model reads words."""

    wished = Signal(tuple)

    def __init__(self) -> None:
        super().__init__()
        self.line, self.why = QLineEdit(), QLabel()
        self.line.setPlaceholderText(_("a red parrot; a rock; a photo of a dog"))
        self.line.setToolTip(_(TIP))
        self.line.setAccessibleName(_("Prompts"))
        self.line.setClearButtonEnabled(True)
        self.line.returnPressed.connect(self._asked)
        self.why.setObjectName("faint")
        label = QLabel(_("Prompts"))
        label.setBuddy(self.line)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(UNIT)
        layout.addWidget(label)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.why)
        self._reads = False
        self._prompts: tuple[str, ...] = ()
        self.hide()

    def show_request(self, request: ModelRequest) -> None:
        """Shows what is asked; what somebody is writing stays."""
        if request.facts.prompts != self._prompts or not self.line.hasFocus():
            self.line.setText("; ".join(request.facts.prompts))
        self._prompts = request.facts.prompts
        self._show()

    def show_trace(self, trace: Trace | None) -> None:
        """Is there for a model that reads words, and for one that was asked and does not."""
        if trace is not None:
            self._reads = trace.model.reads_prompts
        self._show()

    def _show(self) -> None:
        self.setVisible(self._reads or bool(self._prompts))

    def _asked(self) -> None:
        try:
            prompts = prompts_of(self.line.text())
        except VitvizError as error:
            self.why.setText(str(error))
            return
        self.why.setText("")
        if prompts != self._prompts:
            self.wished.emit(prompts)
