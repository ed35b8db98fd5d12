"""Keys without a menu: the token, the layer and the head that are chosen."""

from __future__ import annotations

from vitviz.gui.app.actions import action
from vitviz.gui.app.actions.window_parts import WindowParts


@action("Token above", keys="Up")
def up(parts: WindowParts) -> None:
    """(One patch.)"""
    parts.session.chosen.move_token(-1, 0)


@action("Token below", keys="Down")
def down(parts: WindowParts) -> None:
    """(One patch.)"""
    parts.session.chosen.move_token(1, 0)


@action("Token to the left", keys="Left")
def left(parts: WindowParts) -> None:
    """(One patch.)"""
    parts.session.chosen.move_token(0, -1)


@action("Token to the right", keys="Right")
def right(parts: WindowParts) -> None:
    """(One patch.)"""
    parts.session.chosen.move_token(0, 1)


@action("Class token", keys="C")
def class_token(parts: WindowParts) -> None:
    """(Where the model has one.)"""
    parts.session.chosen.choose_prefix("class")


@action("Next layer, down in the atlas", keys="PgDown")
def layer_up(parts: WindowParts) -> None:
    """(Towards the answer.)"""
    parts.session.chosen.step_layer(1)


@action("Previous layer, up in the atlas", keys="PgUp")
def layer_down(parts: WindowParts) -> None:
    """(Towards the pixels.)"""
    parts.session.chosen.step_layer(-1)


@action("First layer", keys="Home")
def first_layer(parts: WindowParts) -> None:
    """(Next to the pixels.)"""
    parts.session.chosen.select(depth=0.0)


@action("Last layer", keys="End")
def last_layer(parts: WindowParts) -> None:
    """(Next to the answer.)"""
    parts.session.chosen.select(depth=1.0)


@action("Previous head", keys="[")
def head_down(parts: WindowParts) -> None:
    """(Before the first come all together.)"""
    parts.session.chosen.step_head(-1)


@action("Next head", keys="]")
def head_up(parts: WindowParts) -> None:
    """(After all together comes the first.)"""
    parts.session.chosen.step_head(1)


@action("All heads together", keys="0")
def all_heads(parts: WindowParts) -> None:
    """(Fused as the view says.)"""
    parts.session.chosen.select(head=None)
