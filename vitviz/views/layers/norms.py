"""How long the tokens' vectors are, what a block adds to them, and which ones stick out."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float32

from vitviz.core.counted import layer_name
from vitviz.core.data.block_steps import BlockSteps
from vitviz.core.data.drawing import Drawing, Listed, Outlines, Panel, PixelSpace
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Axis, Curve, Plot, Whose, axis
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.norm_outliers import NormOutliers, norm_outliers
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import model_questions, picture_layers
from vitviz.views.shared.cache_per_trace import kept

What = Literal[
    "stream after the block",
    "added by attention",
    "added by the MLP",
    "added by the words of a TNT",
]
Lengths = Float32[np.ndarray, "token"]


@view(
    "norms",
    title="Token lengths and outliers",
    shows=(
        "Blocks only add to the stream of each token, so its length tells how much was written. "
        "Some "
        "large models write very long vectors into a few patches of empty background and use "
        "them as "
        "scratch space; these are outlined where they stick out by more than the threshold. "
        "Registers "
        "were introduced to take over that work."
    ),
    formula="‖xᵢ‖₂ after the block, before the final norm; outlier: "
    "(‖xᵢ‖ − median) / (1.4826 · median |‖x‖ − median|) > threshold",
    source="Darcet et al. 2023, arXiv:2309.16588; robust score: Iglewicz and Hoaglin 1993",
    follows=("token", "layer"),
    order=86,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    of: Annotated[What, OptionHelp("Whose length is drawn")] = "stream after the block",
    threshold: Annotated[
        float, OptionHelp("How many robust standard deviations make a patch an outlier", 1, 30, 0.5)
    ] = 6.0,
    look: Look = Look(table="magma"),
) -> Drawing:
    """The lengths over the picture with the outliers outlined, and over the depth.

    Unsupported where it is not known what the chosen part of a block adds.
    """
    layer = model_questions.depth_of(trace, selection)
    lengths = _lengths(trace, layer, of)
    found = norm_outliers(lengths[trace.grid.patches], threshold)
    count = trace.grid.rows * trace.grid.cols
    title = _("{outliers} of {count} patches stick out after {layer}").format(
        outliers=found.count, count=count, layer=layer_name(layer)
    )
    panels = (
        _map(trace, selection, lengths, found, of, look),
        _depth(trace, selection, layer, threshold),
    )
    said = _("Median {median}, robust deviation {spread}.").format(
        median=shown_number(found.median), spread=shown_number(found.spread)
    )
    return Drawing("norms", title, (panels,), picture_layers.caption(trace, said))


def _lengths(trace: Trace, layer: int, of: What) -> Lengths:
    if of == "stream after the block":
        lengths: Lengths = _streams(trace)[layer]
        return lengths
    block = _block(trace, layer)
    if of != "added by the words of a TNT":
        return block.attention if of == "added by attention" else block.mlp
    if block.words is None:
        raise Unsupported(
            _("the patches of {called} have no words that could add something; take a TNT").format(
                called=trace.model.called
            )
        )
    return block.words


def _block(trace: Trace, layer: int) -> BlockSteps:
    """The block after which the features are. Unsupported where blocks and layers do not match."""
    blocks = len(model_questions.features(trace))
    if blocks != len(trace.layers):
        raise Unsupported(
            _(
                "{called} has {blocks} blocks and {layers} attention layers, so "
                "which block adds what is not known; look at the stream after the block"
            ).format(called=trace.model.called, blocks=blocks, layers=len(trace.layers))
        )
    return model_questions.block(trace, layer)


@kept(most=1)
def _streams(trace: Trace) -> Float32[np.ndarray, "layer token"]:
    found: Float32[np.ndarray, "layer token"] = np.linalg.norm(
        model_questions.features(trace), axis=-1
    )
    return found


def _map(
    trace: Trace, selection: Selection, lengths: Lengths, found: NormOutliers, of: What, look: Look
) -> Panel:
    grid = trace.grid
    values = picture_layers.on_grid(lengths[grid.patches], grid)
    scale = picture_layers.scale_of(values, look, _("length"))
    boxes = tuple(
        box
        for patch in np.flatnonzero(found.which)
        if (box := grid.box(int(patch) + len(grid.prefix))) is not None
    )
    over = picture_layers.over_picture(trace, selection, values, scale, look)
    facts = [(name, f"{lengths[at]:.1f}") for at, name in enumerate(grid.prefix)]
    layer = model_questions.depth_of(trace, selection)
    facts += _token_facts(trace, selection.token(grid, trace.crop), layer)
    return Panel(
        (*over[:-2], Outlines(boxes, "seen"), *over[-2:]),
        trace.crop.frame,
        of[:1].upper() + of[1:],
        PixelSpace(trace.crop, grid),
        scale if look.heat else None,
        tuple(facts),
    )


def _token_facts(trace: Trace, token: int, layer: int) -> list[tuple[str, str]]:
    """What the block adds to the chosen token; nothing where it cannot be told apart."""
    name = trace.grid.name(token)
    try:
        block = _block(trace, layer)
    except Unsupported:
        return [(_("{name} after").format(name=name), f"{_streams(trace)[layer, token]:.1f}")]
    steps = (
        ("before", block.before),
        (_("words add"), block.words),
        (_("attention adds"), block.attention),
        (_("MLP adds"), block.mlp),
        ("after", block.after),
    )
    return [
        (f"{name} {what}", f"{values[token]:.1f}") for what, values in steps if values is not None
    ]


def _depth(trace: Trace, selection: Selection, layer: int, threshold: float) -> Panel:
    """Every layer's middle and longest, the chosen token, and where outliers begin."""
    streams, grid = _streams(trace), trace.grid
    patches = streams[:, grid.patches].astype(np.float64)
    token = selection.token(grid, trace.crop)
    depths = np.arange(1.0, len(streams) + 1)
    whose = tuple(Whose(layer_name(index), index) for index in range(len(streams)))
    limits = [norm_outliers(one.astype(np.float32), threshold) for one in patches]
    limit = np.array([one.median + threshold * one.spread for one in limits])
    own = streams[:, token].astype(np.float64)
    curves = (
        Curve(depths, np.median(patches, axis=1), _("median patch"), whose=whose),
        Curve(depths, patches.max(axis=1), _("longest patch"), tone="third", whose=whose),
        Curve(depths, limit, _("threshold"), tone="quiet"),
        Curve(depths, own, picture_layers.token_words(grid, token), tone="chosen", whose=whose),
        Curve(depths[[layer]], own[[layer]], kind="points", tone="chosen"),
    )
    drawn = [curve.y for curve in curves if curve.name != "threshold"]
    across = Axis(_("layer"), 0.5, len(streams) + 0.5, whole=True)
    plot = Plot(curves, across, axis(_("length of the stream"), *drawn, low=0))
    return Panel((plot,), Box(0, 0, 1, 1), _("Over the depth"), Listed(len(streams)))
