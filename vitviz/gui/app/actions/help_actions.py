"""The menu Help: the walk through, help on a view, keys, updates, about."""

from __future__ import annotations

from vitviz.core.language import _
from vitviz.gui.app import desktop, text_pages
from vitviz.gui.app.actions import action, actions
from vitviz.gui.app.actions.window_parts import WindowParts
from vitviz.gui.app.docks.tour_dock import show_walk, step_walk
from vitviz.session.work import log


@action("&Walk through", keys="Ctrl+Shift+H", menu="Help")
def walk(parts: WindowParts) -> None:
    """From pixels to the answer, step by step"""
    show_walk(parts.frame, parts.session, parts.columns)


@action("Next step of the walk", keys="Alt+Right")
def walk_on(parts: WindowParts) -> None:
    """(While it is open.)"""
    step_walk(parts.frame, 1)


@action("Step before in the walk", keys="Alt+Left")
def walk_back(parts: WindowParts) -> None:
    """(While it is open.)"""
    step_walk(parts.frame, -1)


@action("&Help on this view", keys="F1", menu="Help")
def help_(parts: WindowParts) -> None:
    """What it shows, its formula and source"""
    text_pages.view_help(parts.frame, parts.views[parts.shown.focus]).show()


@action("&Keys", keys="?", menu="Help")
def keys(parts: WindowParts) -> None:
    """All keys on one page"""
    text_pages.keys_page(parts.frame, actions().values()).show()


@action("Check for &updates", menu="Help", rule=True)
def updates(parts: WindowParts) -> None:
    """Asks once, now"""
    desktop.ask_for_updates(parts.session, parts.notices)


@action("Open &log folder", menu="Help")
def log_folder(parts: WindowParts) -> None:
    """The log and crash reports"""
    desktop.open_folder(log.log_folder(), parts.notices)


@action("&About vitviz", menu="Help")
def about(parts: WindowParts) -> None:
    """Versions, device, licences"""
    trace = parts.session.trace
    device = (
        _("not in use yet") if trace is None else f"{trace.model.device}, {trace.model.precision}"
    )
    desktop.show_about(parts.session, parts.frame, device, parts.notices)
