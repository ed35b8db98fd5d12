"""What columns side by side have in common: a place, a depth, a head, a picture, the zoom."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from vitviz.core.data.geometry import Spot
from vitviz.core.data.selection import Place, Selection
from vitviz.core.data.target import Target
from vitviz.session.work.request import ModelRequest

GridSides = tuple[int, int]
ColumnSizes = tuple[GridSides, GridSides]


@dataclass(frozen=True, slots=True)
class ColumnLinks:
    """The links between columns; each can be cut.

    `place` is the hovered and the pinned token, linked by the spot of the original picture, or by name
    for a prefix token; between two different pictures, by the relative place in them. `depth` is
    linked from the first layer to the last, whatever their number. `head` is linked between
    columns of one model only: head 3 of another model has nothing to do with this one's. So is a
    target that is a number; one that any model understands (the predicted class, a class by name) is
    shared by all columns.
    `picture`: columns that show one picture go on to the next together. `zoom`: so do the panels.
    """

    place: bool = True
    depth: bool = True
    head: bool = True
    picture: bool = True
    zoom: bool = False


def one_model(one: ModelRequest, other: ModelRequest) -> bool:
    """Whether two columns have the same model, at whatever patch size and on whatever device.

    timm's class and vitviz's own network for one name are the same model, built twice.
    """
    return _model(one) == _model(other)


def _model(request: ModelRequest) -> tuple[str, str, bool]:
    name, architecture = request.name, request.architecture or ""
    return name.removeprefix("timm/"), architecture.removeprefix("timm/"), request.pretrained


def carried(
    mine: Selection,
    theirs: Selection,
    parts: Collection[str],
    together: ColumnLinks,
    *,
    same_model: bool,
    sizes: ColumnSizes | None = None,
) -> Selection:
    """A column's selection after these parts of another column's have changed, as far as linked.

    `sizes` are (rows, cols) of the other column's picture and of this one's where they differ.
    """
    changes: dict[str, Any] = {}
    if together.place:
        changes = {part: _there(getattr(theirs, part), sizes) for part in ("pin", "hover")}
    if together.depth:
        changes["depth"] = theirs.depth
    if together.head and same_model:
        changes["head"] = theirs.head
    if same_model or _understood(theirs.target):
        changes["target"] = theirs.target
    changes = {part: value for part, value in changes.items() if part in parts}
    return replace(mine, **changes) if changes else mine


def _understood(target: Target) -> bool:
    """Whether a target means the same in any model."""
    numbered = (target.index, target.against, target.layer) != (None, None, None)
    return not numbered and target.kind != "function"


def _there(place: Place | None, sizes: ColumnSizes | None) -> Place | None:
    return place if place is None or sizes is None else scaled(place, *sizes)


def scaled(place: Place, old: GridSides, new: GridSides) -> Place:
    """The place at the same share of another picture's height and width."""
    if place.spot is None:
        return place
    return Place(Spot(place.spot.row * new[0] / old[0], place.spot.col * new[1] / old[1]))
