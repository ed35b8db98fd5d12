"""What the user points at: a place in the original picture, a depth, a head. Shared by all columns."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from vitviz.core.data.geometry import Crop, Spot, TokenGrid
from vitviz.core.data.target import PREDICTED, Target


@dataclass(frozen=True, slots=True)
class Place:
    """A token, said so that every model understands it.

    >>> from vitviz.core.data.geometry import Spot
    >>> from vitviz.core.data.selection import Place
    >>> Place(spot=Spot(45, 60)).token(trace.grid, trace.crop)  # the middle of 90 x 120 pixels
    56
    >>> Place(prefix="class").token(trace.grid, trace.crop)
    0
    >>> Place(prefix="register 1").token(trace.grid, trace.crop) is None
    True

    Either a `spot` of the original (upright) picture, in its pixels, or the name of a `prefix`
    token.
    """

    spot: Spot | None = None
    prefix: str | None = None

    def token(self, grid: TokenGrid, crop: Crop) -> int | None:
        """The token in a column; None where it has none (no such prefix token, spot not seen)."""
        if self.prefix is not None:
            return grid.prefix.index(self.prefix) if self.prefix in grid.prefix else None
        return None if self.spot is None else grid.at(crop.to_model(self.spot))


def place_of(token: int, grid: TokenGrid, crop: Crop) -> Place:
    """The place of a token: the centre of its patch in the original picture, or its prefix name."""
    box = grid.box(token)
    if box is None:
        return Place(prefix=grid.prefix[token])
    return Place(spot=crop.to_original(box.centre))


def token_words(grid: TokenGrid, token: int) -> str:
    """What to call a token in a sentence: "the class token", "register 2", "token (7, 3)"."""
    name = grid.name(token)
    if grid.place(token) is not None:
        return f"token {name}"
    return name if name[-1:].isdigit() else f"the {name} token"


@dataclass(frozen=True, slots=True)
class Selection:
    """What is chosen, linked by place and not by index.

    >>> from vitviz.core.data.geometry import Spot
    >>> from vitviz.core.data.selection import Place, Selection
    >>> selection = Selection(pin=Place(spot=Spot(45, 60)), depth=0.5)
    >>> trace.grid.name(selection.token(trace.grid, trace.crop))
    '(5, 5)'
    >>> selection.layer(6), selection.layer(12)  # the same depth in two models
    (2, 6)
    >>> selection.with_layer(0, 6).depth
    0.0

    `pin` was clicked and stays, `hover` is under the cursor and passes. `depth` is 0 (first layer)
    to 1 (last); `head` is None for all heads together. `target` is what maps of an
    answer are asked about. Values are frozen: `dataclasses.replace(selection, head=1)`.
    """

    pin: Place = Place(prefix="class")
    hover: Place | None = None
    depth: float = 1.0
    head: int | None = None
    target: Target = PREDICTED

    def differing(self, other: Selection) -> frozenset[str]:
        """The parts, by their names, in which another selection is not this one."""
        return frozenset(part for part in PARTS if getattr(self, part) != getattr(other, part))

    def token(self, grid: TokenGrid, crop: Crop) -> int:
        """The token to draw for: hovered, else pinned, else the class token, else the middle patch."""
        for place in (self.hover, self.pin):
            token = None if place is None else place.token(grid, crop)
            if token is not None:
                return token
        return grid.prefix.index("class") if "class" in grid.prefix else grid.middle

    def instead(self, grid: TokenGrid, crop: Crop) -> str:
        """A sentence where the chosen token is not among this model's and another one is drawn for."""
        chosen = self.pin if self.hover is None else self.hover
        if chosen.token(grid, crop) is not None:
            return ""
        lacks = "the chosen place is not seen"
        if chosen.prefix is not None:
            lacks = f"no {chosen.prefix}" + ("" if chosen.prefix[-1:].isdigit() else " token")
        return f"{lacks} here: {token_words(grid, self.token(grid, crop))} instead"

    def word(self, grid: TokenGrid, crop: Crop) -> int | None:
        """The word to draw for, inside the token to draw for: under the hovered or pinned spot, else
        the middle one; None where patches have no words.
        """
        if grid.words is None:
            return None
        for place in (self.hover, self.pin):
            if place is not None and place.spot is not None:
                word = grid.word_at(crop.to_model(place.spot))
                if word is not None:
                    return word
        rows, cols = grid.words
        return rows // 2 * cols + cols // 2

    def layer(self, layers: int) -> int:
        """The layer at this depth, of so many."""
        return min(max(round(self.depth * (layers - 1)), 0), max(layers - 1, 0))

    def with_layer(self, layer: int, layers: int) -> Selection:
        """The same selection at another layer."""
        return replace(self, depth=layer / (layers - 1) if layers > 1 else 1.0)


PARTS = tuple(field.name for field in fields(Selection))
"""The names of what is chosen."""
