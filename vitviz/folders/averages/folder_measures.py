"""What is averaged over the pictures of a folder: one array a picture, with its axes named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from einops import reduce
from jaxtyping import Float64

from vitviz.core.data.target import PREDICTED
from vitviz.core.data.trace import Layer, Trace
from vitviz.core.measures.distance import drawable, mean_distance, mean_entropy
from vitviz.core.measures.norm_outliers import norm_outliers
from vitviz.core.measures.similarity import cosine
from vitviz.core.measures.stage_rollout import staged_rollout
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.folders.picture_traces import PictureNumbers
from vitviz.views.api import Token, selection_of
from vitviz.views.attention.rollout import staged
from vitviz.views.attention.rollout_runs import RolloutWalk, fused_row
from vitviz.views.shared.heads_over_depth import layers_needed

THRESHOLD = 6.0
"""Robust standard deviations from which on a patch's length sticks out, as in the view of lengths."""
KEEP = 0.5
"""The share that the residual keeps in a rollout."""
LENGTHS = ("median patch", "mean patch", "longest patch", "share of outliers")

MeasuredValues = Float64[np.ndarray, "..."]
MeasureForm = Literal["heads", "prefix shares", "lengths", "layer pairs", "places", "map", "maps"]
"""How a measure is drawn, and with it the axes of its numbers (`AXES`)."""

AXES: Mapping[MeasureForm, tuple[str, ...]] = {
    "heads": ("layer", "head"),
    "prefix shares": ("layer", "head", "prefix"),
    "lengths": ("layer", "what"),
    "layer pairs": ("layer", "other"),
    "places": ("patch", "other"),
    "map": ("patch",),
    "maps": ("layer", "head", "key"),
}


@dataclass(frozen=True, slots=True)
class FolderMeasure:
    """One number or map of every picture, to be averaged.

    `form` says how it is drawn, `label` says what they are with their unit, `asks` whether tokens
    after each block are needed too (`PictureNumbers.features`), `source` where it was published.
    """

    name: str
    title: str
    label: str
    form: MeasureForm
    source: str
    measure: Callable[[PictureNumbers, Token], MeasuredValues]
    asks: bool = False

    @property
    def axes(self) -> tuple[str, ...]:
        """The entries' axes, in order."""
        return AXES[self.form]


def measures_named(names: Sequence[str]) -> tuple[FolderMeasure, ...]:
    """The measures of these names, each once. VitvizError listing what there is for another name."""
    for name in names:
        if name not in MEASURES:
            listed = ", ".join(MEASURES)
            raise VitvizError(f"{name!r} is not averaged over folders; there are: {listed}")
    return tuple(MEASURES[name] for name in dict.fromkeys(names))


def _attended(trace: Trace) -> None:
    if why := layers_needed(trace):
        raise Unsupported(why)


def _by_head(
    layers: Sequence[Layer], measure: Callable[[Layer], Float64[np.ndarray, "head"]]
) -> Float64[np.ndarray, "layer head"]:
    """A number for each head of each layer; NaN where a layer has fewer heads than others."""
    found = np.full((len(layers), max(layer.shares.heads for layer in layers)), np.nan)
    for at, layer in enumerate(layers):
        if drawable(layer):
            found[at, : layer.shares.heads] = measure(layer)
    return found


def _distance(one: PictureNumbers, _token: Token) -> MeasuredValues:
    _attended(one.trace)
    return _by_head(one.trace.layers, partial(mean_distance, renormalise=True))


def _entropy(one: PictureNumbers, _token: Token) -> MeasuredValues:
    _attended(one.trace)
    return _by_head(one.trace.layers, partial(mean_entropy, relative=True))


def _shares(one: PictureNumbers, _token: Token) -> MeasuredValues:
    """What patches give to each prefix token, mean over the patches."""
    trace = one.trace
    _attended(trace)
    prefix = len(trace.grid.prefix)
    if not prefix:
        raise Unsupported(f"{trace.model.called} has no class or register tokens to look at")
    heads = max(layer.shares.heads for layer in trace.layers)
    found = np.full((len(trace.layers), heads, prefix), np.nan)
    for at, layer in enumerate(trace.layers):
        if not drawable(layer) or layer.keys.prefix != trace.grid.prefix:
            continue
        weight = np.zeros((layer.shares.heads, layer.grid.tokens), np.float32)
        weight[:, layer.grid.patches] = 1 / (layer.grid.rows * layer.grid.cols)
        found[at, : layer.shares.heads] = layer.shares.flow(weight)[:, :prefix]
    return found


def _norms(one: PictureNumbers, _token: Token) -> MeasuredValues:
    """Of the stream after each block: `LENGTHS`, then every prefix token's length."""
    assert one.features is not None
    lengths = np.linalg.norm(one.features.astype(np.float64), axis=-1)
    patches = lengths[:, one.trace.grid.patches]
    stick_out = [norm_outliers(each.astype(np.float32), THRESHOLD).which.mean() for each in patches]
    columns = (np.median(patches, axis=1), patches.mean(axis=1), patches.max(axis=1), stick_out)
    return np.column_stack([*columns, lengths[:, : len(one.trace.grid.prefix)]])


