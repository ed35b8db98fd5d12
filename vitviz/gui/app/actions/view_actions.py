"""The menu View: which picture and view is looked at, and how."""

from __future__ import annotations

from dataclasses import replace

from vitviz.gui.app.actions import action
from vitviz.gui.app.actions.window_parts import WindowParts
from vitviz.gui.widgets import theme as themes


@action("Next picture", keys="Space", menu="View")
def next_(parts: WindowParts) -> None:
    """(After the last comes the first.)"""
    parts.session.columns.step_picture(1)


@action("Previous picture", keys="Shift+Space", menu="View")
def previous(parts: WindowParts) -> None:
    """(Before the first comes the last.)"""
    parts.session.columns.step_picture(-1)


@action("Order pictures by li&keness", menu="View")
def order_pictures(parts: WindowParts) -> None:
    """The film strip in the order in which its pictures show what is chosen, after the chosen layer"""
    parts.session.order_pictures()


@action("&Views…", keys="V", menu="View")
def add_view(parts: WindowParts) -> None:
    """Choose among all views, with pictures of them"""
    parts.columns.show_gallery()


@action("Next view", keys="F6", menu="View")
def next_view(parts: WindowParts) -> None:
    """To have its options, help and figure"""
    parts.columns.step_focus(1)


@action("Previous view", keys="Shift+F6", menu="View")
def previous_view(parts: WindowParts) -> None:
    """(Puts the view before in focus.)"""
    parts.columns.step_focus(-1)


@action("Patch &grid", keys="G", menu="View", check=True, rule=True)
def grid(parts: WindowParts) -> None:
    """Draw the patch grid over the pictures"""
    parts.session.views.set_look(grid=not parts.session.views.look.grid)


@action("&Heat map", keys="H", menu="View", check=True)
def heat(parts: WindowParts) -> None:
    """Show the maps; off shows the bare picture"""
    parts.session.views.set_look(heat=not parts.session.views.look.heat)


@action("&Preview under the cursor", keys="P", menu="View", check=True)
def preview(parts: WindowParts) -> None:
    """Point at a token to see it in every view; off, the cursor only reads values"""
    if not parts.is_on("preview"):
        parts.session.chosen.hover(None)


@action("See the &whole picture", keys="W", menu="View", check=True)
def whole(parts: WindowParts) -> None:
    """Fit the whole picture into the model's input instead of its centre crop"""
    request = parts.session.request
    parts.request_model(replace(request, fit="pad" if request.fit == "crop" else "crop"))


@action("&Maximise view", keys="F", menu="View", rule=True)
def maximise(parts: WindowParts) -> None:
    """Give the view in focus all the room"""
    parts.columns.maximise(parts.shown.focus)


@action("Restore", keys="Escape")
def restore(parts: WindowParts) -> None:
    """(Lays the brush down, gives the room back to all views, else leaves full screen.)"""
    if parts.painting.end():
        return
    if not parts.columns.restore() and parts.frame.isFullScreen():
        parts.frame.showNormal()


@action("P&ictures", keys="F7", menu="View")
def pictures_panel(parts: WindowParts) -> None:
    """Show the panel of pictures, or fold it away"""
    parts.docks.toggle(parts.docks.pictures)


@action("I&nspector", keys="F8", menu="View")
def inspector_panel(parts: WindowParts) -> None:
    """Show the inspector, or fold it away"""
    parts.docks.toggle(parts.docks.inspector)


@action("Reset &zoom", keys="Ctrl+0", menu="View")
def reset_zoom(parts: WindowParts) -> None:
    """(Of every view.)"""
    for card in parts.columns.cards():
        card.canvas.reset_zoom()


@action("Reset &layout", menu="View")
def reset_layout(parts: WindowParts) -> None:
    """Put all panels back where they were"""
    parts.place.reset()


@action("Switch &dark and light", keys="Ctrl+D", menu="View")
def theme(parts: WindowParts) -> None:
    """(And remembers which.)"""
    parts.set_theme("light" if themes.current().name == "dark" else "dark")


@action("Full screen", keys="F11", menu="View")
def fullscreen(parts: WindowParts) -> None:
    """(Once more gives the window back.)"""
    frame = parts.frame
    frame.showNormal() if frame.isFullScreen() else frame.showFullScreen()
