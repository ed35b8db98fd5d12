"""Every action of the window in one table: menus, keys and the list of shortcuts are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Menu = Literal["File", "View", "Model", "Compare", "Figure", "Help", ""]


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing the user can wish for: its name in code, its words, its keys and where it is found.

    `menu` "" means keys only. `check` makes it a switch. A `rule` draws a line above it in the menu.
    """

    name: str
    text: str
    keys: tuple[str, ...] = ()
    menu: Menu = ""
    tip: str = ""
    check: bool = False
    rule: bool = False


WISHES: tuple[Wish, ...] = (
    Wish("open", "&Open pictures…", ("Ctrl+O",), "File", "Open picture files"),
    Wish(
        "open_folder", "Open &folder…", ("Ctrl+Shift+O",), "File", "Open all pictures of a folder"
    ),
    Wish("paste", "&Paste picture", ("Ctrl+V",), "File", "Open the picture on the clipboard"),
    Wish(
        "close_picture",
        "&Close picture",
        ("Ctrl+W",),
        "File",
        "Take the picture off the film-strip",
    ),
    Wish("reopen", "&Reopen closed picture", ("Ctrl+Shift+T",), "File", "Bring the last one back"),
    Wish(
        "open_session",
        "Open &session…",
        ("Ctrl+Shift+S",),
        "File",
        "Pictures, columns and what was chosen in them, as they were",
        rule=True,
    ),
    Wish("save_session", "Sa&ve session", ("Ctrl+S",), "File", "To find all of this again"),
    Wish("save_session_as", "Save session &as…", (), "File"),
    Wish("quit", "&Quit", ("Ctrl+Q",), "File", rule=True),
    Wish("next", "Next picture", ("Space",), "View"),
    Wish("previous", "Previous picture", ("Shift+Space",), "View"),
    Wish("next_view", "Next view", ("F6",), "View", "To have its options, help and figure"),
    Wish("previous_view", "Previous view", ("Shift+F6",), "View"),
    Wish(
        "grid", "Patch &grid", ("G",), "View", "Draw the patch grid over the pictures", True, True
    ),
    Wish("heat", "&Heat map", ("H",), "View", "Show the maps; off shows the bare picture", True),
    Wish(
        "preview",
        "&Preview under the cursor",
        ("P",),
        "View",
        "Point at a token to see it in every view; off, the cursor only reads values",
        True,
    ),
    Wish(
        "whole",
        "See the &whole picture",
        ("W",),
        "View",
        "Fit the whole picture into the model's input instead of its centre crop",
        True,
    ),
    Wish(
        "maximise",
        "&Maximise view",
        ("F",),
        "View",
        "Give the view in focus all the room",
        rule=True,
    ),
    Wish("restore", "Restore", ("Escape",)),
    Wish("reset_zoom", "Reset &zoom", ("Ctrl+0",), "View"),
    Wish("reset_layout", "Reset &layout", (), "View", "Put all panels back where they were"),
    Wish("theme", "Switch &dark and light", ("Ctrl+D",), "View"),
    Wish("fullscreen", "Full screen", ("F11",), "View"),
    Wish(
        "find_model",
        "Model &library",
        ("Ctrl+K",),
        "Model",
        "Search all models, download and open them; pressed again it closes",
    ),
    Wish(
        "open_model",
        "Open &checkpoint file…",
        ("Ctrl+M",),
        "Model",
        "A .safetensors, .pth, .pt, .bin or .npz file",
    ),
    Wish(
        "patch_lab",
        "&Patch size lab…",
        ("Ctrl+P",),
        "Model",
        "Any patch size that the model can be resampled to, and what it costs",
    ),
    Wish("add_column", "&One more column", ("Ctrl+T",), "Compare", "To change one thing in it"),
    Wish("close_column", "&Close column", ("Ctrl+Shift+W",), "Compare"),
    Wish(
        "undo",
        "&Undo",
        ("Ctrl+Z",),
        "Compare",
        "Brings back a closed column, or a column's former model or picture",
    ),
    Wish("next_column", "&Next column", ("Ctrl+Right",), "Compare", rule=True),
    Wish("previous_column", "&Previous column", ("Ctrl+Left",), "Compare"),
    Wish("move_right", "Move column &right", ("Ctrl+Shift+Right",), "Compare"),
    Wish("move_left", "Move column &left", ("Ctrl+Shift+Left",), "Compare"),
    Wish("one_column", "All views of one column", ("Ctrl+1",), "Compare", rule=True),
    Wish("all_columns", "Grid: all columns", ("Ctrl+2",), "Compare"),
    Wish("one_view", "One view of all columns", ("Ctrl+3",), "Compare"),
    Wish("patch_sizes", "Set up: patch si&zes", (), "Compare", "One flexible ViT", rule=True),
    Wish(
        "vit_tnt", "Set up: ViT and &TNT", (), "Compare", "Patches, and patches with words inside"
    ),
    Wish("all_layers", "Set up: all la&yers", (), "Compare", "One view, each column another layer"),
    Wish("two_pictures", "Set up: t&wo pictures", (), "Compare", "This picture and the next"),
    Wish(
        "compose",
        "&Compose a figure…",
        ("Ctrl+E",),
        "Figure",
        "A page for paper: its width, type, letters, grids of layers, heads, columns; animations",
    ),
    Wish(
        "compose_column",
        "Compose the whole co&lumn…",
        ("Ctrl+Alt+E",),
        "Figure",
        "All views of this column on one page",
    ),
    Wish(
        "export", "&Save this view as it is…", ("Ctrl+Shift+E",), "Figure", "PNG, SVG, PDF or TIFF"
    ),
    Wish("copy", "Copy view as &picture", ("Ctrl+C",), "Figure", rule=True),
    Wish("copy_python", "Copy as P&ython", (), "Figure", "Code that draws the same, to be pasted"),
    Wish("copy_command", "Copy as co&mmand", (), "Figure", "A command that draws the same"),
    Wish(
        "walk", "&Walk through", ("Ctrl+Shift+H",), "Help", "From pixels to answer, in seven steps"
    ),
    Wish("help", "&Help on this view", ("F1",), "Help", "What it shows, its formula and source"),
    Wish("keys", "&Keys", ("?",), "Help", "All keys on one page"),
    Wish("updates", "Check for &updates", (), "Help", "Asks once, now", rule=True),
    Wish("log_folder", "Open &log folder", (), "Help", "The log and crash reports"),
    Wish("about", "&About vitviz", (), "Help", "Versions, device, licences"),
    Wish("up", "Token above", ("Up",)),
    Wish("down", "Token below", ("Down",)),
    Wish("left", "Token to the left", ("Left",)),
    Wish("right", "Token to the right", ("Right",)),
    Wish("class_token", "Class token", ("C",)),
    Wish("layer_up", "Next layer, down in the atlas", ("PgDown",)),
    Wish("layer_down", "Previous layer, up in the atlas", ("PgUp",)),
    Wish("first_layer", "First layer", ("Home",)),
    Wish("last_layer", "Last layer", ("End",)),
    Wish("head_down", "Previous head", ("[",)),
    Wish("head_up", "Next head", ("]",)),
    Wish("all_heads", "All heads together", ("0",)),
)


def plain(text: str) -> str:
    """An action's words without the menu's mnemonic mark and dots."""
    return text.replace("&", "").rstrip("…")
