"""Which patches, heads and neurons a what-if changes, from what was asked."""

from __future__ import annotations

from dataclasses import replace

from vitviz.core.data.intervention import Intervention, LayerNeurons
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.pictures.picture_area import PictureArea
from vitviz.views.shared import model_questions
from vitviz.views.shared.cache_per_trace import kept

OUTLIER = 6.0
"""Robust deviations above the median that make a patch an outlier."""


def without_outliers(trace: Trace, change: Intervention, outliers: str, count: int) -> Intervention:
    """The change with the neurons that write this picture's outliers."""
    if outliers == "as they are":
        return change
    found = _neurons(trace, count)
    return replace(
        change,
        neurons=found,
        neurons_go="nowhere" if outliers == "taken out" else "to an added token",
    )


@kept(most=4)
def _neurons(trace: Trace, count: int) -> LayerNeurons:
    return model_questions.source_of(trace).register_neurons(count, OUTLIER)


def hidden_patches(
    trace: Trace, selection: Selection, masked: str, painted: str, paint: str
) -> tuple[int, ...]:
    """The patches that are made grey, painted ones in the order in which they were painted."""
    found = PictureArea.read(painted).patches(trace.grid, trace.crop)
    if found and paint == "keeps":
        kept = set(found)
        found = tuple(each for each in range(trace.grid.rows * trace.grid.cols) if each not in kept)
    return tuple(dict.fromkeys((*_masked(trace, selection, masked), *found)))


def _masked(trace: Trace, selection: Selection, masked: str) -> tuple[int, ...]:
    """Patches by number. The pin, not what is hovered: each is a pass of the model."""
    grid = trace.grid
    token = selection.pin.token(grid, trace.crop)
    place = None if token is None else grid.place(token)
    if masked == "none" or place is None:
        return ()
    own = place[0] * grid.cols + place[1]
    if masked == "the pinned patch":
        return (own,)
    near = {
        row * grid.cols + col
        for row in range(place[0] - 1, place[0] + 2)
        for col in range(place[1] - 1, place[1] + 2)
        if 0 <= row < grid.rows and 0 <= col < grid.cols
    }
    return tuple(patch for patch in range(grid.rows * grid.cols) if patch not in near)


def chosen_heads(trace: Trace, selection: Selection, heads: str) -> tuple[tuple[int, int], ...]:
    """The chosen head as (block, head), () where none is."""
    if heads == "all" or selection.head is None:
        return ()
    layer = selection.layer(len(trace.layers))
    count = trace.layers[layer].attention.heads
    return ((trace.layers[layer].block, min(selection.head, count - 1)),)
