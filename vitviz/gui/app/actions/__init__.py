"""What a user can do: an action is one decorated function; menus, keys and buttons come from it.

An action lives in the module of its menu, in the menu's order. Its signature is `(parts) -> None`, its
docstring the tooltip (a docstring in brackets is for the reader only: the words say it all).
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from vitviz.core.language import N_, _
from vitviz.gui.app.actions.window_parts import WindowParts

Menu = Literal["File", "Edit", "View", "Model", "Compare", "Figure", "Help", ""]
MENUS: tuple[Menu, ...] = ("File", "Edit", "View", "Model", "Compare", "Figure", "Help", "")
"""In the order of the menu bar; those of "" have keys only."""
MENU_TITLES: dict[Menu, str] = {
    "File": N_("&File"),
    "Edit": N_("&Edit"),
    "View": N_("&View"),
    "Model": N_("&Model"),
    "Compare": N_("&Compare"),
    "Figure": N_("&Figure"),
    "Help": N_("&Help"),
}
"""What the menu bar says, in English."""

Perform = Callable[[WindowParts], None]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a user can do: its name in code, its words, its keys and where it is found.

    `menu` "" means keys only. `check` makes it a switch. A `rule` draws a line above it in the menu.
    """

    name: str
    english_text: str
    perform: Perform
    keys: tuple[str, ...] = ()
    menu: Menu = ""
    english_tip: str = ""
    check: bool = False
    rule: bool = False

    @property
    def text(self) -> str:
        """Its words in a menu, in the language spoken here."""
        return _(self.english_text)

    @property
    def tip(self) -> str:
        """What it does, in the language spoken here; "" where its words say it all."""
        return _(self.english_tip)


_MNEMONIC = re.compile(r"\(&\w\)")
"""The key of a menu's word where the word itself has no such letter: "打开 (&O)"."""
_registered: dict[str, Action] = {}


def action(
    text: str,
    *,
    keys: tuple[str, ...] | str = (),
    menu: Menu = "",
    check: bool = False,
    rule: bool = False,
) -> Callable[[Perform], Perform]:
    """Registers a function as an action of that function's name (without a `_` at the end).

    ValueError when the name or one of the keys is taken: two actions never share one.
    """
    pressed = (keys,) if isinstance(keys, str) else keys

    def register(perform: Perform) -> Perform:
        name = perform.__name__.rstrip("_")
        others = [other for other in _registered.values() if other.name != name]
        taken = [key for other in others for key in other.keys if key in pressed]
        if taken or (name in _registered and _registered[name].english_text != text):
            raise ValueError(
                f"the action {name!r} or its keys {', '.join(taken)} are taken already"
            )
        tip = (perform.__doc__ or "").strip()
        shown = "" if tip.startswith("(") else tip.rstrip(".")
        _registered[name] = Action(name, text, perform, pressed, menu, shown, check, rule)
        return perform

    return register


@cache
def actions() -> dict[str, Action]:
    """All actions by name, in the order of the menus; found in this package like views in theirs."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_registered.items(), key=lambda item: MENUS.index(item[1].menu)))


def plain(text: str) -> str:
    """An action's words without the menu's mnemonic mark and dots."""
    return _MNEMONIC.sub("", text).replace("&", "").rstrip("…")
