"""What is assumed of a model that has a name and no file, and the fields where it can be said."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

from vitviz.core.data.evidence import assumed
from vitviz.core.data.trace import ModelInfo
from vitviz.core.data.weight_files import is_in_memory
from vitviz.core.language import N_, _
from vitviz.core.pictures.likely_preparations import Preparation, PreparationAnswer
from vitviz.gui.models.preparation_table import PreparationTable
from vitviz.gui.models.said_fields import WRONG, SaidFields
from vitviz.gui.widgets import theme
from vitviz.session.files.confirmed_models import ConfirmedModel, confirmed_of
from vitviz.session.work.request import ModelRequest

_IN_MEMORY = N_(
    "It is a model in memory, which stays as it is: say it to vitviz.load, with transform= for its "
    "preparation, classes= and prefix=, and call vitviz.show again."
)


class NamedModelDialog(QDialog):
    """Takes a preparation, a picture size and classes for a model that is shown."""

    confirmed = Signal(ConfirmedModel)
    tried = Signal(ConfirmedModel)
    """Nobody knows how its pictures are prepared: the likely ways are to be tried."""

    def __init__(self, parent: QWidget, request: ModelRequest, info: ModelInfo) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("What is known of this model"))
        self.resize(660, 240)
        self._info, self._said, self._architecture = (
            info,
            confirmed_of(request),
            request.architecture,
        )
        name, self.known = QLabel(info.called), QLabel(_known(info))
        name.setObjectName("hero")
        name.setFont(theme.font(3, bold=True))
        self.known.setTextFormat(Qt.TextFormat.RichText)
        for label in (name, self.known):
            label.setWordWrap(True)
        self.said = SaidFields(file=False)
        self.said.show_said(self._said)
        self.said.entered.connect(self.accept)
        self.preparations = PreparationTable()
        self.preparations.chosen.connect(self._prepared)
        self.wrong = QLabel()
        self.wrong.setObjectName("bad")
        self.wrong.setWordWrap(True)
        self.wrong.setVisible(False)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setAutoDefault(False)
        self.apply = QPushButton(_("Apply"))
        self.buttons.addButton(self.apply, QDialogButtonBox.ButtonRole.AcceptRole)
        self.apply.setDefault(True)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        for widget in (name, self.known, self.said, self.preparations, self.wrong):
            layout.addWidget(widget)
        layout.addStretch(0)
        layout.addWidget(self.buttons)
        if is_in_memory(request.name):
            self.said.setVisible(False)
            self.apply.setVisible(False)
            self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setText(_("Close"))
            self.wrong.setObjectName("quiet")
            self._say(_(_IN_MEMORY))

    def try_preparations(self) -> None:
        """Asks for what is predicted with each likely preparation, where nobody knows which it was."""
        guesses = assumed(self._info.evidence)
        if self.apply.isVisibleTo(self) and any(each.fact == "mean and std" for each in guesses):
            self.preparations.show_waiting(_("Trying how its pictures may have been prepared …"))
            self.tried.emit(self._said)

    def show_preparations(
        self, answers: Sequence[PreparationAnswer], pictures: Sequence[str]
    ) -> None:
        """What is predicted of pictures, by their names, in each likely preparation."""
        self.preparations.show_answers(answers, pictures)

    def accept(self) -> None:
        """Sends what the fields say."""
        try:
            said = self.said.said
        except ValueError:
            self._say(_(WRONG))
            return
        facts = replace(
            said.facts,
            num_heads=self._said.facts.num_heads,
            window_size=self._said.facts.window_size,
        )
        self.confirmed.emit(replace(said, architecture=self._architecture or "", facts=facts))
        super().accept()

    def _prepared(self, way: Preparation) -> None:
        self.said.take_preparation(way)

    def _say(self, words: str) -> None:
        self.wrong.setText(words)
        self.wrong.setVisible(True)


def _known(info: ModelInfo) -> str:
    """Each fact with how it is known, what is assumed first and in amber."""
    lines = []
    for each in sorted(info.evidence, key=lambda one: one.certainty != "assumed"):
        colour = theme.current().assumed if each.certainty == "assumed" else theme.current().quiet
        because = f" ({html.escape(each.because)})" if each.because else ""
        lines.append(
            f"<span style='color:{colour}'>{html.escape(each.fact)} {each.certainty}: "
            f"{html.escape(each.value)}{because}</span>"
        )
    if info.weights == "partly loaded":
        lines += [f"<span>{html.escape(note)}</span>" for note in info.notes]
    return "<br>".join(lines)
