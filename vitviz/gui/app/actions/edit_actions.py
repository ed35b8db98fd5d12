"""The menu Edit: what was changed of what is shown, taken back and done again."""

from __future__ import annotations

from vitviz.core.language import _
from vitviz.gui.app.actions import action
from vitviz.gui.app.actions.window_parts import WindowParts


@action("&Undo", keys="Ctrl+Z", menu="Edit")
def undo(parts: WindowParts) -> None:
    """Takes back what was changed last: a column, model, picture, option, target or layout"""
    words = parts.session.history.undo()
    parts.notices.tell(
        _("Undone: {words}.").format(words=words) if words else _("There is nothing to undo."),
        alone=True,
    )


@action("&Redo", keys=("Ctrl+Shift+Z", "Ctrl+Y"), menu="Edit")
def redo(parts: WindowParts) -> None:
    """Does again what was taken back last"""
    words = parts.session.history.redo()
    parts.notices.tell(
        _("Done again: {words}.").format(words=words)
        if words
        else _("There is nothing to do again."),
        alone=True,
    )
