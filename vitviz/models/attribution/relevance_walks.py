"""Relevance, gradient rollout, gradient x attention and LeGrad: row vectors pushed through pieces.

Each walks from the last layer to the first with one weight for each token, so that the relevance of
one token costs tokens^2 a layer and holds no matrix of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from vitviz.core.data.trace import Layer
from vitviz.core.progress import Progress, Unsupported, silent
from vitviz.models.attribution.attention_gradients import (
    PairPiece,
    add_to,
    gathered,
    pieces,
    with_gradient,
)
from vitviz.models.record.attention.lazy_attention import LazyAttention

Carried = TypeVar("Carried")

TokenWeight = Float32[Tensor, "token"]


def relevance_flow(attention: LazyAttention, weight: TokenWeight) -> TokenWeight:
    """weight @ mean over heads of (gradient * attention)+, without that matrix."""
    moved = torch.zeros(attention.keys, device=weight.device)
    for piece in pieces(attention, _needed(weight)):
        product = piece.gradients.mul_(piece.maps).clamp_(min=0)
        add_to(moved, piece.keys, _through(weight, piece, product) / attention.heads)
    return moved


def relevance(
    layers: Sequence[Layer],
    weight: TokenWeight,
    *,
    called: str = "the model",
    start: int = 0,
    progress: Progress = silent,
) -> TokenWeight:
    """Chefer, Gur and Wolf 2021, arXiv:2103.15679, equation 6 for one row: R <- R + A R.

    `weight` says where the walk begins, (1 for a token, or its share in what the head reads). The row
    of R is pushed through the layers from last to first: w <- w + w A, A = mean_h (grad * attn)+.
    Unsupported where layers are not over the same tokens.
    """

    def step(layer: Layer, weight: TokenWeight) -> TokenWeight:
        return weight + relevance_flow(with_gradient(layer, called), weight)

    return _walked_back("relevance", layers, weight, step, called, start, progress)


def gradient_rollout(
    layers: Sequence[Layer],
    weight: TokenWeight,
    *,
    called: str = "the model",
    start: int = 0,
    progress: Progress = silent,
) -> TokenWeight:
    """Rollout of (mean_h gradient * attention)+ with the identity and rows that sum to 1 (vit-explain).

    A' = (A + I) / row sums of it; the row is pushed through A' from the last layer to the first.
    """

    def step(layer: Layer, weight: TokenWeight) -> TokenWeight:
        moved = torch.zeros_like(weight)
        kept = weight.clone()
        for piece in pieces(with_gradient(layer, called), _needed(weight)):
            mixed = piece.gradients.mul_(piece.maps).mean(dim=1).clamp_(min=0)
            total = mixed.sum(dim=-1) + 1
            share = gathered(weight, piece.queries) / total
            add_to(moved, piece.keys, torch.einsum("wq,wqk->wk", share, mixed))
            add_to(kept, piece.queries, share - gathered(weight, piece.queries))
        return kept + moved

    return _walked_back("gradient rollout", layers, weight, step, called, start, progress)


def attention_rollout(
    layers: Sequence[Layer],
    weight: TokenWeight,
    *,
    called: str = "the model",
    start: int = 0,
    progress: Progress = silent,
) -> TokenWeight:
    """Abnar and Zuidema's rollout, arXiv:2005.00928, of the mean over heads: w <- (w + w A) / 2.

    It asks nothing about the target. Unsupported where layers are not over the same tokens.
    """

    def step(layer: Layer, row: np.ndarray) -> np.ndarray:
        mixed: np.ndarray = 0.5 * row + 0.5 * layer.attention.flow(row, fuse="mean")
        return mixed

    start_row = weight.cpu().numpy()[None]
    row = _walked_back("rollout", layers, start_row, step, called, start, progress)
    return torch.from_numpy(row[0].astype(np.float32))


WALKS: dict[str, Callable[..., TokenWeight]] = {
    "relevance": relevance,
    "gradient rollout": gradient_rollout,
    "rollout": attention_rollout,
}
"""The walks over all layers, by the method that takes them; called alike."""


def _walked_back(
    what: str,
    layers: Sequence[Layer],
    weight: Carried,
    step: Callable[[Layer, Carried], Carried],
    called: str,
    start: int,
    progress: Progress,
) -> Carried:
    """The weight after a step through each layer, from the last one to `start`."""
    check_same_tokens(layers, what, called)
    steps = layers[start:]
    for done, layer in enumerate(reversed(steps), start=1):
        weight = step(layer, weight)
        progress(done, len(steps), "walking back")
    return weight


def gradient_attention_row(
    layer: Layer, weight: TokenWeight, *, called: str = "the model", head: int | None = None
) -> TokenWeight:
    """weight @ (gradient * attention), the mean of the heads or one of them; signed."""
    attention = with_gradient(layer, called)
    moved = torch.zeros(attention.keys, device=weight.device)
    for piece in pieces(attention, _needed(weight)):
        product = piece.maps * piece.gradients
        product = product if head is None else product[:, head : head + 1]
        add_to(moved, piece.keys, _through(weight, piece, product) / product.shape[1])
    return moved


def legrad_column(attention: LazyAttention) -> TokenWeight:
    """Mean over heads and queries of (d score / d attention)+, for each key: one layer of LeGrad.

    Bousselham et al. 2024, arXiv:2404.03214, equations 6 and 7.
    """
    found = torch.zeros(attention.keys)
    for piece in pieces(attention, maps=False):
        positive = piece.gradients.clamp_(min=0).mean(dim=1)
        real = (piece.queries >= 0).to(positive.dtype).to(positive.device)
        add_to(found, piece.keys, torch.einsum("wq,wqk->wk", real, positive).to(found.device))
    return found / attention.queries


def check_same_tokens(layers: Sequence[Layer], what: str, called: str) -> None:
    """Unsupported unless all layers are over the tokens of one grid."""
    grids: dict[tuple[int, int], None] = {}
    for layer in layers:
        grids[layer.attention.queries, layer.attention.keys] = None
    if not layers:
        raise Unsupported(f"{called} has no attention among patches for {what} to walk through")
    if len(grids) > 1 or any(queries != keys for queries, keys in grids):
        sizes = ", ".join(f"{queries} × {keys}" for queries, keys in grids)
        raise Unsupported(
            f"{what} multiplies the layers' maps, and those of {called} are over other tokens "
            f"({sizes}, "
            "queries × keys); Grad-CAM, input x gradient and occlusion do not"
        )


def _needed(weight: TokenWeight) -> range | None:
    """The rows that a walk looks at, where weight is on one token alone."""
    there = torch.nonzero(weight)
    if len(there) != 1:
        return None
    only = int(there[0, 0])
    return range(only, only + 1)


def _through(
    weight: TokenWeight, piece: PairPiece, product: Tensor
) -> Float32[Tensor, "window key"]:
    """Weight on the queries of a piece, moved to its keys; heads are added up."""
    given = gathered(weight, piece.queries)
    heads = product.shape[1]
    rows = given[:, None, None].expand(-1, heads, 1, -1)
    return torch.matmul(rows, product)[:, :, 0].sum(dim=1)
