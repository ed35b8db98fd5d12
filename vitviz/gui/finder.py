"""Finds a model by name, among all that timm knows and the bundled ones; with or without weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from vitviz.session.column import ModelRequest


class Finder(QDialog):
    """Asks for a model's name; completes it once the names are known."""

    requested = Signal(object)

    def __init__(self, parent: QWidget, request: ModelRequest) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Find a model")
        self.setMinimumSize(520, 196)
        self._request = request
        self.name, self.random = QLineEdit(), QCheckBox("Random weights, untrained")
        self.name.setPlaceholderText("vit_small_patch16_224, part of a name is enough")
        self.random.setToolTip("Needs no download; shown as untrained everywhere")
        self._names = QStringListModel(self)
        completer = QCompleter(self._names, self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setMaxVisibleItems(14)
        self.name.setCompleter(completer)
        words = QLabel(
            "The name of a bundled model, or of any transformer in timm. Trained weights are "
            "downloaded once, from the model's own page."
        )
        words.setObjectName("quiet")
        words.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        for widget in (words, self.name, self.random, buttons):
            layout.addWidget(widget)

    def show_names(self, names: Sequence[str]) -> None:
        """Offers these names for completion."""
        self._names.setStringList(list(names))

    def accept(self) -> None:
        """Sends the wish; an empty name is not one."""
        name = self.name.text().strip()
        if not name:
            return
        request = replace(
            self._request, name=name, patch_size=None, input_size=None, architecture=None
        )
        self.requested.emit(replace(request, pretrained=not self.random.isChecked()))
        super().accept()
