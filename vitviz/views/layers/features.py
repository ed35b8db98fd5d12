"""What the patches of a picture have become at a depth: how alike they are, and their main colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from weakref import ref

import numpy as np
from einops import rearrange
from jaxtyping import Bool, Float32, Float64, UInt8

from vitviz.core.counted import layer_name
from vitviz.core.data.drawing import Drawing, Panel, PixelSpace, Raster
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.pca import components, projected, threshold
from vitviz.core.measures.similarity import cosine_with, directions
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import model_questions, picture_layers
from vitviz.views.shared.cache_per_trace import kept

Foreground = Literal["all patches", "high first component", "low first component"]
ComponentShares = Float64[np.ndarray, "patch component"]
SPREAD = 2.5
"""Standard deviations on either side of the mean that the colours tell apart."""


@view(
    "features",
    title="Features",
    shows=(
        "After every layer each patch is a vector of numbers. The first map compares the chosen "
        "token's with all others; the second gives every patch a colour by where it lies along the "
        "three directions in which the vectors differ most, so that like colours mean like "
        "content. "
        "Fitted over all open pictures, one colour means the same in all of them."
    ),
    formula="cos(xᵢ, xⱼ) = xᵢ · xⱼ / (‖xᵢ‖ ‖xⱼ‖); red, green, blue = first three principal "
    "components of x / ‖x‖ (of x itself where lengths are kept) less its mean, ± 2.5 standard "
    "deviations; foreground: split of the first component (Otsu)",
    source="Oquab et al. 2023 (DINOv2), arXiv:2304.07193, figure 1; Amir et al. 2021, arXiv:2112.05814",
    follows=("token", "layer"),
    order=83,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    more: Sequence[Trace] = (),
    *,
    fitted: Annotated[
        Literal["this picture", "all open pictures"],
        OptionHelp("Directions of this picture alone, or common to all that are open"),
    ] = "all open pictures",
    foreground: Annotated[
        Foreground,
        OptionHelp("Colour only one side of the first component, and fit the colours to it alone"),
    ] = "all patches",
    same_length: Annotated[
        bool,
        OptionHelp("Make all vectors equally long first, so that a few long ones do not decide"),
    ] = True,
    look: Look = Look(table="vik"),
) -> Drawing:
    """The cosine map of the chosen token, and the colours of all patches."""
    layer = model_questions.depth_of(trace, selection)
    every = (trace, *more) if fitted == "all open pictures" else (trace,)
    colors, shares = _colors(
        trace, tuple(ref(each) for each in every), layer, foreground, same_length
    )
    token = selection.token(trace.grid, trace.crop)
    panels = (
        _alike(trace, selection, token, layer, look),
        _coloured(trace, selection, colors, shares),
    )
    count = len(every)
    said = (
        _("Colours fitted over {count} pictures.").format(count=count)
        if count > 1
        else _("Colours fitted to this picture.")
    )
    title = _("What is like {token} after {layer}").format(
        token=picture_layers.token_words(trace.grid, token), layer=layer_name(layer)
    )
    return Drawing("features", title, (panels,), picture_layers.caption(trace, said))


def _alike(trace: Trace, selection: Selection, token: int, layer: int, look: Look) -> Panel:
    found = model_questions.features(trace)[layer]
    alike = cosine_with(_directions(trace, layer), token)
    values = picture_layers.on_grid(alike[trace.grid.patches], trace.grid)
    scale = picture_layers.scale_of(values, look, _("cosine"), (-1.0, 1.0))
    prefix = alike[: len(trace.grid.prefix)]
    facts = tuple(
        (name, f"{value:.3f}") for name, value in zip(trace.grid.prefix, prefix, strict=True)
    )
    return Panel(
        picture_layers.over_picture(trace, selection, values, scale, look),
        trace.crop.frame,
        _("Cosine with its {count} numbers").format(count=found.shape[-1]),
        PixelSpace(trace.crop, trace.grid),
        scale if look.heat else None,
        facts,
        query=trace.grid.name(token),
    )


@kept(most=2)
def _directions(trace: Trace, layer: int) -> Float32[np.ndarray, "token dim"]:
    return directions(model_questions.features(trace)[layer])


def _coloured(
    trace: Trace,
    selection: Selection,
    colors: UInt8[np.ndarray, "row col rgb"],
    shares: Float64[np.ndarray, "component"],
) -> Panel:
    names = ("red", "green", "blue")
    facts = tuple(
        (name, _("{share:.0%} of variance").format(share=share))
        for name, share in zip(names, shares, strict=True)
    )
    return Panel(
        (Raster(colors, trace.grid.frame, smooth=False), *picture_layers.marks(trace, selection)),
        trace.crop.frame,
        _("Three main directions as colours"),
        PixelSpace(trace.crop, trace.grid),
        facts=facts,
    )


@kept(most=4)
def _colors(
    trace: Trace,
    every: tuple[ref[Trace], ...],
    layer: int,
    foreground: Foreground,
    same_length: bool,
) -> tuple[UInt8[np.ndarray, "row col rgb"], Float64[np.ndarray, "component"]]:
    """Weak references: what is remembered keeps no other trace alive."""
    samples = [model_questions.features(each)[layer, each.grid.patches] for each in _there(every)]
    joined = np.concatenate(samples)
    if same_length:
        joined = joined / np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), 1e-12)
    front = _front(joined, foreground)
    directions, mean, shares = components(joined, 3, front)
    found = projected(joined, directions, mean)
    spread = found[front].std(axis=0)
    scaled = 0.5 + found / np.where(spread > 0, 2 * SPREAD * spread, 1)
    own, seen = scaled[: len(samples[0])], front[: len(samples[0])]
    colors = np.where(seen[:, None], np.clip(own, 0, 1), 0.16)
    pixels = (255 * colors + 0.5).astype(np.uint8)
    return rearrange(pixels, "(row col) rgb -> row col rgb", row=trace.grid.rows), shares


def _front(
    samples: Float32[np.ndarray, "sample dim"], foreground: Foreground
) -> Bool[np.ndarray, "sample"]:
    """Which patches are coloured."""
    whole = np.ones(len(samples), bool)
    if foreground == "all patches":
        return whole
    direction, mean, _ = components(samples, 1)
    first = projected(samples, direction, mean)[:, 0]
    high: Bool[np.ndarray, "sample"] = first > threshold(first)
    front = high if foreground == "high first component" else ~high
    return front if front.any() else whole


def _there(every: tuple[ref[Trace], ...]) -> list[Trace]:
    found = [each() for each in every]
    return [each for each in found if each is not None]
