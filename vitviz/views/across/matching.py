"""Which patches of two pictures belong together: each the nearest of the other."""

from __future__ import annotations

from typing import Annotated
from weakref import ref

import numpy as np

from vitviz.core.counted import layer_name
from vitviz.core.data.drawing import Drawing, DrawnLayer, Outlines, Panel, Raster, Segments
from vitviz.core.data.geometry import Box, Spot
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.nearest import MutualPairs, mutual_nearest
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import picture_layers, two_traces
from vitviz.views.shared.cache_per_trace import kept
from vitviz.views.shared.compared_vectors import (
    ComparedVectors,
    check_comparable,
    depth_of,
    unit_vectors,
)

GAP = 0.04
"""Between the two pictures, as a share of their width."""


@view(
    "matching",
    title="Matching patches",
    shows=(
        "Lines join patches of two pictures that are each other's nearest: of all patches of the "
        "other picture none is more alike, in both directions. Only the most alike pairs are "
        "drawn; "
        "the slider says how many. The chosen token's own pair stands out. Choose a second picture "
        "with the same model to compare with."
    ),
    formula="pairs (i, j) with j = argmaxⱼ cos(xᵢ, yⱼ) and i = argmaxᵢ cos(xᵢ, yⱼ)",
    source="Amir et al. 2021, arXiv:2112.05814, section 5 (best buddies)",
    follows=("token", "layer"),
    order=90,
    shown=False,
    traces=2,
)
def draw(
    trace: Trace,
    other: Trace,
    selection: Selection,
    *,
    of: Annotated[
        ComparedVectors, OptionHelp("What is compared: tokens after the layer, or its q, k or v")
    ] = "tokens",
    share: Annotated[
        float, OptionHelp("Share of the pairs that is drawn, the most alike ones", 0.0, 1.0, 0.05)
    ] = 0.3,
    least: Annotated[
        float, OptionHelp("Leave pairs out whose cosine is below this", -1.0, 1.0, 0.05)
    ] = 0.0,
) -> Drawing:
    """Both pictures side by side in one panel, with lines between them.

    Unsupported where the second picture was closed meanwhile.
    """
    check_comparable(trace, other)
    layer = depth_of(trace, selection, of)
    pairs = _pairs(trace, ref(other), layer, of)
    count = min(int(np.ceil(share * len(pairs.alike))), int((pairs.alike >= least).sum()))
    token = selection.token(trace.grid, trace.crop)
    own = _own(pairs, token - len(trace.grid.prefix))
    panel = _panel(trace, other, pairs, count, own)
    names = two_traces.names(trace, other)
    said = _("{pairs} pairs are each other's nearest, {count} of them drawn.").format(
        pairs=len(pairs.alike), count=count
    )
    words = _("{what} of {layer}.").format(what=_(of).capitalize(), layer=layer_name(layer))
    return Drawing(
        "matching",
        _("Patches of {first} (left) and {second} (right) that belong together").format(
            first=names[0], second=names[1]
        ),
        ((panel,),),
        picture_layers.caption(trace, said, words),
    )


@kept(most=2)
def _pairs(trace: Trace, other: ref[Trace], layer: int, of: ComparedVectors) -> MutualPairs:
    """Weak, so that what is remembered keeps no other trace alive."""
    second = other()
    if second is None:
        raise Unsupported(_("the second picture was closed meanwhile; draw again"))
    vectors = [unit_vectors(each, layer, of)[each.grid.patches] for each in (trace, second)]
    return mutual_nearest(*vectors)


def _own(pairs: MutualPairs, patch: int) -> int | None:
    """The chosen patch's pair; None where it has none."""
    found = np.flatnonzero(pairs.one == patch)
    return int(found[0]) if len(found) else None


def _panel(trace: Trace, other: Trace, pairs: MutualPairs, count: int, own: int | None) -> Panel:
    """The left picture in its model's pixels, the right one beside it at the same height."""
    frame = trace.crop.frame
    scale = frame.height / other.crop.frame.height
    start = frame.width * (1 + GAP)
    right = Box(0, start, frame.height, start + other.crop.frame.width * scale)
    drawn = [
        (_spot(trace, one, 0, 1), _spot(other, two, start, scale))
        for one, two in zip(pairs.one[:count], pairs.other[:count], strict=True)
    ]
    layers: list[DrawnLayer] = [
        Raster(trace.pixels, frame),
        Raster(other.pixels, right),
        Segments(tuple(drawn), "seen"),
    ]
    facts: tuple[tuple[str, str], ...] = ()
    if own is not None:
        ends = (int(pairs.one[own]), int(pairs.other[own]))
        boxes = (_box(trace, ends[0], 0, 1), _box(other, ends[1], start, scale))
        spots = (boxes[0].centre, boxes[1].centre)
        layers += [Segments((spots,), "chosen"), Outlines(boxes, "chosen")]
        facts = ((_("chosen pair"), f"{pairs.alike[own]:.3f}"),)
    extent = Box(0, 0, frame.height, right.right)
    return Panel(tuple(layers), extent, _("Lines join nearest patches"), facts=facts)


def _box(trace: Trace, patch: int, start: float, scale: float) -> Box:
    box = trace.grid.box(patch + len(trace.grid.prefix))
    assert box is not None
    return Box(
        box.top * scale, start + box.left * scale, box.bottom * scale, start + box.right * scale
    )


def _spot(trace: Trace, patch: int, start: float, scale: float) -> Spot:
    return _box(trace, int(patch), start, scale).centre
