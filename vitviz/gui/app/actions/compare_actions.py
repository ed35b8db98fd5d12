"""The menu Compare: columns, their layout, and comparisons set up at once."""

from __future__ import annotations

from vitviz.gui.app.actions import action
from vitviz.gui.app.actions.window_parts import WindowParts


@action("&One more column", keys="Ctrl+T", menu="Compare")
def add_column(parts: WindowParts) -> None:
    """To change one thing in it"""
    parts.columns.wish("add")


@action("What if as a col&umn", keys="Ctrl+Alt+T", menu="Compare")
def whatif_column(parts: WindowParts) -> None:
    """What the view What if changes, beside the model as it is"""
    parts.columns.wish("whatif")


@action("&Close column", keys="Ctrl+Shift+W", menu="Compare")
def close_column(parts: WindowParts) -> None:
    """(The last one stays.)"""
    parts.session.columns.close(parts.session.columns.active.id)


@action("&Next column", keys="Ctrl+Right", menu="Compare", rule=True)
def next_column(parts: WindowParts) -> None:
    """(After the last comes the first.)"""
    _go(parts, 1)


@action("&Previous column", keys="Ctrl+Left", menu="Compare")
def previous_column(parts: WindowParts) -> None:
    """(Before the first comes the last.)"""
    _go(parts, -1)


@action("Move column &right", keys="Ctrl+Shift+Right", menu="Compare")
def move_right(parts: WindowParts) -> None:
    """(Behind its neighbour.)"""
    parts.columns.headers.wish("right", parts.session.columns.active.id)


@action("Move column &left", keys="Ctrl+Shift+Left", menu="Compare")
def move_left(parts: WindowParts) -> None:
    """(Before its neighbour.)"""
    parts.columns.headers.wish("left", parts.session.columns.active.id)


@action("All views of one column", keys="Ctrl+1", menu="Compare", rule=True)
def one_column(parts: WindowParts) -> None:
    """(The active one.)"""
    parts.columns.set_layout("one")


@action("Grid: all columns", keys="Ctrl+2", menu="Compare")
def all_columns(parts: WindowParts) -> None:
    """(A row a view.)"""
    parts.columns.set_layout("grid")


@action("One view of all columns", keys="Ctrl+3", menu="Compare")
def one_view(parts: WindowParts) -> None:
    """(The view in focus, large.)"""
    parts.columns.set_layout("large")


@action("Set up: patch si&zes", menu="Compare", rule=True)
def patch_sizes(parts: WindowParts) -> None:
    """One flexible ViT"""
    parts.columns.wish("patch_sizes")


@action("Set up: ViT and &TNT", menu="Compare")
def vit_tnt(parts: WindowParts) -> None:
    """Patches, and patches with words inside"""
    parts.columns.wish("vit_tnt")


@action("Set up: all la&yers", menu="Compare")
def all_layers(parts: WindowParts) -> None:
    """One view, each column another layer"""
    parts.columns.wish("layers")


@action("Set up: t&wo pictures", menu="Compare")
def two_pictures(parts: WindowParts) -> None:
    """This picture and the next"""
    parts.columns.wish("pictures")


def _go(parts: WindowParts, by: int) -> None:
    columns = parts.session.columns
    at = (columns.index(columns.active.id) + by) % len(columns)
    columns.activate(columns.all[at].id)
