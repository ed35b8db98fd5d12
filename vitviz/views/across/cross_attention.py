"""What a token would look at in another picture: a probe that the model itself never computes."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from einops import einsum, reduce
from jaxtyping import Float32

from vitviz.core.counted import layer_name
from vitviz.core.data.drawing import Drawing, Outlines, Panel, PixelSpace
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import model_questions, picture_layers, two_traces
from vitviz.views.shared.compared_vectors import check_comparable

PROBE = N_(
    "A probe: the model never computes this, so no check against its own output is possible."
)


@view(
    "cross",
    title="What would it look at there",
    shows=(
        "The chosen token's query of this picture meets the keys of another picture: where "
        "would it "
        "look, were it there? No model computes this; it is a probe of what the query asks for. "
        "Where "
        "the model turns queries and keys by their place, the place asks too."
    ),
    formula="softmax(q(here) · k(there)ᵀ · scale), over all tokens of the other picture",
    source="a probe of vitviz's own",
    follows=("token", "layer", "head"),
    order=91,
    shown=False,
    traces=2,
)
def draw(
    trace: Trace,
    other: Trace,
    selection: Selection,
    *,
    here_too: Annotated[
        bool, OptionHelp("Show beside it where the token looks in its own picture")
    ] = True,
    look: Look = Look(),
) -> Drawing:
    """The probed map over the other picture, and the real one over this.

    Unsupported for a layer that adds a bias by place to its scores.
    """
    check_comparable(trace, other)
    layer = selection.layer(len(trace.layers))
    token = selection.token(trace.grid, trace.crop)
    rows = _probed(trace, other, layer, token)
    head = None if selection.head is None else min(selection.head, len(rows) - 1)
    there = _chosen(rows, head)
    name = picture_layers.token_words(trace.grid, token)
    panels = [_there(other, there, look, _("Probe: {name}").format(name=other.picture.name))]
    if here_too:
        here = _chosen(trace.layers[layer].attention.rows(token), head)
        panels.insert(0, _here(trace, selection, here, look))
    which = picture_layers.head_words(head, len(rows))
    names = two_traces.names(trace, other)
    return Drawing(
        "cross",
        _("Probe: what {name} of {first} would look at in {second}, {layer}, {which}").format(
            name=name, first=names[0], second=names[1], layer=layer_name(layer), which=which
        ),
        (tuple(panels),),
        picture_layers.caption(trace, _(PROBE)),
        known=_("Numbers of a probe: compared with nothing that the model puts out."),
    )


def _probed(trace: Trace, other: Trace, layer: int, token: int) -> Float32[np.ndarray, "head key"]:
    """Unsupported where scores hold more than queries and keys."""
    one, two = (model_questions.vectors(each, layer) for each in (trace, other))
    if one.biased or two.biased:
        raise Unsupported(
            _(
                "{layer} of {called} adds a bias by place to its scores, and places of "
                "two pictures have none in common; compare its queries and keys instead"
            ).format(layer=layer_name(layer), called=trace.model.called)
        )
    scores = einsum(one.query[:, token], two.key, "head dim, head key dim -> head key") * one.scale
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    found: Float32[np.ndarray, "head key"] = shifted / shifted.sum(axis=-1, keepdims=True)
    return found.astype(np.float32)


def _chosen(rows: Float32[np.ndarray, "head key"], head: int | None) -> Float32[np.ndarray, "key"]:
    return reduce(rows, "head key -> key", "mean") if head is None else rows[head]


def _here(trace: Trace, selection: Selection, row: Float32[np.ndarray, "key"], look: Look) -> Panel:
    values = picture_layers.on_grid(row[trace.grid.patches], trace.grid)
    scale = picture_layers.scale_of(values, look, _("attention"))
    layers = picture_layers.over_picture(trace, selection, values, scale, look)
    token = trace.grid.name(selection.token(trace.grid, trace.crop))
    return Panel(
        layers,
        trace.crop.frame,
        _("Its own picture: {name}").format(name=trace.picture.name),
        PixelSpace(trace.crop, trace.grid),
        scale if look.heat else None,
        picture_layers.shares(row, trace.grid),
        query=token,
    )


def _there(other: Trace, row: Float32[np.ndarray, "key"], look: Look, title: str) -> Panel:
    grid = other.grid
    values = picture_layers.on_grid(row[grid.patches], grid)
    scale = picture_layers.scale_of(values, look, _("share, were it there"))
    box = grid.box(int(row[grid.patches].argmax()) + len(grid.prefix))
    layers = (
        *picture_layers.map_over(picture_layers.picture(other), values, grid.frame, scale, look),
        Outlines(() if box is None else (box,), "seen"),
    )
    facts = picture_layers.shares(row, grid)
    return Panel(layers, other.crop.frame, title, bar=scale if look.heat else None, facts=facts)
