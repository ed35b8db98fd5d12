"""What stands above the views of a column that is alone: model, picture, answer, what is seen."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from vitviz.core.data.trace import Picture, Trace
from vitviz.core.language import _
from vitviz.gui.panels.picture_parts import PicturePartButton
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.fitting_labels import ElidedLabel
from vitviz.session.columns.column_state import ColumnState
from vitviz.session.columns.column_words import doing_words
from vitviz.session.columns.header_text import page_words


class PageHeader(QWidget):
    """Says what is shown; several columns have headers of their own that say it."""

    def __init__(self) -> None:
        super().__init__()
        self.label, self.part = ElidedLabel(), PicturePartButton()
        self.label.setFont(theme.font(0.5))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.part)

    def show_page(
        self, trace: Trace | None, picture: Picture | None, state: ColumnState, *, alone: bool
    ) -> None:
        """Shows what the column is, or what is done for the picture that was asked for."""
        self.part.show_picture(picture)
        if trace is None or not alone:
            self.label.show_text("")
        elif picture is not None and picture.key != trace.picture.key:
            doing = doing_words(state, picture.name)
            self.label.show_text(
                _("{doing} (still showing {name})").format(doing=doing, name=trace.picture.name)
            )
        else:
            self.label.show_text("   ·   ".join(page_words(trace)))
