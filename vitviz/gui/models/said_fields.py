"""Four fields for what no tensor of a file shows: heads, windows, mean and std."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QWidget

from vitviz.core.data.said_facts import SaidFacts, numbers_of

_FIELDS = (
    ("num_heads", "Heads", "6, or one for each stage: 3,6,12,24"),
    ("window_size", "Window", "tokens a side: 7"),
    ("mean", "Mean", "0.5, or 0.485,0.456,0.406"),
    ("std", "Deviation", "0.5, or 0.229,0.224,0.225"),
)


class SaidFields(QWidget):
    """Takes what somebody knows; what is left empty stays as the file or the family has it."""

    entered = Signal()

    def __init__(self) -> None:
        super().__init__()
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.fields: dict[str, QLineEdit] = {}
        for at, (name, title, example) in enumerate(_FIELDS):
            field, label = QLineEdit(), QLabel(title)
            label.setObjectName("quiet")
            label.setBuddy(field)
            field.setPlaceholderText(example)
            field.setAccessibleName(title)
            field.returnPressed.connect(self.entered)
            row, side = divmod(at, 2)
            layout.addWidget(label, row, 2 * side)
            layout.addWidget(field, row, 2 * side + 1)
            self.fields[name] = field

    @property
    def facts(self) -> SaidFacts:
        """What is said. ValueError for what is no number."""
        texts = {name: field.text() for name, field in self.fields.items()}
        return SaidFacts(
            numbers_of(texts["num_heads"], int),
            numbers_of(texts["window_size"], int),
            numbers_of(texts["mean"], float),
            numbers_of(texts["std"], float),
        )

    def show_facts(self, facts: SaidFacts) -> None:
        """What was said before."""
        for name, field in self.fields.items():
            field.setText(",".join(f"{each:g}" for each in getattr(facts, name)))
