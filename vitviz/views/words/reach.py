"""Which words reach the class: attention of both levels joined, beside the gradient that checks it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from einops import rearrange, reduce
from jaxtyping import Float32

from vitviz.core.counted import layer_name
from vitviz.core.data.drawing import Drawing, Message, Panel, PixelSpace
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.core.measures.rollout import rollout
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import picture_layers
from vitviz.views.shared.cache_per_trace import kept
from vitviz.views.shared.inner_sentences import (
    inner_layer,
    no_words,
    rank_agreement,
    stitched,
    words_of,
)

Layers = Literal["all layers", "chosen layer"]
ReachStart = Literal["class token", "chosen token"]
Values = Float32[np.ndarray, "sentence word"]
GATED, GRADIENT = N_("share"), N_("gradient")


@view(
    "reach",
    title="Words that reach the class",
    shows=(
        "Left, vitviz's own measure, in no paper: the share of each sentence that the outer "
        "rollout "
        "carries to the class token, divided among its words by the inner attention that they "
        "receive. It follows attention only, while in truth a learned matrix reads all words of a "
        "sentence at once. So the right map checks it: the length of the gradient of the likeliest "
        "class's logit with respect to each word, places included, which leaves nothing out; "
        "the rank "
        "correlation of both maps stands below it."
    ),
    formula="M[n, j] = mean over layers l of R_l[class, n] · mean over i of A_in,l[n, i, j], with R_l "
    "the rollout from the last layer down to l; G[n, j] = ‖∂ logit / ∂ word[n, j]‖",
    source="M: vitviz, from rollout (Abnar and Zuidema 2020, arXiv:2005.00928) and TNT's inner "
    "attention (Han et al. 2021, arXiv:2103.00112); G: Simonyan et al. 2013, arXiv:1312.6034",
    follows=("token", "word", "layer", "head"),
    order=54,
    applies=no_words,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    layers: Annotated[
        Layers, OptionHelp("Inner attention of all layers, or of the chosen layer alone")
    ] = "all layers",
    start: Annotated[
        ReachStart,
        OptionHelp(
            "Whose content is followed; the gradient, which is the class's, checks the class token"
        ),
    ] = "class token",
    keep: Annotated[
        float, OptionHelp("Share that each outer layer passes on unchanged", 0, 1, 0.05)
    ] = 0.5,
    gradient: Annotated[
        bool,
        OptionHelp("Show the gradient too, for which the model runs once more, there and back"),
    ] = True,
    look: Look = Look(),
) -> Drawing:
    """The gated mosaic and, beside it, the gradient with respect to the words.

    Unsupported where the map of some layer is missing, which rollout needs.
    """
    words_of(trace)
    layer, head = inner_layer(trace, selection)
    token = _start(trace, selection, start)
    gated = _gated(trace, token, layer if layers == "chosen layer" else None, head, keep)
    measure = _panel(trace, selection, gated, look, _("Outer rollout × inner attention"), _(GATED))
    panels = [replace(measure, facts=((_("all words together"), f"{gated.sum():.2f}"),))]
    if gradient:
        panels.append(_checked(trace, selection, gated, look, token))
    which = (
        _(layers) if layers == "all layers" else _("inner {layer}").format(layer=layer_name(layer))
    )
    heads = words_of(trace).layers[layer].attention.heads
    return Drawing(
        "reach",
        _("Which words reach {token}: {which}, {head}").format(
            token=picture_layers.token_words(trace.grid, token),
            which=which,
            head=picture_layers.head_words(head, heads),
        ),
        (tuple(panels),),
        picture_layers.caption(
            trace,
            _(
                "Rollout times inner attention is vitviz's own measure; the gradient is what "
                "the model "
                "computes."
            ),
        ),
    )


def _start(trace: Trace, selection: Selection, start: ReachStart) -> int:
    prefix = trace.grid.prefix
    if start == "class token" and "class" in prefix:
        return prefix.index("class")
    return selection.token(trace.grid, trace.crop)


@kept(most=64)
def _gated(
    trace: Trace, token: int, layer: int | None, head: int | None, keep: float
) -> Float32[np.ndarray, "row col"]:
    """The measure over the picture; it sums to the share that the patches have of the rollout."""
    numbers = range(len(words_of(trace).layers)) if layer is None else (layer,)
    each = [
        rearrange(_shares(trace, token, number, keep), "sentence -> sentence 1")
        * words_of(trace).layers[number].attention.received(head)
        for number in numbers
    ]
    values: Values = reduce(np.stack(each), "layer sentence word -> sentence word", "mean")
    laid: Float32[np.ndarray, "row col"] = stitched(values, trace.grid)
    return laid


@kept(most=256)
def _shares(trace: Trace, token: int, layer: int, keep: float) -> Float32[np.ndarray, "sentence"]:
    """What each sentence has of the token, from the last outer layer down to the one whose block
    reads these words.
    """
    if trace.refused:
        raise Unsupported(
            _("rollout needs the map of every layer, and {why}").format(why=trace.refused[0])
        )
    block = words_of(trace).layers[layer].block
    outer = [each.attention for each in trace.layers if each.block >= block]
    shares: Float32[np.ndarray, "sentence"] = rollout(outer, token, keep=keep)[trace.grid.patches]
    return shares


def _panel(
    trace: Trace,
    selection: Selection,
    values: picture_layers.GridMap,
    look: Look,
    title: str,
    label: str,
) -> Panel:
    scale = picture_layers.scale_of(values, look, label)
    return Panel(
        picture_layers.over_picture(trace, selection, values, scale, look),
        trace.crop.frame,
        title,
        PixelSpace(trace.crop, trace.grid),
        scale if look.heat else None,
    )


def _checked(
    trace: Trace, selection: Selection, gated: picture_layers.GridMap, look: Look, token: int
) -> Panel:
    """The gradient's map; with how far the measure agrees where it follows the class token too, a
    sentence where there is none.
    """
    if trace.source is None:
        return _without(trace, _("The model is gone, so it cannot be asked for gradients."))
    try:
        found = _gradient(trace)
    except VitvizError as error:
        return _without(trace, str(error))
    panel = _panel(
        trace,
        selection,
        found,
        look,
        _("Gradient of the logit of {name}").format(name=_class(trace)),
        _(GRADIENT),
    )
    if token >= len(trace.grid.prefix):
        return panel
    agreement = rank_agreement(gated, found)
    return replace(panel, facts=((_("rank correlation"), f"{agreement:.2f}"),))


@kept(most=1)
def _gradient(trace: Trace) -> Float32[np.ndarray, "row col"]:
    assert trace.source is not None
    laid: Float32[np.ndarray, "row col"] = stitched(trace.source.word_gradient(), trace.grid)
    return laid


def _class(trace: Trace) -> str:
    return f"“{trace.predictions[0].name}”" if trace.predictions else _("the likeliest class")


def _without(trace: Trace, why: str) -> Panel:
    return Panel((Message(why),), trace.crop.frame, _("Gradient"))
