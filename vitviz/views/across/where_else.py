"""Where else is what the chosen token shows: in this picture, and in all that are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float32

from vitviz.core.colors import ColorScale
from vitviz.core.counted import layer_name
from vitviz.core.data.drawing import Drawing, Grid, Outlines, Panel, PixelSpace
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _, pgettext
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import picture_layers
from vitviz.views.shared.compared_vectors import ComparedVectors, depth_of, unit_vectors
from vitviz.views.shared.heads_over_depth import PicturesOver

ACROSS = 3
"""Pictures in a row."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundPatches:
    """How like every patch of a picture is to what is looked for, and the best one."""

    trace: Trace
    alike: Float32[np.ndarray, "patch"]

    @property
    def best(self) -> int:
        """The token of the most alike patch."""
        return int(self.alike.argmax()) + len(self.trace.grid.prefix)

    @property
    def score(self) -> float:
        """How alike that is."""
        return float(self.alike.max())


@view(
    "where",
    title="Where else is this",
    shows=(
        "The chosen token's vector is compared with those of all patches, in this picture and "
        "in all "
        "that are open: warm is alike. The best place of each other picture is outlined, and the "
        "pictures stand in the order of their best places. Vectors that mean one thing in one "
        "picture "
        "mean it in others too, so parts of things are found again without anybody having named "
        "them."
    ),
    formula="cos(xᵢ, yⱼ) = xᵢ · yⱼ / (‖xᵢ‖ ‖yⱼ‖), of tokens after the block, or of all heads' queries, "
    "keys or values side by side",
    source="Amir et al. 2021, arXiv:2112.05814; Oquab et al. 2023, arXiv:2304.07193, figure 10",
    follows=("token", "layer"),
    order=89,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    more: Sequence[Trace] = (),
    *,
    over: Annotated[
        PicturesOver, OptionHelp("Look in this picture alone, or in all that are open")
    ] = "all open pictures",
    of: Annotated[
        ComparedVectors, OptionHelp("What is compared: tokens after the layer, or its q, k or v")
    ] = "tokens",
    most: Annotated[
        int, OptionHelp("Pictures shown beside this one, those with the best places", 0, 24, 1)
    ] = 5,
    look: Look = Look(table="magma"),
) -> Drawing:
    """The picture itself, then the others by their best place, in one range."""
    layer = depth_of(trace, selection, of)
    token = selection.token(trace.grid, trace.crop)
    query = unit_vectors(trace, layer, of)[token]
    every = (trace, *more) if over == "all open pictures" else (trace,)
    found = [
        FoundPatches(each, unit_vectors(each, layer, of)[each.grid.patches] @ query)
        for each in every
    ]
    ranked = sorted(found[1:], key=lambda one: -one.score)[:most]
    low = min(float(one.alike.min()) for one in found)
    scale = picture_layers.scale_of(found[0].alike, look, _("cosine"), (low, 1.0))
    panels = [_here(found[0], selection, scale, look)]
    panels += [_there(one, scale, look) for one in ranked]
    rows = tuple(tuple(panels[at : at + ACROSS]) for at in range(0, len(panels), ACROSS))
    named = picture_layers.token_words(trace.grid, token)
    said = _("{what} of {layer}, among {count} pictures.").format(
        what=_(of).capitalize(), layer=layer_name(layer), count=len(found)
    )
    if len(found) == 1:
        said = _("{what} of {layer}, in this picture alone.").format(
            what=_(of).capitalize(), layer=layer_name(layer)
        )
    return Drawing(
        "where",
        _("Where else is {named}").format(named=named),
        rows,
        picture_layers.caption(trace, said),
    )


def _here(one: FoundPatches, selection: Selection, scale: ColorScale, look: Look) -> Panel:
    """The picture with the chosen token: everything but that token itself."""
    trace = one.trace
    values = picture_layers.on_grid(one.alike, trace.grid)
    layers = picture_layers.over_picture(trace, selection, values, scale, look)
    token = selection.token(trace.grid, trace.crop)
    space = PixelSpace(trace.crop, trace.grid)
    bar = scale if look.heat else None
    query = trace.grid.name(token)
    return Panel(layers, trace.crop.frame, trace.picture.name, space, bar, query=query)


def _there(one: FoundPatches, scale: ColorScale, look: Look) -> Panel:
    """Another picture with its best place outlined; nothing in it can be chosen from here."""
    trace, grid = one.trace, one.trace.grid
    values = picture_layers.on_grid(one.alike, grid)
    box = grid.box(one.best)
    layers = (
        *picture_layers.map_over(picture_layers.picture(trace), values, grid.frame, scale, look),
        *((Grid(grid.frame, grid.rows, grid.cols),) if look.grid else ()),
        Outlines(() if box is None else (box,), "seen"),
    )
    facts = ((_("best"), f"{one.score:.3f}"), (pgettext("of a place", "at"), grid.name(one.best)))
    bar = scale if look.heat else None
    return Panel(layers, trace.crop.frame, trace.picture.name, bar=bar, facts=facts)
