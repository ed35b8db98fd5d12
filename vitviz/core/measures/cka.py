"""How alike what two layers say is, whatever their width: centred kernel alignment (CKA).

Kornblith et al. 2019, arXiv:1905.00414, with the unbiased estimate of HSIC of Song et al. 2012,
averaged over minibatches before the ratio as in Nguyen, Raghu and Kornblith 2021, arXiv:2010.15327,
eq. 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from einops import rearrange, reduce
from jaxtyping import Float32, Float64

from vitviz.core.language import _
from vitviz.core.measures.overlap import MOST, Seen, overlap, pooled
from vitviz.core.progress import Unsupported

FEWEST = 4
"""Samples below which the unbiased estimate does not exist."""

LayerSamples = Float32[np.ndarray, "layer sample dim"]
OtherSamples = Float32[np.ndarray, "other other_sample other_dim"]
Grams = Float32[np.ndarray, "_ sample sample"]


class SampleBatch(NamedTuple):
    """What both models say of the same samples, layer by layer."""

    one: LayerSamples
    other: OtherSamples


class Hsic(NamedTuple):
    """HSIC of one batch: between the layers of both models, and of each layer with itself."""

    across: Float64[np.ndarray, "layer other"]
    first: Float64[np.ndarray, "layer"]
    second: Float64[np.ndarray, "other"]


def cka(batches: Iterable[SampleBatch]) -> Float64[np.ndarray, "layer other"]:
    """Debiased linear CKA of every layer of one model with every layer of another.

    1 is the same up to rotation and scale, about 0 nothing in common (it may fall slightly below).
    HSIC is averaged over the batches before the ratio. NaN for a layer that says the same of all
    samples. Unsupported below 4 samples in a batch, or without a batch.
    """
    found = [hsic(batch) for batch in batches]
    if not found:
        raise Unsupported(_("CKA needs what two models say of the same samples; there are none"))
    return cka_of(Hsic(*(np.mean(each, axis=0) for each in zip(*found, strict=True))))


def hsic(batch: SampleBatch) -> Hsic:
    """The unbiased estimates of one batch, to be averaged over batches before their ratio is taken.

    Unsupported below 4 samples.
    """
    one, other = _kernels(batch.one), _kernels(batch.other)
    return Hsic(_hsic(one, other), _hsic_own(one), _hsic_own(other))


def cka_of(mean: Hsic) -> Float64[np.ndarray, "layer other"]:
    """The ratio, of HSIC averaged over all batches; NaN where a layer does not vary."""
    own = np.outer(mean.first, mean.second)
    ratio = np.divide(
        mean.across, np.sqrt(np.maximum(own, 0)), where=own > 0, out=np.full(own.shape, np.nan)
    )
    found: Float64[np.ndarray, "layer other"] = ratio
    return found


def _kernels(features: LayerSamples) -> Grams:
    """Linear kernels with an empty diagonal, of features around their mean.

    The estimate is the same without centring; float32 is not.
    """
    samples = features.shape[1]
    if samples < FEWEST:
        raise Unsupported(
            _(
                "debiased CKA needs at least {fewest} samples, and there are {samples}; "
                "open more pictures or compare token by token"
            ).format(fewest=FEWEST, samples=samples)
        )
    centred = features - reduce(features, "layer sample dim -> layer 1 dim", "mean")
    # Rounding is all that is left of a layer that says the same of every sample.
    varied = np.abs(centred).max((1, 2)) > 1e-6 * np.abs(features).max((1, 2))
    centred *= rearrange(varied, "layer -> layer 1 1")
    kernels: Grams = centred @ rearrange(centred, "layer sample dim -> layer dim sample")
    diagonal = np.arange(samples)
    kernels[:, diagonal, diagonal] = 0
    return kernels


def _hsic(one: Grams, other: Grams) -> Float64[np.ndarray, "layer other"]:
    """HSIC_1: (tr KL + 1ᵀK1 1ᵀL1 / ((n-1)(n-2)) - 2 1ᵀKL1 / (n-2)) / (n(n-3)), for all pairs."""
    samples = one.shape[-1]
    trace = _flat(one) @ _flat(other).T
    sums = [
        reduce(each.astype(np.float64), "layer sample other -> layer sample", "sum")
        for each in (one, other)
    ]
    totals = [reduce(each, "layer sample -> layer", "sum") for each in sums]
    product = np.outer(*totals) / ((samples - 1) * (samples - 2))
    inner = 2 / (samples - 2) * (sums[0] @ sums[1].T)
    found: Float64[np.ndarray, "layer other"] = (trace + product - inner) / (
        samples * (samples - 3)
    )
    return found


def _hsic_own(kernels: Grams) -> Float64[np.ndarray, "layer"]:
    """Each layer's HSIC with itself."""
    return np.array([_hsic(one[None], one[None])[0, 0] for one in kernels])


def _flat(kernels: Grams) -> Float32[np.ndarray, "layer pair"]:
    flat: Float32[np.ndarray, "layer pair"] = rearrange(
        kernels, "layer sample other -> layer (sample other)"
    )
    return flat


def token_batch(one: LayerSamples, other: OtherSamples, where: tuple[Seen, Seen]) -> SampleBatch:
    """One picture's patch tokens as samples; `one` and `other` are all tokens of either model.

    Where the grids differ, both are averaged by area over the coarser grid's patches in the part
    that both saw. Prefix tokens have no place in the picture and are left out.
    """
    patches = [each[:, seen.grid.patches] for each, seen in zip((one, other), where, strict=True)]
    first, second = where
    if first == second and max(first.grid.rows, first.grid.cols) <= MOST:
        return SampleBatch(*patches)
    shared = overlap(first, second)
    rows = shared.rows.parts(first.grid.rows, second.grid.rows)
    cols = shared.cols.parts(first.grid.cols, second.grid.cols)
    return SampleBatch(
        *(
            pooled(each, seen.grid, down, across)
            for each, seen, down, across in zip(patches, where, rows, cols, strict=True)
        )
    )


def picture_batch(
    ones: Sequence[LayerSamples], others: Sequence[LayerSamples], where: Sequence[tuple[Seen, Seen]]
) -> SampleBatch:
    """Pictures as samples: each said by the mean of its patch tokens, layer by layer."""
    means = [
        [
            reduce(each[:, seen[side].grid.patches], "layer patch dim -> layer dim", "mean")
            for each, seen in zip(features, where, strict=True)
        ]
        for side, features in enumerate((ones, others))
    ]
    return SampleBatch(*(np.stack(each, axis=1) for each in means))
