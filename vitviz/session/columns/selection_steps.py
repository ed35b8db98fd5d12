"""Steps through what can be chosen, as the keyboard makes them: a selection in, a new one out."""

from __future__ import annotations

from dataclasses import replace

from vitviz.core.data.selection import Place, Selection, place_of
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.progress import VitvizError
from vitviz.session.columns.column_links import scaled


def moved(selection: Selection, trace: Trace, rows: int, cols: int) -> Selection:
    """The pinned token so many patches further, inside the grid; from a prefix token, the middle."""
    grid = trace.grid
    pinned = selection.pin.token(grid, trace.crop)
    here = None if pinned is None else grid.place(pinned)
    if here is None:
        return replace(selection, pin=place_of(grid.middle, grid, trace.crop), hover=None)
    row = min(max(here[0] + rows, 0), grid.rows - 1)
    col = min(max(here[1] + cols, 0), grid.cols - 1)
    return replace(selection, pin=place_of(grid.token(row, col), grid, trace.crop), hover=None)


def layer_stepped(selection: Selection, trace: Trace, step: int) -> Selection:
    """So many layers deeper (or less deep), kept between first and last."""
    layers = trace.depths
    layer = max(min(selection.layer(layers) + step, layers - 1), 0)
    return selection.with_layer(layer, layers)


def head_stepped(selection: Selection, trace: Trace, step: int) -> Selection:
    """The next head; "all together" lies between the last and the first."""
    around = trace.heads + 1
    now = 0 if selection.head is None else selection.head + 1
    then = (now + step) % around
    return replace(selection, head=None if then == 0 else then - 1)


def prefix_chosen(selection: Selection, trace: Trace, name: str) -> Selection:
    """A prefix token pinned. VitvizError naming those there are, where the model has no such token."""
    if name not in trace.grid.prefix:
        there = ", ".join(trace.grid.prefix) or "none"
        raise VitvizError(
            _(
                "{called} has no {name} token, its prefix tokens are: {there}; choose a "
                "patch instead"
            ).format(called=trace.model.called, name=name, there=there)
        )
    return replace(selection, pin=Place(prefix=name), hover=None)


def carried_over(selection: Selection, old: Trace | None, new: Trace) -> Selection:
    """A selection that keeps its meaning for another trace.

    On another picture a spot keeps its relative position; a head that the model lacks is let go.
    """
    head = selection.head if selection.head is None or selection.head < new.heads else None
    if old is None or old.picture.key == new.picture.key:
        return replace(selection, head=head)
    pin = scaled(selection.pin, old.crop.original, new.crop.original)
    return replace(selection, head=head, pin=pin, hover=None)
