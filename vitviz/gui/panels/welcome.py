"""What the window says while no picture is open: what it is for and how to begin."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from vitviz.core.language import _
from vitviz.gui.widgets import theme


class Welcome(QFrame):
    """The empty state of the board."""

    open_wished = Signal()
    samples_wished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        title = QLabel(_("Drop a picture here"))
        title.setObjectName("hero")
        title.setFont(theme.font(9, bold=True))
        words = QLabel(
            _(
                "See what a vision transformer does with it: the patches it reads, where every head "
                "looks,\nand attention followed through all layers back to the picture."
            )
        )
        words.setObjectName("quiet")
        opener, samples = (
            QPushButton(_("Open pictures…")),
            QPushButton(_("Show the bundled photographs")),
        )
        opener.clicked.connect(self.open_wished)
        samples.clicked.connect(self.samples_wished)
        buttons = QHBoxLayout()
        buttons.addStretch()
        for button in (opener, samples):
            buttons.addWidget(button)
        buttons.addStretch()
        layout = QVBoxLayout(self)
        layout.setSpacing(16)
        layout.addStretch()
        for label in (title, words):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(label)
        layout.addLayout(buttons)
        layout.addStretch()
