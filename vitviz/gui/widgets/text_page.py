"""A page of words in a window of its own: help, keys, about, all notices."""

from __future__ import annotations

import html
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from vitviz.core.language import _


class TextPage(QDialog):
    """A page of rich text with a close button; does not block the window."""

    def __init__(self, parent: QWidget, title: str, body: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.resize(640, 560)
        self.text = QTextBrowser()
        self.text.setOpenExternalLinks(True)
        self.text.setHtml(body)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text, 1)
        layout.addWidget(buttons)


def said_page(parent: QWidget, sentences: Sequence[str]) -> TextPage:
    """All that a notice has to say."""
    lines = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)
    return TextPage(parent, _("{count} notices").format(count=len(sentences)), lines)
