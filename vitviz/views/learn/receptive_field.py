"""What a token's attention reaches, beside what stacked convolutions could see from there."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from einops import reduce
from jaxtyping import Float32, Float64

from vitviz.core.counted import layer_name
from vitviz.core.data.drawing import Drawing, Listed, Outlines, Panel, PixelSpace
from vitviz.core.data.geometry import Box, TokenGrid
from vitviz.core.data.plots import Axis, Curve, Plot, Whose
from vitviz.core.data.selection import Selection, place_of
from vitviz.core.data.trace import Layer, Trace
from vitviz.core.language import _
from vitviz.core.measures.distance import (
    Convolutions,
    below_zero,
    distances_from,
    drawable,
    mass_within,
    radius_of,
)
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import heads_over_depth, picture_layers
from vitviz.views.shared.cache_per_trace import kept

MOST = 8
"""Boxes drawn for one stack of convolutions."""
STEPS = 60

KeyDistances = Float32[np.ndarray, "key"]


@view(
    "field",
    title="Receptive field",
    shows=(
        "What can a layer see from one place? A convolution sees a small square that grows with "
        "every further one: the boxes. Attention is not bound to a neighbourhood: the map shows "
        "where the chosen token looks, and the curves how much of that lies within which distance, "
        "for every layer."
    ),
    formula="field of n convolutions = 1 + (k − 1) · dilation · Σ strideᶦ, i < n; "
    "mass(r) = Σ Aᵢⱼ over patches j with ‖cᵢ − cⱼ‖ ≤ r, of all patches",
    source="Araujo, Norris and Sim 2019, Computing Receptive Fields of Convolutional Neural Networks, "
    "Distill; Raghu et al. 2021, arXiv:2108.08810",
    follows=("token", "layer", "head"),
    order=80,
    applies=heads_over_depth.layers_needed,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    count: Annotated[int, OptionHelp("How many convolutions, one after the other", 1, 100, 1)] = 5,
    kernel: Annotated[int, OptionHelp("Side of a kernel, in cells", 1, 15, 2)] = 3,
    stride: Annotated[int, OptionHelp("Cells that every convolution steps on", 1, 4, 1)] = 1,
    dilation: Annotated[
        int, OptionHelp("Cells from one of the kernel's taps to the next", 1, 8, 1)
    ] = 1,
    cells: Annotated[
        Literal["pixels", "patches"],
        OptionHelp("Whether convolutions run over pixels or over patches"),
    ] = "pixels",
    look: Look = Look(),
) -> Drawing:
    """The boxes over the token's attention, and the share within each distance.

    Unsupported for a model whose tokens do not look at each other.
    """
    if not trace.layers:
        raise Unsupported(
            _("the tokens of {called} do not look at each other").format(called=trace.model.called)
        )
    grid = trace.grid
    token = selection.token(grid, trace.crop)
    if grid.place(token) is None:  # nothing is near or far from a token without a place
        token = grid.middle
        selection = replace(selection, hover=place_of(token, grid, trace.crop))
    box = grid.box(token)
    assert box is not None
    title = _("What {token} can see").format(token=picture_layers.token_words(grid, token))
    cell = grid.cell if cells == "patches" else (1.0, 1.0)
    stack = Convolutions(count, kernel, stride, dilation, cell)
    panels = _picture(trace, selection, stack, cells, box, look), _curves(trace, selection, stack)
    said = picture_layers.caption(
        trace,
        _said(stack, cells),
        *heads_over_depth.shares_words(trace),
        *picture_layers.left_out(trace),
    )
    return Drawing("field", title, (panels,), said)


def _said(stack: Convolutions, cells: str) -> str:
    side = stack.field()
    return _(
        "{words} over {cells} see {count} × {count} {cells}; curves leave out what "
        "goes to tokens without a place."
    ).format(words=stack.words, cells=cells, count=_count(side))


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**9 else shown_number(number, 2)


def _row(layer: Layer, trace: Trace, selection: Selection) -> Float32[np.ndarray, "key"] | None:
    """Where the token looks in a layer, in the chosen head or the mean of all; None where unknown."""
    if not drawable(layer):
        return None
    rows = layer.shares.rows(selection.token(layer.grid, trace.crop))
    head = selection.head
    one: Float32[np.ndarray, "key"] = (
        reduce(rows, "head key -> key", "mean") if head is None else rows[min(head, len(rows) - 1)]
    )
    return None if below_zero(one) else one


@kept(most=8)
def _apart(_trace: Trace, grid: TokenGrid, keys: TokenGrid, patch: int) -> KeyDistances:
    return distances_from(grid, keys, patch)


def _from(trace: Trace, layer: Layer, selection: Selection) -> KeyDistances:
    patch = selection.token(layer.grid, trace.crop) - len(layer.grid.prefix)
    return _apart(trace, layer.grid, layer.keys, patch)


def _picture(
    trace: Trace, selection: Selection, stack: Convolutions, cells: str, box: Box, look: Look
) -> Panel:
    layer, frame = selection.layer(len(trace.layers)), trace.crop.frame
    one = trace.layers[layer]
    row = _row(one, trace, selection)
    which = picture_layers.head_words(selection.head, one.attention.heads)
    title = f"{trace.layer_name(layer, 'Layer')}, {which}"
    fields = _fields(stack, box, frame)
    if row is None:
        return Panel(
            (*picture_layers.picture(trace), *fields, *picture_layers.marks(trace, selection)),
            frame,
            f"{title}: {'below zero, no shares' if drawable(one) else 'not among patches'}",
            PixelSpace(trace.crop, trace.grid),
        )
    values = picture_layers.on_grid(row[one.keys.patches], one.keys)
    scale = picture_layers.scale_of(values, look, _("attention"))
    below = picture_layers.picture(trace)
    over = picture_layers.map_over(below, values, one.keys.frame, scale, look)
    return Panel(
        (*over, *fields, *picture_layers.marks(trace, selection)),
        frame,
        title,
        PixelSpace(trace.crop, trace.grid),
        scale if look.heat else None,
        _facts(trace, one, row, selection, stack, cells),
        query=trace.grid.name(selection.token(trace.grid, trace.crop)),
    )


def _fields(stack: Convolutions, box: Box, frame: Box) -> tuple[Outlines, Outlines]:
    """The field after each convolution (some of many), the last one firm."""
    counts = sorted({round(each) for each in np.linspace(1, stack.count, min(stack.count, MOST))})
    boxes = [stack.box(box.centre, count).clip(frame) for count in counts]
    return Outlines(tuple(dict.fromkeys(boxes[:-1])), "quiet"), Outlines((boxes[-1],), "seen")


def _facts(
    trace: Trace,
    layer: Layer,
    row: KeyDistances,
    selection: Selection,
    stack: Convolutions,
    cells: str,
) -> tuple[tuple[str, str], ...]:
    shares, apart = row[layer.keys.patches], _from(trace, layer, selection)
    near = mass_within(shares, apart, np.array([stack.reach()]))[0]
    return (
        (_("outer box"), f"{_count(stack.field())} × {_count(stack.field())} {cells}"),
        (_("attention within its reach"), f"{near:.0%}"),
        (
            _("half of it within"),
            _("{radius:.0f} px").format(radius=radius_of(shares, apart, 0.5)),
        ),
        (_("90 % within"), _("{radius:.0f} px").format(radius=radius_of(shares, apart, 0.9))),
        *picture_layers.shares(row, layer.keys)[:-1],
    )


def _curves(trace: Trace, selection: Selection, stack: Convolutions) -> Panel:
    """How much of each layer's attention lies within a distance, against an even spread."""
    chosen = selection.layer(len(trace.layers))
    furthest = float(_apart(trace, trace.grid, trace.grid, _patch(trace, selection)).max()) + 1
    radii = np.linspace(0, furthest, STEPS)
    found = [_mass(trace, layer, selection, radii) for layer in trace.layers]
    curves = [
        Curve(radii, mass, tone="quiet", whose=(Whose(trace.layer_name(index), index),) * STEPS)
        for index, mass in enumerate(found)
        if mass is not None and index != chosen
    ]
    if curves:
        curves[0] = Curve(radii, curves[0].y, _("each layer"), tone="quiet", whose=curves[0].whose)
    even = _even(trace, selection, radii)
    curves.append(Curve(radii, even, _("if it were even"), tone="third"))
    reach = min(stack.reach(), furthest)
    edge = np.array([reach, reach]), np.array([0.0, 1.0])
    curves.append(Curve(*edge, _("the convolutions' edge"), tone="second"))
    if (mass := found[chosen]) is not None:
        whose = (Whose(layer_name(chosen), chosen),) * STEPS
        curves.append(Curve(radii, mass, layer_name(chosen), tone="chosen", whose=whose))
    plot = Plot(
        tuple(curves),
        Axis(_("distance from the patch, pixels"), 0, furthest),
        Axis(_("share of attention within"), 0, 1),
    )
    return Panel(
        (plot,), Box(0, 0, 1, 1), _("Attention within a distance"), Listed(len(trace.layers))
    )


def _mass(
    trace: Trace, layer: Layer, selection: Selection, radii: Float64[np.ndarray, "radius"]
) -> Float64[np.ndarray, "radius"] | None:
    row = _row(layer, trace, selection)
    if row is None:
        return None
    return mass_within(row[layer.keys.patches], _from(trace, layer, selection), radii)


def _even(
    trace: Trace, selection: Selection, radii: Float64[np.ndarray, "radius"]
) -> Float64[np.ndarray, "radius"]:
    apart = _apart(trace, trace.grid, trace.grid, _patch(trace, selection))
    return mass_within(np.ones(len(apart), np.float32), apart, radii)


def _patch(trace: Trace, selection: Selection) -> int:
    return selection.token(trace.grid, trace.crop) - len(trace.grid.prefix)
