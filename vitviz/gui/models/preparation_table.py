"""The likely ways to prepare pictures, each with what is predicted then; a click chooses one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.data.prediction import percent
from vitviz.core.language import _
from vitviz.core.pictures.likely_preparations import Preparation, PreparationAnswer
from vitviz.gui.widgets import theme

_WIDE = 118
"""Pixels of a cell's words, of which the end is left out."""


class PreparationTable(QWidget):
    """Mean and std from top to bottom, crops from left to right."""

    chosen = Signal(Preparation)

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._said = QLabel()
        self._said.setObjectName("quiet")
        self._said.setWordWrap(True)
        self._grid = QGridLayout()
        self._grid.setSpacing(4)
        layout.addWidget(self._said)
        layout.addLayout(self._grid)
        self.cells: dict[Preparation, QPushButton] = {}
        self._group = QButtonGroup(self)
        self.setVisible(False)

    def show_waiting(self, words: str) -> None:
        """Says what is on the way, or why nothing is."""
        self._clear()
        self._said.setText(words)
        self.setVisible(bool(words))

    def show_answers(self, answers: Sequence[PreparationAnswer], pictures: Sequence[str]) -> None:
        """What each preparation predicts of pictures, whose names these are, the shown one first."""
        self._clear()
        self.setVisible(bool(answers))
        self._said.setText(_introduced(answers, pictures))
        names = list(dict.fromkeys(each.preparation.name for each in answers))
        crops = sorted({each.preparation.crop_pct for each in answers})
        for at, crop in enumerate(crops):
            self._put(_label(_("crop {crop:g}").format(crop=crop)), 0, at + 1)
        for at, name in enumerate(names):
            self._put(_label(name), at + 1, 0)
        for answer in answers:
            way = answer.preparation
            cell = self._cell(answer, pictures)
            self.cells[way] = cell
            self._put(cell, 1 + names.index(way.name), 1 + crops.index(way.crop_pct))

    def _put(self, widget: QWidget, row: int, col: int) -> None:
        self._grid.addWidget(widget, row, col)
        widget.show()  # at once: a layout has no room for what is still hidden

    def _cell(self, answer: PreparationAnswer, pictures: Sequence[str]) -> QPushButton:
        cell = QPushButton()
        cell.setCheckable(True)
        cell.setChecked(answer.taken)
        cell.setAutoDefault(False)
        cell.setFont(theme.font(-1, numbers=True))
        cell.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        cell.setText(self._words(answer, cell))
        cell.setToolTip(_told(answer, pictures))
        cell.setAccessibleName(f"{answer.preparation.words}: {_told(answer, pictures)}")
        cell.clicked.connect(self._clicked)
        self._group.addButton(cell)
        return cell

    def _words(self, answer: PreparationAnswer, cell: QPushButton) -> str:
        if not answer.best:
            return _("take this")
        first = answer.best[0]
        elided = cell.fontMetrics().elidedText(first.name, Qt.TextElideMode.ElideRight, _WIDE)
        share = percent(first.share)
        if len(answer.best) > 1:
            share += _("  (all {percent})").format(percent=percent(answer.share))
        return f"{elided}\n{share}"

    def _clicked(self) -> None:
        for way, cell in self.cells.items():
            if cell is self.sender():
                self.chosen.emit(way)

    def _clear(self) -> None:
        for cell in self.cells.values():
            self._group.removeButton(cell)
        self.cells = {}
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            assert widget is not None
            widget.hide()
            widget.deleteLater()


def _label(words: str) -> QLabel:
    label = QLabel(words)
    label.setObjectName("quiet")
    return label


def _introduced(answers: Sequence[PreparationAnswer], pictures: Sequence[str]) -> str:
    if not answers:
        return ""
    if not any(each.best for each in answers):
        return _(
            "Likely ways to prepare pictures; nothing is predicted that would tell which it was:"
        )
    more = len(pictures) - 1
    others = (
        _(" (in brackets the mean of all {more} open pictures)").format(more=more + 1)
        if more
        else ""
    )
    return _(
        "What is predicted of {pictures}{others} as pictures are likely prepared. "
        "Take the way whose answers are right:"
    ).format(pictures=pictures[0], others=others)


def _told(answer: PreparationAnswer, pictures: Sequence[str]) -> str:
    """Every picture with its prediction, a line each."""
    return "\n".join(
        f"{picture}: {best.name} {percent(best.share)}"
        for picture, best in zip(pictures, answer.best, strict=False)
    )