def _positions(one: PictureNumbers, _token: Token) -> MeasuredValues:
    table = one.trace.positions
    if table is None:
        raise Unsupported(
            one.trace.positions_note or f"{one.trace.model.called} adds no position embeddings"
        )
    return cosine(table).astype(np.float64)


def _rollout(one: PictureNumbers, token: Token) -> MeasuredValues:
    trace = one.trace
    layers = len(trace.layers)
    asked = selection_of(trace, token=token)
    walk = RolloutWalk(KEEP, 0.0, 0, layers)
    if not staged(trace):
        row = fused_row(trace, asked.token(trace.grid, trace.crop), walk, "mean")
        return row[trace.grid.patches].astype(np.float64)
    last, first = trace.layers[-1].grid, trace.layers[0].grid
    found = staged_rollout(trace.layers, asked.token(last, trace.crop), keep=KEEP)
    return found[first.patches].astype(np.float64)


def _attention(one: PictureNumbers, token: Token) -> MeasuredValues:
    """Where the token looks, in every head of every layer."""
    trace = one.trace
    _attended(trace)
    if any(not layer.grid == layer.keys == trace.grid for layer in trace.layers):
        raise Unsupported(
            f"the layers of {trace.model.called} are over several grids, so their maps do not make one "
            "mean; draw them picture by picture"
        )
    asked = selection_of(trace, token=token).token(trace.grid, trace.crop)
    rows = [layer.attention.rows(asked) for layer in trace.layers]
    found = np.full((len(rows), max(map(len, rows)), trace.grid.tokens), np.nan)
    for at, each in enumerate(rows):
        found[at, : len(each)] = each
    return found


def _importance(one: PictureNumbers, _token: Token) -> MeasuredValues:
    """What the predicted class loses without each head, one pass a head."""
    if one.trace.source is None:
        raise Unsupported(
            f"{one.trace.model.called} cannot be asked again, as taking heads out does"
        )
    found = one.trace.source.head_importance(PREDICTED, "zero")
    return found.ablated.astype(np.float64)


def _cka(one: PictureNumbers, _token: Token) -> MeasuredValues:
    """Not a number of one picture: what goes into its minibatch, the mean patch token of each layer."""
    assert one.features is not None
    patches = one.features[:, one.trace.grid.patches]
    found: MeasuredValues = reduce(
        patches.astype(np.float64), "layer patch dim -> layer dim", "mean"
    )
    return found


_VIT = "Dosovitskiy et al. 2020, arXiv:2010.11929"
CKA = "cka"

MEASURES: Mapping[str, FolderMeasure] = {
    each.name: each
    for each in (
        FolderMeasure(
            "distance",
            "Mean attention distance",
            "mean attention distance, pixels",
            "heads",
            f"{_VIT}, figures 7 and 11",
            _distance,
        ),
        FolderMeasure(
            "entropy",
            "Attention entropy",
            "entropy, share of the evenest",
            "heads",
            "Vig and Belinkov 2019, arXiv:1906.04284",
            _entropy,
        ),
        FolderMeasure(
            "shares",
            "Attention on class and register tokens",
            "mean share given by patches",
            "prefix shares",
            "Darcet et al. 2023, arXiv:2309.16588",
            _shares,
        ),
        FolderMeasure(
            "norms",
            "Token lengths and outliers",
            "length of the stream",
            "lengths",
            "Darcet et al. 2023, arXiv:2309.16588",
            _norms,
            asks=True,
        ),
        FolderMeasure(
            "positions",
            "Position similarity",
            "cosine similarity",
            "places",
            f"{_VIT}, figure 7 (centre)",
            _positions,
        ),
        FolderMeasure(
            "importance",
            "Head importance",
            "fall of the predicted class's logit",
            "heads",
            "Michel, Levy and Neubig 2019, arXiv:1905.10650",
            _importance,
        ),
        FolderMeasure(
            CKA,
            "Layers compared",
            "debiased CKA",
            "layer pairs",
            "Nguyen, Raghu and Kornblith 2021, arXiv:2010.15327, eq. 3",
            _cka,
            asks=True,
        ),
        FolderMeasure(
            "rollout",
            "Attention rollout",
            "contribution",
            "map",
            "Abnar and Zuidema 2020, arXiv:2005.00928",
            _rollout,
        ),
        FolderMeasure(
            "attention",
            "Attention of one token",
            "share of the token's attention",
            "maps",
            "Caron et al. 2021, arXiv:2104.14294",
            _attention,
        ),
    )
}
"""Everything that is averaged over folders, by name."""
