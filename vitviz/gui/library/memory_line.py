"""What is kept in memory, and how much of each may be: switching back to it takes no time."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from vitviz.core.language import _
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.fitting_labels import ElidedLabel
from vitviz.gui.widgets.progress_line import ProgressLine

_MB = 2**20
STEP = 256
SMALLEST, LARGEST = 128, 65536  # MB


class MemoryLine(QWidget):
    """A bar for what is fullest, the numbers, and the budget to change."""

    wished = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._words, self._bar = ElidedLabel(), ProgressLine()
        self._words.setObjectName("quiet")
        self._words.setFont(theme.font(-1, numbers=True))
        self._bar.setRange(0, 1000)
        self.budget = QSpinBox()
        self.budget.setRange(SMALLEST, LARGEST)
        self.budget.setSingleStep(STEP)
        self.budget.setSuffix(" MB")
        self.budget.setKeyboardTracking(False)
        self.budget.setFixedWidth(88)
        self.budget.setFont(theme.font(-1, numbers=True))
        self.budget.setAccessibleName(_("Memory budget"))
        self.budget.setToolTip(
            _(
                "The memory budget: how much is kept of models, of what they did with pictures, and "
                "of\npictures, each. What was used longest ago goes first; what is kept comes back "
                "at once."
            )
        )
        self.budget.valueChanged.connect(self.wished)
        left = QVBoxLayout()
        left.setSpacing(4)
        left.addWidget(self._words)
        left.addWidget(self._bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 0, 0, 4)
        row.addLayout(left, 1)
        row.addWidget(self.budget)

    def show_use(self, held: Sequence[tuple[str, int]], budget: int) -> None:
        """Shows what is kept, (what, bytes) each, and the budget of each in bytes."""
        each = " · ".join(f"{what} {size / _MB:,.0f}" for what, size in held)
        self._words.show_text(f"{each[:1].upper()}{each[1:]} MB")
        parts = "\n".join(f"{what}: {size / _MB:,.0f} MB" for what, size in held)
        self._words.setToolTip(
            _("{parts}\neach of {budget:,.0f} MB").format(parts=parts, budget=budget / _MB)
        )
        fullest = max((size for _unused, size in held), default=0)
        self._bar.setValue(min(round(1000 * fullest / max(budget, 1)), 1000))
        blocker = QSignalBlocker(self.budget)
        self.budget.setValue(budget // _MB)
        blocker.unblock()
