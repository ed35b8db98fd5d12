"""Fields for what no tensor of a file shows: heads, windows, preparation, classes, encoder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QWidget,
)

from vitviz.core.data.said_facts import SaidFacts, numbers_of
from vitviz.core.language import N_, _
from vitviz.core.pictures.likely_preparations import Preparation
from vitviz.session.files.confirmed_models import ConfirmedModel

_NUMBERS = (
    ("num_heads", N_("Heads"), N_("6, or one for each stage: 3,6,12,24")),
    ("window_size", N_("Window"), N_("tokens a side: 7")),
    ("mean", N_("Mean"), N_("0.5, or 0.485,0.456,0.406")),
    ("std", N_("Deviation"), N_("0.5, or 0.229,0.224,0.225")),
    ("crop_pct", N_("Crop"), N_("the middle that is kept: 0.875")),
    ("input_size", N_("Input size"), N_("pixels: 224, or ROWSxCOLS")),
)
WRONG = N_(
    "Heads, window, mean, deviation, crop and input size are numbers: 6, or 0.5,0.5,0.4, or 224x448 "
    "for a size."
)
_SCORES = (
    (N_("as the model says itself"), None),
    (N_("one class of several (softmax)"), False),
    (N_("yes or no for each class (sigmoid)"), True),
)


class SaidFields(QWidget):
    """Takes what somebody knows; what is left empty stays as the file or the family has it.

    Without a `file` there is nothing to say about its structure: heads, windows, encoders.
    """

    entered = Signal()

    def __init__(self, *, file: bool = True) -> None:
        super().__init__()
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.fields: dict[str, QLineEdit] = {}
        asked = _NUMBERS if file else _NUMBERS[2:]
        for at, (name, title, example) in enumerate(asked):
            self.fields[name] = self._line(_(title), _(example))
            self._put(_(title), self.fields[name], *divmod(at, 2))
        row = (len(asked) + 1) // 2
        self.fields["classes"] = self._line(
            _("Classes"), _("a text, CSV or JSON file with their names")
        )
        self._put(_("Classes"), self._with_browser(self.fields["classes"]), row, 0)
        self.scores = QComboBox()
        self.scores.setAccessibleName(_("Answers"))
        self.scores.setToolTip(_("How the head's numbers are read as probabilities"))
        for words, several in _SCORES:
            self.scores.addItem(_(words), several)
        self.scores.activated.connect(self.entered)
        self._put(_("Answers"), self.scores, row, 1)
        self.encoder = QComboBox()
        self.encoder.setAccessibleName(_("Encoder"))
        self.encoder.activated.connect(self.entered)
        self._encoder_label = self._put(_("Encoder"), self.encoder, row + 1, 0)
        self.show_encoders(())

    @property
    def said(self) -> ConfirmedModel:
        """What is said, without an architecture. ValueError for what is no number."""
        texts = {name: field.text().strip() for name, field in self.fields.items()}
        heads, window = texts.get("num_heads", ""), texts.get("window_size", "")
        facts = SaidFacts(
            numbers_of(heads, int),
            numbers_of(window, int),
            numbers_of(texts["mean"], float),
            numbers_of(texts["std"], float),
            texts["classes"],
            self.scores.currentData(),
            crop_pct=float(texts["crop_pct"]) if texts["crop_pct"] else None,
            encoder=self.encoder.currentData() or "",
        )
        return ConfirmedModel(input_size=_sides(texts["input_size"]), facts=facts)

    def show_said(self, said: ConfirmedModel) -> None:
        """What was said before."""
        facts = said.facts
        for name in ("num_heads", "window_size", "mean", "std"):
            if name in self.fields:
                self.fields[name].setText(_listed(getattr(facts, name)))
        self.fields["crop_pct"].setText("" if facts.crop_pct is None else f"{facts.crop_pct:g}")
        size = said.input_size
        text = "x".join(map(str, size)) if isinstance(size, tuple) else str(size or "")
        self.fields["input_size"].setText(text)
        self.fields["classes"].setText(facts.classes)
        self.scores.setCurrentIndex(max(0, self.scores.findData(facts.multi_label)))
        at = self.encoder.findData(facts.encoder)
        if facts.encoder and at < 0:
            self.encoder.addItem(facts.encoder, facts.encoder)
            at = self.encoder.count() - 1
        self.encoder.setCurrentIndex(max(0, at))

    def show_encoders(self, encoders: Sequence[str]) -> None:
        """The encoders of a file; they are asked about where there are two."""
        several = len(encoders) > 1
        self.encoder.setVisible(several)
        self._encoder_label.setVisible(several)
        if not several:
            return
        chosen, blocker = self.encoder.currentData(), QSignalBlocker(self.encoder)
        names = sorted({*encoders, *self._encoders})
        self.encoder.clear()
        self.encoder.addItem(_("the one that its method evaluates"), "")
        for name in names:
            self.encoder.addItem(name, name)
        self.encoder.setCurrentIndex(max(0, self.encoder.findData(chosen)))
        blocker.unblock()

    def take_preparation(self, preparation: Preparation) -> None:
        """Mean, deviation and crop of a preparation that was chosen."""
        self.fields["mean"].setText(_listed(preparation.mean))
        self.fields["std"].setText(_listed(preparation.std))
        self.fields["crop_pct"].setText(f"{preparation.crop_pct:g}")

    @property
    def _encoders(self) -> set[str]:
        found = {self.encoder.itemData(at) for at in range(self.encoder.count())}
        return {each for each in found if each}

    def _line(self, title: str, example: str) -> QLineEdit:
        field = QLineEdit()
        field.setPlaceholderText(example)
        field.setAccessibleName(title)
        field.returnPressed.connect(self.entered)
        return field

    def _put(self, title: str, field: QWidget, row: int, side: int) -> QLabel:
        label = QLabel(title)
        label.setObjectName("quiet")
        label.setBuddy(field)
        self._layout.addWidget(label, row, 2 * side)
        self._layout.addWidget(field, row, 2 * side + 1)
        return label

    def _with_browser(self, field: QLineEdit) -> QWidget:
        """The field with a button that looks for the file."""
        both = QWidget()
        layout = QHBoxLayout(both)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        browse = QToolButton()
        browse.setObjectName("tool")
        browse.setText("…")
        browse.setAccessibleName(_("Choose a file with the classes"))
        browse.clicked.connect(self._browse)
        layout.addWidget(field, 1)
        layout.addWidget(browse)
        both.setFocusProxy(field)
        return both

    def _browse(self) -> None:
        before = Path(self.fields["classes"].text())
        name, _unused = QFileDialog.getOpenFileName(
            self,
            _("Names of the classes"),
            str(before.parent),
            _("Names (*.txt *.csv *.json);;All (*)"),
        )
        if name:
            self.fields["classes"].setText(name)
            self.entered.emit()


def _listed(numbers: Sequence[float]) -> str:
    """As few as say it: one where all are the same."""
    same = numbers[:1] if len(set(numbers)) == 1 else numbers
    return ",".join(f"{each:.8g}" for each in same)


def _sides(text: str) -> int | tuple[int, int] | None:
    """One side or ROWSxCOLS, None for nothing. ValueError for neither."""
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,5})(?:\s*[xX×]\s*(\d{1,5}))?", text)
    if found is None:
        raise ValueError(text)
    return int(found[1]) if found[2] is None else (int(found[1]), int(found[2]))
