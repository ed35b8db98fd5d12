"""The menu Figure: pages for paper, pictures and code of what is seen."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication

from vitviz.core.data.drawing import Drawing
from vitviz.core.language import _
from vitviz.gui.app.actions import action
from vitviz.gui.app.actions.window_parts import WindowParts
from vitviz.gui.figure.figure_saving import save_figure
from vitviz.gui.figure.figure_source import composition_of, copy_as, open_composer


@action("&Compose a figure…", keys="Ctrl+E", menu="Figure")
def compose(parts: WindowParts) -> None:
    """A page for paper: its width, type, letters, grids of layers, heads, columns; animations"""
    compose_view(parts, parts.shown.focus)


@action("Compose the whole co&lumn…", keys="Ctrl+Alt+E", menu="Figure")
def compose_column(parts: WindowParts) -> None:
    """All views of this column on one page"""
    compose_view(parts, parts.shown.focus, whole=True)


@action("&Save this view as it is…", keys="Ctrl+Shift+E", menu="Figure")
def export(parts: WindowParts) -> None:
    """PNG, SVG, PDF or TIFF"""
    drawing = _drawing(parts, parts.shown.focus)
    if drawing is not None:
        first = composition_of(parts.session, drawing)
        save_figure(parts.frame, parts.session, drawing, first, parts.notices.tell)


@action("Averages over a &folder…", keys="Ctrl+Alt+F", menu="Figure", rule=True)
def average_folder(parts: WindowParts) -> None:
    """What the model does over all pictures of a folder: distance, entropy, rollout, CKA, mean maps"""
    from vitviz.gui.folders.averages_window import AveragesWindow

    AveragesWindow(parts.frame, parts.session).show()


@action("F&ind in a folder…", keys="Ctrl+Shift+F", menu="Figure")
def find_in_folder(parts: WindowParts) -> None:
    """Where else is the chosen patch, in all pictures of a folder; which ones excite a head"""
    from vitviz.gui.folders.index_window import IndexWindow

    IndexWindow(parts.frame, parts.session).show()


@action("Copy view as &picture", keys="Ctrl+C", menu="Figure", rule=True)
def copy(parts: WindowParts) -> None:
    """(As it is seen.)"""
    card = parts.columns.card(parts.shown.focus)
    if card is None or card.drawing is None or parts.session.trace is None:
        parts.notices.tell(_("There is no view to copy yet; open a picture first."))
        return
    QGuiApplication.clipboard().setPixmap(card.canvas.grab())


@action("Copy as P&ython", menu="Figure")
def copy_python(parts: WindowParts) -> None:
    """Code that draws the same, to be pasted"""
    _copy_as(parts, "python")


@action("Copy as co&mmand", menu="Figure")
def copy_command(parts: WindowParts) -> None:
    """A command that draws the same"""
    _copy_as(parts, "command")


def compose_view(parts: WindowParts, view: str, *, whole: bool = False) -> None:
    """Opens the composer for a view, or for all views of its column."""
    drawing = _drawing(parts, view)
    if drawing is None:
        return
    tell = parts.notices.tell
    if open_composer(parts.frame, parts.session, drawing, tell, whole=whole) is None:
        tell(_("This view is being drawn anew; try again in a moment."))


def _drawing(parts: WindowParts, view: str) -> Drawing | None:
    card = parts.columns.card(view)
    drawing = None if card is None else card.drawing
    if drawing is None or parts.session.trace is None:
        parts.notices.tell(_("There is no figure to save yet; open a picture first."))
        return None
    return drawing


def _copy_as(parts: WindowParts, kind: str) -> None:
    drawing = _drawing(parts, parts.shown.focus)
    if drawing is not None:
        parts.notices.tell(copy_as(kind, parts.session, drawing))
