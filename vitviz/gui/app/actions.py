"""Every action of the window in one table: menus, keys and the list of shortcuts are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Menu = Literal["File", "View", "Model", "Compare", "Figure", "Help", ""]


@dataclass(frozen=True, slots=True)
class Action:
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


WISHES: tuple[Action, ...] = (
    Action("open", "&Open pictures…", ("Ctrl+O",), "File", "Open picture files"),
    Action(
        "open_folder", "Open &folder…", ("Ctrl+Shift+O",), "File", "Open all pictures of a folder"
    ),
    Action("paste", "&Paste picture", ("Ctrl+V",), "File", "Open the picture on the clipboard"),
    Action(
        "close_picture",
        "&Close picture",
        ("Ctrl+W",),
        "File",
        "Take the picture off the film-strip",
    ),
    Action(
        "reopen", "&Reopen closed picture", ("Ctrl+Shift+T",), "File", "Bring the last one back"
    ),
    Action(
        "open_session",
        "Open &session…",
        ("Ctrl+Shift+S",),
        "File",
        "Pictures, columns and what was chosen in them, as they were",
        rule=True,
    ),
    Action("save_session", "Sa&ve session", ("Ctrl+S",), "File", "To find all of this again"),
    Action("save_session_as", "Save session &as…", (), "File"),
    Action("quit", "&Quit", ("Ctrl+Q",), "File", rule=True),
    Action("next", "Next picture", ("Space",), "View"),
    Action("previous", "Previous picture", ("Shift+Space",), "View"),
    Action("next_view", "Next view", ("F6",), "View", "To have its options, help and figure"),
    Action("previous_view", "Previous view", ("Shift+F6",), "View"),
    Action(
        "grid", "Patch &grid", ("G",), "View", "Draw the patch grid over the pictures", True, True
    ),
    Action("heat", "&Heat map", ("H",), "View", "Show the maps; off shows the bare picture", True),
    Action(
        "preview",
        "&Preview under the cursor",
        ("P",),
        "View",
        "Point at a token to see it in every view; off, the cursor only reads values",
        True,
    ),
    Action(
        "whole",
        "See the &whole picture",
        ("W",),
        "View",
        "Fit the whole picture into the model's input instead of its centre crop",
        True,
    ),
    Action(
        "maximise",
        "&Maximise view",
        ("F",),
        "View",
        "Give the view in focus all the room",
        rule=True,
    ),
    Action("restore", "Restore", ("Escape",)),
    Action("reset_zoom", "Reset &zoom", ("Ctrl+0",), "View"),
    Action("reset_layout", "Reset &layout", (), "View", "Put all panels back where they were"),
    Action("theme", "Switch &dark and light", ("Ctrl+D",), "View"),
    Action("fullscreen", "Full screen", ("F11",), "View"),
    Action(
        "find_model",
        "Model &library",
        ("Ctrl+K",),
        "Model",
        "Search all models, download and open them; pressed again it closes",
    ),
    Action(
        "open_model",
        "Open &checkpoint file…",
        ("Ctrl+M",),
        "Model",
        "A .safetensors, .pth, .pt, .bin or .npz file",
    ),
    Action(
        "patch_lab",
        "&Patch size lab…",
        ("Ctrl+P",),
        "Model",
        "Any patch size that the model can be resampled to, and what it costs",
    ),
    Action("add_column", "&One more column", ("Ctrl+T",), "Compare", "To change one thing in it"),
    Action("close_column", "&Close column", ("Ctrl+Shift+W",), "Compare"),
    Action(
        "undo",
        "&Undo",
        ("Ctrl+Z",),
        "Compare",
        "Brings back a closed column, or a column's former model or picture",
    ),
    Action("next_column", "&Next column", ("Ctrl+Right",), "Compare", rule=True),
    Action("previous_column", "&Previous column", ("Ctrl+Left",), "Compare"),
    Action("move_right", "Move column &right", ("Ctrl+Shift+Right",), "Compare"),
    Action("move_left", "Move column &left", ("Ctrl+Shift+Left",), "Compare"),
    Action("one_column", "All views of one column", ("Ctrl+1",), "Compare", rule=True),
    Action("all_columns", "Grid: all columns", ("Ctrl+2",), "Compare"),
    Action("one_view", "One view of all columns", ("Ctrl+3",), "Compare"),
    Action("patch_sizes", "Set up: patch si&zes", (), "Compare", "One flexible ViT", rule=True),
    Action(
        "vit_tnt", "Set up: ViT and &TNT", (), "Compare", "Patches, and patches with words inside"
    ),
    Action(
        "all_layers", "Set up: all la&yers", (), "Compare", "One view, each column another layer"
    ),
    Action("two_pictures", "Set up: t&wo pictures", (), "Compare", "This picture and the next"),
    Action(
        "compose",
        "&Compose a figure…",
        ("Ctrl+E",),
        "Figure",
        "A page for paper: its width, type, letters, grids of layers, heads, columns; animations",
    ),
    Action(
        "compose_column",
        "Compose the whole co&lumn…",
        ("Ctrl+Alt+E",),
        "Figure",
        "All views of this column on one page",
    ),
    Action(
        "export", "&Save this view as it is…", ("Ctrl+Shift+E",), "Figure", "PNG, SVG, PDF or TIFF"
    ),
    Action("copy", "Copy view as &picture", ("Ctrl+C",), "Figure", rule=True),
    Action(
        "copy_python", "Copy as P&ython", (), "Figure", "Code that draws the same, to be pasted"
    ),
    Action("copy_command", "Copy as co&mmand", (), "Figure", "A command that draws the same"),
    Action(
        "walk", "&Walk through", ("Ctrl+Shift+H",), "Help", "From pixels to answer, in seven steps"
    ),
    Action("help", "&Help on this view", ("F1",), "Help", "What it shows, its formula and source"),
    Action("keys", "&Keys", ("?",), "Help", "All keys on one page"),
    Action("updates", "Check for &updates", (), "Help", "Asks once, now", rule=True),
    Action("log_folder", "Open &log folder", (), "Help", "The log and crash reports"),
    Action("about", "&About vitviz", (), "Help", "Versions, device, licences"),
    Action("up", "Token above", ("Up",)),
    Action("down", "Token below", ("Down",)),
    Action("left", "Token to the left", ("Left",)),
    Action("right", "Token to the right", ("Right",)),
    Action("class_token", "Class token", ("C",)),
    Action("layer_up", "Next layer, down in the atlas", ("PgDown",)),
    Action("layer_down", "Previous layer, up in the atlas", ("PgUp",)),
    Action("first_layer", "First layer", ("Home",)),
    Action("last_layer", "Last layer", ("End",)),
    Action("head_down", "Previous head", ("[",)),
    Action("head_up", "Next head", ("]",)),
    Action("all_heads", "All heads together", ("0",)),
)


def plain(text: str) -> str:
    """An action's words without the menu's mnemonic mark and dots."""
    return text.replace("&", "").rstrip("…")
