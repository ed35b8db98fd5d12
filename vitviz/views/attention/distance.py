"""How far every head looks, beside the growing field of stacked convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.plots import Curve
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.distance import Convolutions, drawable, mean_distance
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import heads_over_depth, picture_layers
from vitviz.views.shared.cache_per_trace import kept
from vitviz.views.shared.heads_over_depth import HeadSpread, OverOption

DistanceUnit = Literal["pixels", "patches", "none"]


@view(
    "distance",
    title="Attention distance",
    shows=(
        "How far does a head look? Each point is one head: the mean distance in the picture "
        "between "
        "a patch and the patches that it attends to. A convolution sees only what lies within its "
        "kernel, so its field grows a little with every layer (the line); attention may look "
        "across "
        "the whole picture in the first layer already."
    ),
    formula="d(head) = mean over patches i of Σⱼ Aᵢⱼ · ‖cᵢ − cⱼ‖ in pixels of the model; with "
    "renormalising, rows are divided by Σⱼ Aᵢⱼ over patches first",
    source="Dosovitskiy et al. 2020, arXiv:2010.11929, figure 7 (right); Raghu et al. 2021, "
    "arXiv:2108.08810",
    follows=("layer", "head"),
    order=81,
    applies=heads_over_depth.layers_needed,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    more: Sequence[Trace] = (),
    *,
    over: OverOption = "this picture",
    renormalise: Annotated[
        bool,
        OptionHelp(
            "Leave the share that goes to class and register tokens out of account; off, as in the "
            "reference code, makes heads that look at them seem to look near"
        ),
    ] = True,
    convolutions: Annotated[
        DistanceUnit,
        OptionHelp("Compare with stacked convolutions over single pixels, over patches, or none"),
    ] = "patches",
    kernel: Annotated[int, OptionHelp("Side of the convolutions' kernel, in cells", 1, 15, 2)] = 3,
) -> Drawing:
    """Every head as a point, layers across."""
    found, count = heads_over_depth.averaged(
        trace, more, over, lambda each: _measured(each, renormalise)
    )
    layer = selection.layer(len(found))
    line = _field(trace, len(found), convolutions, kernel)
    panel = heads_over_depth.panel(
        trace,
        found,
        selection,
        _("{count} layers, a point a head").format(count=len(found)),
        _("mean attention distance, pixels"),
        *line,
        high=_highest(trace, found),
        facts=heads_over_depth.of_layer(trace, found, layer),
    )
    said = (
        _("Prefix tokens left out, rows made to sum to 1.")
        if renormalise
        else _("Prefix tokens left out without making rows sum to 1, as in the reference code.")
    )
    return Drawing(
        "distance",
        _("How far heads look, {layer}").format(layer=picture_layers.layer_words(trace, layer)),
        ((panel,),),
        picture_layers.caption(
            trace,
            heads_over_depth.pictures_words(count, over),
            said,
            *heads_over_depth.shares_words(trace),
            *picture_layers.left_out(trace),
        ),
    )


@kept(most=2)
def _measured(trace: Trace, renormalise: bool) -> HeadSpread:
    return tuple(
        mean_distance(layer, renormalise=renormalise) if drawable(layer) else None
        for layer in trace.layers
    )


def _highest(trace: Trace, found: HeadSpread) -> float:
    """A convolution's line may leave the plot: heads can reach no further than the picture."""
    return 1.08 * max(
        (float(np.nanmax(each)) for each in found if each is not None and np.isfinite(each).any()),
        default=float(max(trace.crop.model)),
    )


def _field(trace: Trace, layers: int, cells: DistanceUnit, kernel: int) -> tuple[Curve, ...]:
    if cells == "none":
        return ()
    cell = trace.grid.cell if cells == "patches" else (1.0, 1.0)
    stack = Convolutions(layers, kernel, cell=cell)
    reach = np.array([stack.reach(count) for count in range(1, layers + 1)])
    reach = np.where(reach <= max(trace.crop.model), reach, np.nan)
    one = _("pixel") if cells == "pixels" else _("patch")
    name = _("furthest that stacked {kernel} × {kernel} convolutions see ({one} by {one})").format(
        kernel=kernel, one=one
    )
    return (Curve(np.arange(1.0, layers + 1), reach, name, tone="second"),)
