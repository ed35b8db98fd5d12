"""Pages of words: help on a view, all keys, about."""

from __future__ import annotations

import html
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

import vitviz
from vitviz.gui.actions import Wish, plain
from vitviz.views import View


class Page(QDialog):
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


def view_help(parent: QWidget, view: View) -> Page:
    """What a view shows, its formula, its options and its source."""
    rows = "".join(
        f"<tr><td><b>{html.escape(option.name.replace('_', ' '))}</b>&nbsp;&nbsp;</td>"
        f"<td>{html.escape(option.text)}</td></tr>"
        for option in view.options
    )
    body = (
        f"<h2>{html.escape(view.title)}</h2><p>{html.escape(view.shows)}</p>"
        f"<h3>Formula</h3><p style='white-space:pre-wrap'><code>{html.escape(view.formula)}</code></p>"
        f"<h3>Options</h3><table>{rows}</table><h3>Source</h3><p>{html.escape(view.source)}</p>"
    )
    return Page(parent, f"Help: {view.title}", body)


def keys_page(parent: QWidget, wishes: Iterable[Wish]) -> Page:
    """All keys on one page, in two columns."""
    named = [(plain(wish.text), ", ".join(wish.keys)) for wish in wishes if wish.keys]
    named += [("Read values of the pinned token", "hold Shift")]
    half = (len(named) + 1) // 2
    columns = "".join(
        "<td style='padding-right:32px'><table>"
        + "".join(
            f"<tr><td>{html.escape(words)}</td><td>&nbsp;&nbsp;<b>{html.escape(keys)}</b></td></tr>"
            for words, keys in part
        )
        + "</table></td>"
        for part in (named[:half], named[half:])
    )
    mouse = (
        "<p>Point at a patch to preview its token in every view, click to pin it. The wheel zooms, "
        "dragging pans, a double click gives a view all the room.</p>"
    )
    body = f"<h2>Keys and mouse</h2>{mouse}<table><tr>{columns}</tr></table>"
    page = Page(parent, "Keys and mouse", body)
    page.resize(760, 560)
    return page


def about_page(parent: QWidget, device: str) -> Page:
    """Versions, device and licences."""
    packages = ("torch", "timm", "PySide6-Essentials", "pyqtgraph", "numpy", "pillow", "matplotlib")
    rows = "".join(
        f"<tr><td>{name}&nbsp;&nbsp;</td><td>{_version(name)}</td></tr>" for name in packages
    )
    body = (
        f"<h2>vitviz {vitviz.__version__}</h2><p>See inside vision transformers. MIT licence.</p>"
        f"<p>Device: {html.escape(device)}<br>Python {platform.python_version()} on "
        f"{html.escape(platform.platform())}</p><table>{rows}</table>"
        "<p>Colour tables: viridis, magma, inferno, cividis (CC0), CET by Peter Kovesi (CC BY 4.0), "
        "vik by Fabio Crameri (MIT). Qt is used under the LGPL. The bundled photographs are CC0 or "
        "in the public domain; their sources are listed beside them.</p>"
    )
    return Page(parent, "About vitviz", body)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
